/** Maps that read along one axis and write along another, at sizes around the lengths of vectors. */
import { describe, expect, it } from 'vitest';
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
});
