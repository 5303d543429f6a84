import { describe, expect, test } from 'vitest';
import { GradientError } from '../../src/core/errors.js';
import * as g from '../../src/graph/build.js';
import { gradients, tangents } from '../../src/graph/differentiate.js';
import { nodesCreated, type Node } from '../../src/graph/node.js';
import { evaluate, leaf } from '../support/graph-evaluate.js';

const first = (nodes: readonly (Node | undefined)[]): number[] => evaluate(nodes[0] as Node);

describe('gradients', () => {
  const x = leaf([1, 2, 3]);

  test('start from ones, or from a seed', () => {
    const y = g.mul(x, x);
    expect(first(gradients(y, [x]))).toEqual([2, 4, 6]);
    expect(first(gradients(y, [x], leaf([1, 0, -1])))).toEqual([2, 0, -6]);
  });
  test('of a tensor for itself are the seed', () => {
    expect(first(gradients(x, [x]))).toEqual([1, 1, 1]);
  });
  test('for nodes inside the graph and below them at once', () => {
    const inner = g.mul(x, x);
    const outer = g.mul(inner, inner);
    const [toInner, toX] = gradients(outer, [inner, x]);
    expect(evaluate(toInner as Node)).toEqual([2, 8, 18]);
    expect(evaluate(toX as Node)).toEqual([4, 32, 108]);
  });
  test('are undefined where the output does not depend on it, and for integers', () => {
    expect(gradients(x, [leaf([1])])).toEqual([undefined]);
    const indices = leaf([0], [1], 'int32');
    expect(gradients(g.gather(x, indices, 0), [indices])).toEqual([undefined]);
  });
  test('walk only between the tensors asked for and the output', () => {
    let far = x;
    for (let i = 0; i < 1000; i++) far = g.unary('sin', far);
    const near = leaf([1, 1, 1]);
    const y = g.add(far, g.mul(near, near));
    const before = nodesCreated();
    gradients(y, [near]);
    expect(nodesCreated() - before).toBeLessThan(20);
  });
  test('of integers are an error that says so', () => {
    expect(() => gradients(leaf([1], [1], 'int32'), [x])).toThrow(GradientError);
    expect(() => gradients(g.argmax(x, 0), [x])).toThrow(/only floats have gradients.*int32/);
  });
  test('with a seed of another shape are an error', () => {
    expect(() => gradients(x, [x], leaf([1]))).toThrow(/shape \[3\].*\[1\]/);
  });

  test('of a chain of 100,000 nodes: no overflow, linear time', () => {
    const start = leaf([1]);
    const factor = leaf([1.00001]);
    let node = start;
    for (let i = 0; i < 100_000; i++) node = g.mul(node, factor);
    const [gradient] = gradients(node, [start]);
    expect(evaluate(gradient as Node)[0]).toBeCloseTo(1.00001 ** 100_000, 9);
  });
  test('a ladder that doubles 60 times has linear size, not 2^60', () => {
    let node = leaf([1]);
    const start = node;
    for (let i = 0; i < 60; i++) node = g.add(node, node);
    expect(first(gradients(node, [start]))).toEqual([2 ** 60]);
  });
});

describe('tangents', () => {
  test('are directional derivatives', () => {
    const x = leaf([1, 2, 3]);
    const y = leaf([4, 5, 6]);
    const product = g.mul(g.unary('exp', x), y);
    const [along] = tangents([product], [x, y], [leaf([1, 0, 0]), leaf([0, 1, 0])]);
    expect(evaluate(along as Node)).toEqual([4 * Math.E, Math.exp(2), 0]);
  });
  test('go through contractions, reductions and several outputs', () => {
    const a = leaf([1, 2, 3, 4], [2, 2]);
    const squared = g.dot(a, a, { batchA: [], batchB: [], contractA: [1], contractB: [0] });
    const direction = leaf([1, 0, 0, 0], [2, 2]);
    const [ofSquare, ofSum] = tangents([squared, g.sum(a, [0])], [a], [direction]);
    expect(evaluate(ofSquare as Node)).toEqual([2, 2, 3, 0]);
    expect(evaluate(ofSum as Node)).toEqual([1, 0]);
  });
  test('are undefined for outputs that do not depend on the input', () => {
    const x = leaf([1]);
    expect(tangents([leaf([2]), g.argmax(x, 0)], [x], [x])).toEqual([undefined, undefined]);
  });
});
