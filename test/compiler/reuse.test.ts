/** What a pass leaves in the memory of a result must not be read once the result is there. */
import { afterEach, describe, expect, it } from 'vitest';
import { ofVariable, variable } from '../../src/compiler/index-expr.js';
import type { Stage } from '../../src/compiler/kernel.js';
import { reuseAcrossPasses } from '../../src/compiler/reuse.js';
import { visit, type Scalar } from '../../src/compiler/scalar-expr.js';
import { setDevice } from '../../src/runtime/devices.js';
import { compile, grad, logSoftmax, random, softmax, type Tensor } from '../../src/tensor/index.js';
import { usableDevices } from '../support/devices.js';

afterEach(() => {
  setDevice('auto');
});

/** A row function together with its gradient: the gradient needs a pass after the one that writes the function. */
const functions: Record<string, (z: Tensor) => Tensor> = {
  softmax: (z) => softmax(z, 1),
  'logSoftmax beside softmax': (z) => softmax(z, 1).add(logSoftmax(z, 1)),
};

describe.each(Object.keys(functions))('%s and its gradient in one program', (name) => {
  it.each([
    [3, 8],
    [9, 100],
    [64, 3],
  ])('of %i x %i', async (rows, columns) => {
    const z = random.normal([rows, columns]);
    const w = random.normal([rows, columns]);
    await z.data();
    await w.data();
    const f = functions[name] as (z: Tensor) => Tensor;
    const results: number[][] = [];
    for (const device of ['reference', ...usableDevices().filter((each) => each !== 'reference')]) {
      setDevice(device);
      const both = compile((x: Tensor) => {
        const y = f(x);
        return [y, grad(y.mul(w).sum(), x)];
      });
      const [y, g] = both(z) as [Tensor, Tensor];
      results.push([...(await y.data()), ...(await g.data())]);
    }
    const [expected = [], ...others] = results;
    for (const other of others)
      other.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 4);
      });
  });
});

describe('reuse across passes', () => {
  const column = variable(8);
  const index = ofVariable(column);
  const op = (name: 'exp' | 'sub' | 'div' | 'mul', ...args: Scalar[]): Scalar => ({
    kind: 'op',
    dtype: 'float32',
    op: name,
    args,
  });
  const reduced = (slot: number): Scalar => ({ kind: 'reduced', dtype: 'float32', slot });
  const reduce = (slot: number, combiner: 'max' | 'sum', value: Scalar): Stage => ({
    kind: 'reduce',
    slot,
    combiner,
    value,
    dtype: 'float32',
    position: index,
  });
  const x: Scalar = { kind: 'load', dtype: 'float32', buffer: 0, index, guard: [] };
  const exponential = op('exp', op('sub', x, reduced(0)));
  const stages: Stage[] = [
    reduce(0, 'max', x),
    reduce(1, 'sum', exponential),
    { kind: 'store', buffer: 1, index, value: op('div', exponential, reduced(1)) },
    reduce(2, 'sum', op('mul', exponential, reduced(1))),
    { kind: 'store', buffer: 2, index, value: op('mul', exponential, reduced(2)) },
  ];
  const reads = (stage: Stage, buffer: number): boolean => {
    let found = false;
    visit([stage.value], (scalar) => {
      if (scalar.kind === 'load' && scalar.buffer === buffer) found = true;
    });
    return found;
  };
  const result = reuseAcrossPasses(stages, [column]);

  it('leaves the exponentials where the result will lie, and reads them back', () => {
    expect(result.filter((stage) => stage.kind === 'store' && stage.buffer === 1)).toHaveLength(2);
    const quotient = result.findLast((stage) => stage.kind === 'store' && stage.buffer === 1);
    expect(quotient !== undefined && reads(quotient, 1)).toBe(true);
  });

  it('computes them again once the result lies there', () => {
    const late = result.find((stage) => stage.kind === 'store' && stage.buffer === 2);
    expect(late !== undefined && reads(late, 1)).toBe(false);
  });
});
