import { describe, expect, test } from 'vitest';
import * as g from '../../src/graph/build.js';
import { gradients, tangents } from '../../src/graph/differentiate.js';
import type { Node, ScanBody } from '../../src/graph/node.js';
import { evaluate, evaluateAll, leaf } from '../support/graph-evaluate.js';
import { checkGradients, project, randomLeaf } from '../support/graph-gradients.js';

const LENGTH = 4;
const matmul = { batchA: [], batchB: [], contractA: [1], contractB: [0] };

/** h' = tanh(h w + x); gives the next h, and what `outputs` makes of old and new h. */
function recurrent(outputs: (h: Node, next: Node, x: Node) => Node[]): ScanBody {
  const h = g.parameter(0, [2, 3], 'float64');
  const x = g.parameter(1, [2, 3], 'float64');
  const w = g.parameter(2, [3, 3], 'float64');
  const next = g.unary('tanh', g.add(g.dot(h, w, matmul), x));
  return { parameters: [h, x, w], results: [next, ...outputs(h, next, x)] };
}

/** The same loop, step after step in one graph. */
function unrolled(body: ScanBody, h: Node, xs: Node, w: Node, reverse: boolean): Node[] {
  const stacked: Node[][] = Array.from({ length: LENGTH }, () => []);
  const steps = Array.from({ length: LENGTH }, (_, t) => (reverse ? LENGTH - 1 - t : t));
  for (const t of steps) {
    const x = g.reshape(g.slice(xs, [t, 0, 0], [t + 1, 2, 3]), [2, 3]);
    const one = g.scan(body, { carries: [h], sequences: [g.reshape(x, [1, 2, 3])], constants: [w] }, 1);
    h = one[0] as Node;
    stacked[t] = one.slice(1);
  }
  return [
    h,
    ...(stacked[0] ?? []).map((_, i) =>
      g.concat(
        stacked.map((step) => step[i] as Node),
        0,
      ),
    ),
  ];
}

const leaves = (): [Node, Node, Node] => [
  randomLeaf([2, 3], 1),
  randomLeaf([LENGTH, 2, 3], 2),
  randomLeaf([3, 3], 3, -1, 1),
];

describe.each([
  ['nothing stacked', recurrent(() => [])],
  ['the next carry stacked', recurrent((_, next) => [next])],
  ['something else stacked', recurrent((h, next, x) => [g.mul(h, g.mul(next, x))])],
  ['the old carry stacked', recurrent((h) => [h])],
])('a recurrent loop with %s', (_, body) => {
  test.each([false, true])(
    'has the gradients of finite differences, first and second (reverse: %s)',
    (reverse) => {
      checkGradients(
        (h, x, w) => g.scan(body, { carries: [h], sequences: [x], constants: [w] }, LENGTH, reverse),
        leaves(),
      );
    },
  );

  test.each([false, true])('has the gradients of the unrolled graph (reverse: %s)', (reverse) => {
    const [h, x, w] = leaves();
    const looped = g.scan(body, { carries: [h], sequences: [x], constants: [w] }, LENGTH, reverse);
    const flat = unrolled(body, h, x, w, reverse);
    const found = evaluateAll(gradients(project(looped, 9), [h, x, w]) as Node[]);
    const expected = evaluateAll(gradients(project(flat, 9), [h, x, w]) as Node[]);
    found.flat().forEach((value, i) => expect(value).toBeCloseTo(expected.flat()[i] ?? NaN, 12));
  });
});

test('integer carries, and inputs without gradient, are left alone', () => {
  const count = g.parameter(0, [], 'int32');
  const total = g.parameter(1, [], 'float64');
  const x = g.parameter(2, [], 'float64');
  const factor = g.parameter(3, [], 'float64');
  const weight = g.mul(g.cast(count, 'float64'), factor);
  const body: ScanBody = {
    parameters: [count, total, x, factor],
    results: [g.add(count, g.constant(1, 'int32')), g.add(total, g.mul(weight, g.mul(x, x)))],
  };
  const start = leaf([1], [], 'int32');
  checkGradients(
    (t, xs, f) => g.scan(body, { carries: [start, t], sequences: [xs], constants: [f] }, 3)[1] as Node,
    [randomLeaf([], 1), randomLeaf([3], 2), randomLeaf([], 3)],
  );
});

test('a loop in a loop', () => {
  const makeInner = (): ScanBody => {
    const a = g.parameter(0, [], 'float64');
    const x = g.parameter(1, [], 'float64');
    return { parameters: [a, x], results: [g.unary('sin', g.mul(a, x))] };
  };
  const inner = makeInner();
  const a = g.parameter(0, [], 'float64');
  const row = g.parameter(1, [2], 'float64');
  const [next] = g.scan(inner, { carries: [a], sequences: [row], constants: [] }, 2);
  const body: ScanBody = { parameters: [a, row], results: [next as Node, g.mul(next as Node, a)] };
  checkGradients(
    (start, rows) => g.scan(body, { carries: [start], sequences: [rows], constants: [] }, 3),
    [randomLeaf([], 1), randomLeaf([3, 2], 2)],
  );
});

test('a loop of no steps passes the gradient to its carries', () => {
  const body = recurrent((_, next) => [next]);
  const [h, , w] = leaves();
  const [last] = g.scan(body, { carries: [h], sequences: [leaf([], [0, 2, 3])], constants: [w] }, 0);
  const [toH, toW] = gradients(last as Node, [h, w]);
  expect(evaluate(toH as Node)).toEqual([1, 1, 1, 1, 1, 1]);
  expect(evaluate(toW as Node)).toEqual(new Array(9).fill(0));
});

test('tangents go through loops', () => {
  const body = recurrent(() => []);
  const [h, x, w] = leaves();
  const [last] = g.scan(body, { carries: [h], sequences: [x], constants: [w] }, LENGTH);
  const direction = randomLeaf([2, 3], 8);
  const seed = randomLeaf([2, 3], 9);
  const [along] = tangents([last as Node], [h], [direction]);
  const [back] = gradients(last as Node, [h], seed);
  const inner = (a: Node, b: Node): number => evaluate(g.sum(g.mul(a, b), [0, 1]))[0] ?? NaN;
  expect(inner(along as Node, seed)).toBeCloseTo(inner(back as Node, direction), 12);
});
