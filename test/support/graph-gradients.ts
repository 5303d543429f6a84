/** Gradients against finite differences, in float64. */
import { expect } from 'vitest';
import { HostRandom } from '../../src/core/threefry.js';
import { sizeOf, type Shape } from '../../src/core/shape.js';
import { add, cast, fillLike, mul, sum } from '../../src/graph/build.js';
import { gradients } from '../../src/graph/differentiate.js';
import type { Node } from '../../src/graph/node.js';
import { dataOf, evaluate, evaluateAll, leaf } from './graph-evaluate.js';

export type Build = (...leaves: Node[]) => Node | Node[];

/** A float64 leaf with numbers from `low` to `high`, no two of them close to each other. */
export function randomLeaf(shape: Shape, seed: number, low = -2, high = 2): Node {
  const random = new HostRandom(seed);
  const size = sizeOf(shape);
  const order = random.permutation(size);
  const step = (high - low) / Math.max(1, size);
  return leaf(
    Array.from(order, (place) => low + (place + 0.2 + 0.6 * random.uniform()) * step),
    shape,
  );
}

/** All elements of all results, each with a weight of its own, in one number. */
export function project(results: Node | Node[], seed: number): Node {
  const list = Array.isArray(results) ? results : [results];
  const parts = list.map((node, i) => {
    const weights = randomLeaf(node.shape, seed + i, 0.5, 1.5);
    const all = node.shape.map((_, axis) => axis);
    return sum(mul(cast(node, 'float64'), weights), all);
  });
  return parts.reduce(add);
}

/** Central differences of the scalar `loss` for each element of `x`. */
function differences(loss: Node, x: Node): number[] {
  const data = dataOf(x);
  return Array.from(data, (value, i) => {
    const step = 1e-5 * Math.max(1, Math.abs(value));
    const at = (moved: number): number => {
      const changed = data.slice();
      changed[i] = moved;
      return evaluate(loss, [[x, changed]])[0] ?? NaN;
    };
    return (at(value + step) - at(value - step)) / (2 * step);
  });
}

function expectClose(found: readonly number[], expected: readonly number[], what: string): void {
  expect(found.length, what).toBe(expected.length);
  found.forEach((value, i) => {
    const target = expected[i] ?? NaN;
    const error = Math.abs(value - target) / Math.max(1, Math.abs(target));
    expect(error, `${what}, element ${i}: ${value} should be ${target}`).toBeLessThan(2e-6);
  });
}

/** The loss's gradients for all leaves, zeros where there is none. */
function allGradients(loss: Node, leaves: readonly Node[]): Node[] {
  return gradients(loss, leaves).map((node, i) => node ?? fillLike(leaves[i] as Node, 0));
}

/** Expects the gradients of `build` for its leaves, and their gradients in turn, to be those of finite differences. */
export function checkGradients(build: Build, leaves: Node[], order: 1 | 2 = 2): void {
  const loss = project(build(...leaves), 100);
  const first = allGradients(loss, leaves);
  const found = evaluateAll(first);
  leaves.forEach((x, i) => expectClose(found[i] ?? [], differences(loss, x), `gradient of input ${i}`));
  if (order === 1) return;
  const slope = project(first, 200);
  const second = evaluateAll(allGradients(slope, leaves));
  leaves.forEach((x, i) =>
    expectClose(second[i] ?? [], differences(slope, x), `second derivative of input ${i}`),
  );
}
