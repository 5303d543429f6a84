/** Values after a run in whose middle a thread has ended. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  compile,
  random,
  setDevice,
  setThreads,
  threadCount,
  Variable,
  type Tensor,
} from '../../src/index.js';
import type { TypedArray } from '../../src/core/dtype.js';
import { currentDevice, wasmDevice } from '../../src/runtime/devices.js';
import { LostThreadError } from '../../src/runtime/pool.js';
import { killInKernel } from '../support/pool-inside.js';

/** Products of matrices of this size take many milliseconds. */
const SIZE = 1000;
const SCALE = 1 / Math.sqrt(SIZE);

const matrix = (seed: number): Tensor =>
  random.normal([SIZE, SIZE], { std: SCALE, generator: new random.Generator(seed) });

const before = { device: currentDevice().name, threads: threadCount() };
beforeAll(() => {
  setThreads(2);
  setDevice('wasm');
});
afterAll(() => {
  setThreads(before.threads);
  setDevice(before.device);
});

/** Quicker than `toEqual` for so many numbers. */
function expectSame(actual: TypedArray, expected: TypedArray): void {
  expect(Buffer.compare(bytesOf(actual), bytesOf(expected))).toBe(0);
}
const bytesOf = ({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Carries out `run` on two threads, of which one is killed. */
async function fail(run: () => unknown): Promise<void> {
  const { pool } = wasmDevice().memory;
  await pool.ready();
  killInKernel(pool, 0);
  await expect((async () => run())()).rejects.toThrow(LostThreadError);
}

describe('after a run that a thread has not survived', () => {
  test('variables that were to be written over cannot be read or used until they have a new value', async () => {
    const [w, x] = [new Variable(matrix(1)), new Variable(matrix(2))];
    const step = compile(() => {
      w.assign(w.matmul(x));
    });
    await wasmDevice().memory.pool.ready();
    const start = (await w.data()).slice();
    step();
    step();
    const expected = (await w.data()).slice();
    step();
    await fail(step);
    expect(step).toThrow(/half written.*\n.*checkpoint/);
    await expect((async () => w.data())()).rejects.toThrow(/half written/);
    expect(x.data()).toBeDefined();
    w.load(start.slice());
    expectSame(await w.data(), start);
    step();
    step();
    expectSame(await w.data(), expected);
  });

  test('assignments outside of compiled functions are carried out by the next evaluation', async () => {
    const [w, x] = [new Variable(matrix(1)), new Variable(matrix(2))];
    const sum = compile(() => w.sum());
    const product = (): Tensor => w.matmul(x);
    const expected = await product().data();
    const expectedSum = await product().sum().item();
    // The program is known to all threads.
    w.assign(product());
    const data = (await w.data()).slice();
    w.load(await matrix(1).data());
    await w.data();
    w.assign(product());
    await fail(() => w.data());
    expect(await sum().item()).toBeCloseTo(expectedSum, 2);
    expectSame(data, expected);
    expectSame(await w.data(), expected);
  });

  test('what was being prepared is prepared again', async () => {
    const [w, x] = [new Variable(matrix(1)), matrix(3)];
    const f = compile((y: Tensor) => w.matmul(w).matmul(y));
    const run = async (): Promise<TypedArray> => f(x).data();
    await wasmDevice().memory.pool.ready();
    const expected = (await run()).slice();
    w.load((await matrix(2).data()).slice());
    await run();
    w.load((await matrix(1).data()).slice());
    await w.data();
    // Breaks off as it prepares the first value again.
    await fail(run);
    expectSame(await run(), expected);
    expectSame(await run(), expected);
  });

  test('the memory of results is given back', async () => {
    const { heap, pool } = wasmDevice().memory;
    const [w, x] = [new Variable(matrix(1)), matrix(2)];
    const f = compile((y: Tensor) => w.matmul(y).sum(0));
    await pool.ready();
    const expected = await f(x).data();
    // What is used twice is kept.
    await f(x).data();
    await f(x).data();
    const used = heap.bytesInUse;
    await fail(() => f(x));
    // Large results of other runs may be collected meanwhile.
    expect(heap.bytesInUse).toBeLessThanOrEqual(used);
    expectSame(await f(x).data(), expected);
  });
});
