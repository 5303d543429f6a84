import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sizeOf, type Shape } from '../../src/core/shape.js';
import type { DType } from '../../src/core/dtype.js';
import { batch } from '../../src/graph/batch.js';
import * as g from '../../src/graph/build.js';
import { gradients } from '../../src/graph/differentiate.js';
import { isOp, topologicalOrder, type Node, type ScanBody } from '../../src/graph/node.js';
import { dataOf, evaluateAll, leaf } from '../support/graph-evaluate.js';
import { randomLeaf } from '../support/graph-gradients.js';

const SIZE = 3;

/** What one input of one sample looks like. */
type Input = readonly [shape: Shape, dtype?: DType, low?: number, high?: number];
type Build = (...inputs: Node[]) => Node | Node[];

function data([shape, dtype = 'float64', low = -2, high = 2]: Input, seed: number, samples?: number): Node {
  const full = samples === undefined ? shape : [samples, ...shape];
  const floats = dataOf(randomLeaf(full, seed, low, high));
  const wholes = dtype === 'float64' ? floats : floats.map(Math.floor);
  return leaf(dtype === 'bool' ? wholes.map((x) => x & 1) : wholes, full, dtype);
}

/** Every choice of at least one input to be batched. */
function choices(count: number): boolean[][] {
  return Array.from({ length: 2 ** count - 1 }, (_, bits) =>
    Array.from({ length: count }, (_, i) => (((bits + 1) >> i) & 1) === 1),
  );
}

/** Expects the batched graph to give what a loop over the samples gives, whichever inputs are batched. */
function checkBatching(build: Build, ...inputs: Input[]): void {
  for (const batched of choices(inputs.length)) {
    const given = inputs.map((input, i) => data(input, i + 1, batched[i] === true ? SIZE : undefined));
    const samples = inputs.map((input, i) =>
      batched[i] === true ? g.placeholder(input[0], input[1] ?? 'float64') : (given[i] as Node),
    );
    const built = build(...samples);
    const outputs = Array.isArray(built) ? built : [built];
    const mapped = new Map<Node, Node>();
    samples.forEach((sample, i) => {
      if (batched[i] === true) mapped.set(sample, given[i] as Node);
    });
    const results = batch(outputs, mapped, SIZE);
    results.forEach((result, i) => expect(result.shape).toEqual([SIZE, ...(outputs[i]?.shape ?? [])]));

    const looped = Array.from({ length: SIZE }, (_, at) =>
      evaluateAll(
        outputs,
        samples.flatMap((sample, i) => {
          if (batched[i] !== true) return [];
          const size = sizeOf(sample.shape);
          return [[sample, dataOf(given[i] as Node).slice(at * size, (at + 1) * size)] as const];
        }),
      ),
    );
    const found = evaluateAll(results);
    const expected = outputs.map((_, i) => looped.flatMap((sample) => sample[i] ?? []));
    found.flat().forEach((value, i) => expect(value).toBeCloseTo(expected.flat()[i] ?? NaN, 12));
  }
}

describe('element-wise', () => {
  test.each<g.UnaryOp>([
    ...(['neg', 'abs', 'sign', 'floor', 'ceil', 'round', 'trunc', 'sqrt', 'exp', 'expm1', 'log'] as const),
    ...(['log1p', 'sin', 'cos', 'tan', 'atan', 'tanh', 'sigmoid', 'erf'] as const),
  ])('%s', (op) => checkBatching((x) => g.unary(op, x), [[2, 3], 'float64', 0.1, 2]));

  test.each<g.BinaryOp>([
    ...(['add', 'sub', 'mul', 'div', 'mod', 'pow', 'max', 'min', 'atan2', 'eq', 'ne', 'lt', 'le'] as const),
  ])('%s', (op) =>
    checkBatching((a, b) => g.binary(op, a, b), [[2, 3], 'float64', 0.5, 2], [[2, 3], 'float64', 0.5, 2]),
  );

  test.each<g.BinaryOp>(['and', 'or', 'xor', 'shl', 'shr'])('%s', (op) =>
    checkBatching((a, b) => g.binary(op, a, b), [[4], 'int32', 0, 9], [[4], 'int32', 0, 5]),
  );
  test('not', () => checkBatching((x) => g.unary('not', x), [[4], 'bool', 0, 9]));
  test('where', () => checkBatching(g.where, [[4], 'bool', 0, 9], [[4]], [[4]]));
  test('cast', () => checkBatching((x) => g.cast(x, 'int32'), [[4], 'float64', -9, 9]));
  test('bitcast', () => checkBatching((x) => g.bitcast(x, 'uint32'), [[4], 'int32', -9, 9]));
  test('scalars of each sample', () => checkBatching(g.add, [[]], [[]]));
});

describe('reductions', () => {
  test.each<g.ReduceOp>(['sum', 'prod', 'reduceMax', 'reduceMin'])('%s', (op) => {
    checkBatching((x) => g.reduce(op, x, [1]), [[2, 3, 2]]);
    checkBatching((x) => g.reduce(op, x, [0, 2]), [[2, 3, 2]]);
  });
  test('argmax', () => checkBatching((x) => g.argmax(x, 1), [[2, 4]]));
  test('argmin', () => checkBatching((x) => g.argmin(x, 0), [[4, 2]]));
  test('cumsum', () => checkBatching((x) => g.cumsum(x, 0), [[4, 2]]));
  test('argsort', () => checkBatching((x) => g.argsort(x, 0, true), [[4, 2]]));
});

describe('movement', () => {
  test.each<[string, Shape, (x: Node) => Node]>([
    ['reshape', [2, 3], (x) => g.reshape(x, [6])],
    ['permute', [2, 3, 4], (x) => g.permute(x, [2, 0, 1])],
    ['expand', [1, 3], (x) => g.expand(x, [4, 3])],
    ['pad', [2, 3], (x) => g.pad(x, [1, 0], [0, 2], [1, 0], 7)],
    ['slice', [4, 5], (x) => g.slice(x, [1, 0], [4, 5], [2, 3])],
    ['flip', [2, 3], (x) => g.flip(x, [0])],
    ['window', [6, 2], (x) => g.windows(x, 0, 2, 1, 2)],
    ['stopGradient', [2], g.stopGradient],
  ])('%s', (_, shape, move) => checkBatching(move, [shape]));
  test('concat', () => checkBatching((a, b) => g.concat([a, b], 1), [[2, 1]], [[2, 3]]));
  test('barrier', () => checkBatching((a, b) => g.barrier(a, [b]), [[2]], [[3]]));
});

describe('contractions', () => {
  test.each<[string, Shape, Shape, Parameters<typeof g.dot>[2]]>([
    ['matrix times matrix', [2, 3], [3, 4], { batchA: [], batchB: [], contractA: [1], contractB: [0] }],
    ['matrix times transposed', [2, 3], [4, 3], { batchA: [], batchB: [], contractA: [1], contractB: [1] }],
    ['inner product', [3], [3], { batchA: [], batchB: [], contractA: [0], contractB: [0] }],
    ['outer product', [2], [3], { batchA: [], batchB: [], contractA: [], contractB: [] }],
    ['batch axes', [4, 3, 2], [3, 2, 4], { batchA: [0], batchB: [2], contractA: [1], contractB: [0] }],
  ])('dot: %s', (_, a, b, attributes) => checkBatching((x, y) => g.dot(x, y, attributes), [a], [b]));

  const plain = { stride: [1], padding: [[1, 0]], dilation: [1], inputDilation: [1], groups: 1 } as const;
  test.each<[string, Shape, Shape, Partial<Parameters<typeof g.conv>[2]>]>([
    ['plain', [2, 2, 5], [3, 2, 3], {}],
    ['stride and dilation', [2, 1, 7], [2, 1, 2], { stride: [2], dilation: [2] }],
    ['groups', [1, 4, 5], [6, 2, 2], { groups: 2 }],
    ['depthwise', [2, 3, 4], [3, 1, 2], { groups: 3 }],
  ])('conv: %s', (_, x, w, attributes) =>
    checkBatching((a, b) => g.conv(a, b, { ...plain, ...attributes }), [x], [w]),
  );
});

describe('data-dependent indexing (indices out of range included)', () => {
  const indices: Input = [[2, 2], 'int32', -2, 6];
  test.each([0, 1, 2])('gather along axis %i', (axis) =>
    checkBatching((x, at) => g.gather(x, at, axis), [[4, 4, 4]], indices),
  );
  test('gather by a single index', () => {
    checkBatching((x, at) => g.gather(x, at, 0), [[4, 2]], [[], 'int32', 0, 3]);
  });
  test.each([0, 1])('scatterAdd along axis %i', (axis) =>
    checkBatching((at, x) => g.scatterAdd(at, x, axis, 4), indices, [axis === 0 ? [2, 2, 3] : [3, 2, 2]]),
  );
});

describe('loops', () => {
  const body = ((): ScanBody => {
    const h = g.parameter(0, [2], 'float64');
    const count = g.parameter(1, [], 'float64');
    const x = g.parameter(2, [2], 'float64');
    const w = g.parameter(3, [2, 2], 'float64');
    const product = g.dot(w, h, { batchA: [], batchB: [], contractA: [1], contractB: [0] });
    const next = g.unary('tanh', g.add(product, x));
    const later = g.add(count, g.constant(1, 'float64'));
    return { parameters: [h, count, x, w], results: [next, later, g.mul(next, g.stretch(count, [2]))] };
  })();
  test.each([false, true])('scan, whatever is batched (reverse: %s)', (reverse) =>
    checkBatching(
      (h, count, x, w) => g.scan(body, { carries: [h, count], sequences: [x], constants: [w] }, 4, reverse),
      [[2]],
      [[]],
      [[4, 2]],
      [[2, 2]],
    ),
  );
});

describe('random numbers', () => {
  const keyed = (key: Node): Node => g.random(key, [2]);

  test('a key of each sample draws that sample’s numbers', () =>
    checkBatching(keyed, [[2], 'uint32', 0, 1e6]));

  test('one key inside the function draws different numbers for each sample', () => {
    const key = leaf([1, 2], [2], 'uint32');
    const x = g.placeholder([2], 'uint32');
    const [y] = batch(
      [g.add(x, keyed(key))],
      new Map([[x, leaf(new Array(6).fill(0), [3, 2], 'uint32')]]),
      3,
    );
    expect(evaluateAll([y as Node])).toEqual(evaluateAll([g.random(key, [3, 2])]));
  });

  test('numbers drawn outside of the function are the same for each sample', () => {
    const noise = keyed(leaf([1, 2], [2], 'uint32'));
    const x = g.placeholder([2], 'uint32');
    const [y] = batch([g.add(x, noise)], new Map([[x, leaf(new Array(6).fill(0), [3, 2], 'uint32')]]), 3);
    const [once = []] = evaluateAll([noise]);
    expect(evaluateAll([y as Node])).toEqual([[...once, ...once, ...once]]);
  });
});

describe('with gradients', () => {
  const loss = (x: Node, w: Node): Node => {
    const product = g.dot(x, w, { batchA: [], batchB: [], contractA: [1], contractB: [0] });
    return g.sum(g.unary('tanh', product), [0, 1]);
  };

  test('gradients of each sample', () =>
    checkBatching((x, w) => gradients(loss(x, w), [w]) as Node[], [[2, 3]], [[3, 2]]));

  test('a gradient through a batched graph', () => {
    const xs = randomLeaf([SIZE, 2, 3], 1);
    const w = randomLeaf([3, 2], 2);
    const x = g.placeholder([2, 3], 'float64');
    const [losses] = batch([loss(x, w)], new Map([[x, xs]]), SIZE);
    const flat = loss(g.reshape(xs, [SIZE * 2, 3]), w);
    const [found, expected] = [losses as Node, flat].map((each) => gradients(each, [w])[0] as Node);
    const [a = [], b = []] = evaluateAll([found as Node, expected as Node]);
    a.forEach((value, i) => expect(value).toBeCloseTo(b[i] ?? NaN, 12));
  });

  test('a custom rule is applied to each sample', () => {
    const clipped = (x: Node, limit: Node): Node =>
      g.custom(g.mul(x, x), [x, limit], (gradient, [, most]) => {
        // Depends on the whole sample, so a rule applied to the whole batch would give something else.
        const total = g.stretch(g.sum(gradient, [0]), [2]);
        return [g.binary('min', total, most as Node), undefined];
      });
    checkBatching((x, limit) => gradients(g.mul(clipped(x, limit), x), [x]) as Node[], [[2]], [[2]]);
    const xs = randomLeaf([SIZE, 2], 1);
    const limit = leaf([9, 9]);
    const x = g.placeholder([2], 'float64');
    const [batched] = batch([clipped(x, limit)], new Map([[x, xs]]), SIZE);
    const seed = leaf([1, 2, 3, 4, 5, 6], [SIZE, 2]);
    expect(evaluateAll(gradients(batched as Node, [xs], seed) as Node[])).toEqual([[3, 3, 7, 7, 9, 9]]);
  });
});

describe('what need not grow does not', () => {
  test('nodes that do not depend on a sample are left alone', () => {
    const w = leaf([1, 2]);
    const shared = g.unary('exp', w);
    const x = g.placeholder([2], 'float64');
    const [y] = batch([g.add(x, shared)], new Map([[x, leaf([1, 2, 3, 4], [2, 2])]]), 2);
    expect(topologicalOrder([y as Node])).toContain(shared);
  });
  test('one weight for all samples stays one matrix product', () => {
    const w = leaf([1, 2, 3, 4], [2, 2]);
    const x = g.placeholder([2], 'float64');
    const product = g.dot(x, w, { batchA: [], batchB: [], contractA: [0], contractB: [0] });
    const [y] = batch([product], new Map([[x, leaf([1, 2, 3, 4, 5, 6], [3, 2])]]), 3);
    const dots = topologicalOrder([y as Node]).filter((node) => isOp(node, 'dot'));
    expect(dots.map((node) => node.attributes.batchA)).toEqual([[]]);
    expect(dots.flatMap((node) => node.inputs)).toContain(w);
  });
  test('outputs that depend on no sample are repeated', () => {
    const [y] = batch([leaf([1, 2])], new Map(), 2);
    expect(evaluateAll([y as Node])).toEqual([[1, 2, 1, 2]]);
  });
});

test('a batch of batches', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), (outer, inner) => {
      const [x, y] = [g.placeholder([2], 'float64'), g.placeholder([2], 'float64')];
      const product = g.dot(x, y, { batchA: [], batchB: [], contractA: [0], contractB: [0] });
      const [xs, ys] = [randomLeaf([outer, 2], 1), randomLeaf([inner, 2], 2)];
      const rows = batch([product], new Map([[y, ys]]), inner);
      const [all] = batch(rows, new Map([[x, xs]]), outer);
      const table = g.dot(xs, ys, { batchA: [], batchB: [], contractA: [1], contractB: [1] });
      const [found = [], expected = []] = evaluateAll([all as Node, table]);
      found.forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? NaN, 12));
    }),
    { numRuns: 6 },
  );
});

test('a chain of 100,000 nodes does not overflow the stack', () => {
  const x = g.placeholder([], 'float64');
  let node: Node = x;
  for (let i = 0; i < 100_000; i++) node = g.neg(node);
  const [y] = batch([node], new Map([[x, leaf([1, 2])]]), 2);
  expect(evaluateAll([y as Node])).toEqual([[1, 2]]);
});
