import { describe, expect, it } from 'vitest';
import { compile, inspect, ones, Variable, type Tensor } from '../../src/index.js';
import { Heap } from '../../src/runtime/heap.js';
import { PreparedMemory } from '../../src/runtime/prepared-memory.js';
import { wasmDevice } from '../../src/runtime/devices.js';

describe('memory for what is prepared', () => {
  const programs = [{}, {}, {}] as const;
  /** Memory for 200 bytes, and the numbers of the programs that have lost theirs. */
  function small() {
    const heap = new Heap();
    const memory = new PreparedMemory(heap, 200);
    const lost: number[] = [];
    const take = (n: 0 | 1 | 2, bytes = 100): number =>
      memory.take(programs[n], bytes, () => {
        lost.push(n);
      });
    return { heap, memory, lost, take };
  }

  it('stays with its program', () => {
    const { take, lost } = small();
    const addresses = [take(0), take(1)];
    expect([take(0), take(1)]).toEqual(addresses);
    expect(lost).toEqual([]);
  });
  it('is taken from the program that has not run for the longest', () => {
    const { take, lost } = small();
    take(0);
    take(1);
    take(0);
    take(2);
    expect(lost).toEqual([1]);
    take(1);
    expect(lost).toEqual([1, 0]);
  });
  it('is there for a program beyond the limit, and for it alone', () => {
    const { take, lost } = small();
    take(0);
    take(1, 1000);
    expect(lost).toEqual([0]);
    expect(take(1, 1000)).toBe(take(1, 1000));
    take(2);
    expect(lost).toEqual([0, 1]);
  });
  it('goes back to the heap', () => {
    const { heap, memory, take } = small();
    const before = heap.bytesInUse;
    take(0);
    take(1);
    take(2);
    for (const program of programs) memory.free(program);
    expect(heap.bytesInUse).toBe(before);
  });
});

it('what was lost is prepared anew', async () => {
  const weight = new Variable(ones([64]));
  const run = compile((x: Tensor) => x.mul(weight.cumsum(0)));
  expect(
    await run(ones([64]))
      .sum()
      .item(),
  ).toBe(2080);
  expect(inspect(run).kernels).toContain('preparation');
  const { prepared } = wasmDevice().memory;
  const { blocks } = prepared as unknown as { blocks: Map<object, unknown> };
  expect(blocks.size).toBeGreaterThan(0);
  for (const program of [...blocks.keys()]) prepared.free(program);
  // Whatever lies there now.
  const { heap } = wasmDevice().memory;
  const filled = Array.from({ length: 50 }, () => heap.allocate(256));
  for (const address of filled) heap.view('float32', address, 64).fill(7);
  expect(
    await run(ones([64]))
      .sum()
      .item(),
  ).toBe(2080);
  for (const address of filled) heap.free(address);
});
