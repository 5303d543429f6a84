/** Maps that read along one axis and write along another, at sizes around the lengths of vectors. */
import { describe, it } from 'vitest';
import type { DType } from '../../src/core/dtype.js';
import { HostRandom } from '../../src/core/threefry.js';
import * as g from '../../src/graph/build.js';
import type { Node } from '../../src/graph/node.js';
import { expectAgreement, randomValue } from '../support/device-agreement.js';

const random = new HostRandom(11);
const SIZES = [3, 4, 5, 8, 9, 15, 16, 17, 31, 33, 64, 65, 130];
const PAIRS = SIZES.flatMap((rows) => SIZES.map((columns): [number, number] => [rows, columns]));

const turned = (x: Node): Node => g.permute(x, [1, 0]);
const of = (shape: readonly number[], dtype: DType = 'float32'): Node => randomValue(random, shape, dtype);

describe('squares of vectors are turned', () => {
  it('of one operand beside others', () => {
    for (const [m, n] of PAIRS) expectAgreement([g.add(turned(of([m, n])), of([n, m]))]);
  });
  it('of several operands, for several results', () => {
    for (const [m, n] of [
      [16, 17],
      [33, 64],
      [65, 31],
      [20, 70],
    ] as const) {
      const [x, y, z] = [of([m, n]), of([m, n]), of([n, m])];
      expectAgreement([g.mul(g.add(turned(x), turned(y)), z), g.sub(turned(x), z)]);
    }
  });
  it('of an operand that is also read along', () => {
    for (const n of [5, 16, 33, 50]) {
      const x = of([n, n]);
      expectAgreement([g.add(x, turned(x))]);
    }
  });
  it('between other loops, both ways', () => {
    for (const [c, p] of [
      [3, 35],
      [17, 20],
      [33, 49],
      [64, 16],
    ] as const) {
      expectAgreement([g.times(g.permute(of([3, c, p, 2]), [0, 2, 3, 1]), 2)]);
      expectAgreement([g.times(g.permute(of([c, 3, p]), [2, 1, 0]), 2)]);
      expectAgreement([g.times(g.permute(of([3, p, c]), [0, 2, 1]), 2)]);
    }
  });
  it('of padded and sliced operands', () => {
    for (const [m, n] of [
      [16, 17],
      [30, 40],
      [65, 33],
    ] as const) {
      const padded = g.pad(of([m, n]), [2, 1], [1, 3]);
      expectAgreement([g.add(turned(padded), of([n + 4, m + 3]))]);
      expectAgreement([g.times(turned(g.slice(of([m, n]), [1, 3], [m, n])), 2)]);
    }
  });
  it.each(['int32', 'uint32', 'uint8', 'int8', 'float16', 'bool', 'float64'] as const)('of %s', (dtype) => {
    for (const [m, n] of [
      [16, 17],
      [33, 50],
    ] as const)
      expectAgreement([g.cast(turned(of([m, n], dtype)), 'int32')]);
  });
});
