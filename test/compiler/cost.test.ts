import { describe, expect, it } from 'vitest';
import { kernelCost, type KernelCost } from '../../src/compiler/cost.js';
import { compileGraph } from '../../src/compiler/program.js';
import { WASM_MACHINE } from '../../src/targets/cpu/machine.js';
import { structureOf } from '../../src/graph/structure.js';
import { conv2d, indexAdd, scan, tensor, where, zeros, type Tensor } from '../../src/index.js';

/** The cost of each kernel that computes a tensor, in order, by kind. */
function costsOf(wanted: Tensor): (KernelCost & { readonly kind: string })[] {
  const outputs = [wanted.node];
  const { inputs, scalars } = structureOf(outputs);
  const { steps, buffers } = compileGraph(
    { inputs, scalars, outputs, overwrites: [undefined] },
    WASM_MACHINE.traits,
  );
  return steps.flat().map((kernel) => ({ kind: kernel.kind, ...kernelCost(kernel, buffers) }));
}

/** The cost of the only kernel: bytes read, bytes written, operations. */
function costOf(wanted: Tensor): readonly number[] {
  const [cost, ...others] = costsOf(wanted);
  expect(others, 'one kernel').toEqual([]);
  return cost === undefined ? [] : [cost.bytesRead, cost.bytesWritten, cost.flops];
}

/** A tensor in memory; `ones` would be a constant, which nobody reads. */
const inMemory = (...shape: number[]): Tensor =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), { shape });

const x = inMemory(8, 10);
const row = inMemory(10);
const whole = tensor([3, 1, 2], { dtype: 'int32' });

describe('what a loop costs', () => {
  it.each<[string, Tensor, number, number, number]>([
    ['an operation for each element', x.mul(x), 320, 320, 80],
    ['each operation of a fused chain', x.mul(x).add(x).sqrt(), 320, 320, 240],
    ['transcendental functions, as one', x.exp(), 320, 320, 80],
    ['nothing for conversions', x.cast('int32'), 320, 320, 0],
    ['a comparison, but no selection', where(x.lt(0), x, x.neg()), 320, 320, 160],
    ['no operations on whole numbers', whole.mul(whole), 12, 12, 0],
    ['bytes by their dtype', x.cast('uint8').cast('float32'), 320, 320, 0],
    ['a broadcast row, read once', x.add(row), 360, 320, 80],
    ['what depends on the column alone, once for each', x.add(row.abs()), 360, 320, 90],
    ['overlapping parts of one tensor, read once', row.slice([1, 10]).add(row.slice([0, 9])), 40, 36, 9],
    ['every second element, without those between', row.slice([null, null, 2]).neg(), 20, 20, 5],
    ['padding, which is not read', row.pad([[3, 3]]).neg(), 40, 64, 16],
    ['an addition for each element of a sum', x.sum(1), 320, 32, 80],
    ['the operations on what is summed', x.mul(x).sum(1), 320, 32, 160],
    ['those on the sum, once for each row', x.sum(1).sqrt(), 320, 32, 88],
    ['a mean of nothing but sums', x.mean(), 320, 4, 81],
  ])('%s', (_, wanted, read, written, flops) => {
    expect(costOf(wanted)).toEqual([read, written, flops]);
  });

  it('reads a row of a softmax once, and what it has written itself not at all', () => {
    const [read, written] = costOf(x.softmax(1));
    expect([read, written]).toEqual([320, 320]);
  });

  it('reads as many rows of a table as are gathered', () => {
    const table = inMemory(1000, 8);
    const [read, written] = costOf(table.take(tensor([5, 7, 9], { dtype: 'int32' }), 0));
    expect([read, written]).toEqual([3 * 8 * 4 + 3 * 4, 3 * 8 * 4]);
  });
});

describe('what other kernels cost', () => {
  it('2mnk operations for a product, and those of its epilogue', () => {
    const a = inMemory(40, 50);
    const b = inMemory(50, 60);
    const bytes = [(40 * 50 + 50 * 60) * 4, 40 * 60 * 4];
    expect(costOf(a.matmul(b))).toEqual([...bytes, 2 * 40 * 50 * 60]);
    const [read, written, flops] = costOf(a.matmul(b).add(inMemory(60)).exp());
    expect([read, written, flops]).toEqual([(bytes[0] ?? 0) + 240, bytes[1], 2 * 40 * 50 * 60 + 2 * 40 * 60]);
  });

  it('the direct sum for a convolution, whose windows overlap', () => {
    const [cost] = costsOf(conv2d(inMemory(2, 1, 12, 12), inMemory(4, 1, 5, 5)));
    expect(cost).toEqual({
      kind: 'contraction',
      bytesRead: (2 * 144 + 100) * 4,
      bytesWritten: 2 * 4 * 64 * 4,
      flops: 2 * 2 * 4 * 64 * 25,
      executedFlops: 2 * 2 * 4 * 64 * 25,
    });
  });

  it("the direct sum for one by Winograd's algorithm too, which carries out fewer", () => {
    const [filters, cost] = costsOf(conv2d(inMemory(4, 32, 34, 34), inMemory(32, 32, 3, 3)));
    expect([filters?.kind, cost?.kind]).toEqual(['winogradFilter', 'winograd']);
    const direct = 2 * 9 * 4 * 32 * 32 * 32 * 32;
    expect(cost?.flops).toBe(direct);
    // 36 products instead of 144, and the transforms.
    const share = (cost?.executedFlops ?? 0) / direct;
    expect(share).toBeGreaterThan(0.25);
    expect(share).toBeLessThan(0.5);
    expect(filters?.flops).toBe(0);
    expect(cost?.bytesWritten).toBe(4 * 32 * 32 * 32 * 4);
  });

  it('an addition for each element of a running sum', () => {
    expect(costOf(x.cumsum(1))).toEqual([320, 320, 80]);
  });

  it('no arithmetic for a sort', () => {
    expect(costOf(x.argsort(1))).toEqual([320, 320, 0]);
  });

  it('an addition for each element that is scattered', () => {
    const rows = tensor([0, 0, 2], { dtype: 'int32' });
    expect(costOf(indexAdd(zeros([4, 5]), rows, inMemory(3, 5)))).toEqual([12 + 60, 80, 15]);
  });

  it('for a scan what its steps cost, as often as they run', () => {
    const [, totals] = scan(
      (sum: Tensor, each: Tensor) => [sum.add(each), sum.mul(each)],
      row,
      inMemory(7, 10),
    );
    const loop = costsOf(totals).find(({ kind }) => kind === 'scan');
    expect(loop?.flops).toBe(7 * 20);
  });

  it('nothing for nothing', () => {
    expect(costOf(inMemory(0, 3).sum(0))).toEqual([0, 12, 0]);
  });
});
