import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as g from '../../src/graph/build.js';
import { gradients } from '../../src/graph/differentiate.js';
import type { Node } from '../../src/graph/node.js';
import type { Shape } from '../../src/core/shape.js';
import { evaluate, evaluateAll, leaf } from '../support/graph-evaluate.js';
import { checkGradients, randomLeaf, type Build } from '../support/graph-gradients.js';

const shapes = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });
const seeds = fc.integer({ min: 1, max: 1000 });
const few = { numRuns: 8 };

const gradientAt = (build: Build, ...leaves: Node[]): number[][] =>
  evaluateAll(
    gradients(build(...leaves) as Node, leaves).map((node, i) => node ?? g.fillLike(leaves[i] as Node, 0)),
  );

describe('element-wise, one input: first and second derivatives', () => {
  test.each<[g.UnaryOp, number, number]>([
    ['neg', -2, 2],
    ['abs', -2, -0.1],
    ['sqrt', 0.5, 3],
    ['exp', -2, 2],
    ['expm1', -2, 2],
    ['log', 0.5, 3],
    ['log1p', -0.5, 2],
    ['sin', -3, 3],
    ['cos', -3, 3],
    ['tan', -1, 1],
    ['atan', -3, 3],
    ['tanh', -2, 2],
    ['sigmoid', -3, 3],
    ['erf', -2, 2],
  ])('%s', (op, low, high) => {
    fc.assert(
      fc.property(shapes, seeds, (shape, seed) =>
        checkGradients((x) => g.unary(op, x), [randomLeaf(shape, seed, low, high)]),
      ),
      few,
    );
  });

  test.each<g.UnaryOp>(['sign', 'floor', 'ceil', 'round', 'trunc'])('%s is flat', (op) => {
    const x = randomLeaf([3], 1);
    expect(gradients(g.unary(op, x), [x])).toEqual([undefined]);
  });

  test('abs at 0 is flat, sqrt at 0 infinitely steep', () => {
    expect(gradientAt((x) => g.unary('abs', x), leaf([0]))).toEqual([[0]]);
    expect(gradientAt((x) => g.unary('sqrt', x), leaf([0]))).toEqual([[Infinity]]);
  });
});

describe('element-wise, two inputs', () => {
  test.each<[g.BinaryOp, number, number, number, number]>([
    ['add', -2, 2, -2, 2],
    ['sub', -2, 2, -2, 2],
    ['mul', -2, 2, -2, 2],
    ['div', -2, 2, 0.5, 2],
    ['mod', 5.1, 5.9, 2.1, 2.4],
    ['pow', 0.5, 2, -2, 2],
    ['max', -2, 2, -1.9, 2.1],
    ['min', -2, 2, -1.9, 2.1],
    ['atan2', 0.5, 2, -2, 2],
  ])('%s', (op, lowA, highA, lowB, highB) => {
    fc.assert(
      fc.property(shapes, seeds, (shape, seed) =>
        checkGradients(
          (a, b) => g.binary(op, a, b),
          [randomLeaf(shape, seed, lowA, highA), randomLeaf(shape, seed + 1, lowB, highB)],
        ),
      ),
      few,
    );
  });

  test('equal inputs of max and min share the gradient', () => {
    for (const op of ['max', 'min'] as const)
      expect(gradientAt((a, b) => g.binary(op, a, b), leaf([1]), leaf([1]))).toEqual([[0.5], [0.5]]);
  });
  test('the same tensor twice gets both gradients', () => {
    const x = leaf([3]);
    expect(evaluate(gradients(g.mul(x, x), [x])[0] as Node)).toEqual([6]);
  });
  test('pow: 0^0, 0^1, 0^2 and negative bases with whole exponents', () => {
    const power: Build = (a, b) => g.binary('pow', a, b);
    const [base = [], exponent = []] = gradientAt(power, leaf([0, 0, 0, -2]), leaf([0, 1, 2, 3]));
    expect(base).toEqual([0, 1, 0, 12]);
    expect(exponent.slice(0, 3)).toEqual([0, 0, 0]);
    expect(exponent[3]).toBeNaN();
  });
  test('pow: the second derivative of x^2 at 0 is 2, of x^1 and x^0 is 0', () => {
    const x = leaf([0, 0, 0]);
    const [first] = gradients(g.binary('pow', x, leaf([2, 1, 0])), [x]);
    expect(evaluate(gradients(first as Node, [x])[0] as Node)).toEqual([2, 0, 0]);
  });
  test('where passes the gradient to the chosen side only', () => {
    const condition = leaf([1, 0], [2], 'bool');
    checkGradients(
      (a, b) => g.where(condition, g.mul(a, b), g.unary('exp', b)),
      [randomLeaf([2], 1), randomLeaf([2], 2)],
    );
  });
});

describe('casts', () => {
  test('between floats pass the gradient back in the dtype of the input', () => {
    const x = leaf([1, 2], [2], 'float32');
    const wide = g.cast(x, 'float64');
    const [gradient] = gradients(g.mul(wide, wide), [x]);
    expect(gradient?.dtype).toBe('float32');
    expect(evaluate(gradient as Node)).toEqual([2, 4]);
  });
  test('storage dtypes collect their gradients in float32', () => {
    const x = leaf([0x3c00], [1], 'float16');
    const y = g.mul(g.cast(x, 'float32'), g.cast(g.flip(x, [0]), 'float32'));
    const [gradient] = gradients(y, [x]);
    expect(gradient?.dtype).toBe('float16');
    expect(evaluate(g.cast(gradient as Node, 'float32'))).toEqual([2]);
  });
  test('to integers and back end the gradient', () => {
    const x = leaf([1.5]);
    expect(gradients(g.cast(g.cast(x, 'int32'), 'float64'), [x])).toEqual([undefined]);
  });
});

describe('reductions', () => {
  const cases: [Shape, number[]][] = [
    [[4], [0]],
    [[2, 3], [1]],
    [
      [2, 3, 2],
      [0, 2],
    ],
    [
      [3, 1],
      [0, 1],
    ],
  ];
  for (const op of ['sum', 'prod', 'reduceMax', 'reduceMin'] as const) {
    test.each(cases)(`${op} of %j over %j`, (shape, axes) =>
      checkGradients((x) => g.reduce(op, x, axes), [randomLeaf(shape, 5)]),
    );
  }
  test.each([
    [
      [0, 2, 3],
      [6, 0, 0],
    ],
    [
      [0, 2, 0],
      [0, 0, 0],
    ],
    [[5], [1]],
  ])('prod of %j', (values, expected) => {
    expect(gradientAt((x) => g.reduce('prod', x, [0]), leaf(values))).toEqual([expected]);
  });
  test('second derivative of prod with a zero', () =>
    checkGradients((x) => g.reduce('prod', x, [0]), [leaf([0, 2, 3, -1, 1.5])]));
  test('equal extremes share the gradient', () => {
    expect(gradientAt((x) => g.reduce('reduceMax', x, [0]), leaf([1, 3, 3, 3]))).toEqual([
      [0, 1 / 3, 1 / 3, 1 / 3],
    ]);
  });
  test('cumsum', () => {
    checkGradients((x) => g.cumsum(x, 1), [randomLeaf([2, 3, 2], 1)]);
    checkGradients((x) => g.cumsum(g.mul(x, x), 0), [randomLeaf([4], 1)]);
  });
});

describe('movement', () => {
  const square = (x: Node): Node => g.mul(x, x);
  test.each<[string, Shape, (x: Node) => Node]>([
    ['reshape', [2, 3], (x) => g.reshape(x, [3, 2])],
    ['permute', [2, 3, 2], (x) => g.permute(x, [2, 0, 1])],
    ['expand', [1, 3, 1], (x) => g.expand(x, [2, 3, 4])],
    ['pad', [2, 3], (x) => g.pad(x, [1, 0], [0, 2], [0, 1], 5)],
    ['slice', [5, 4], (x) => g.slice(x, [1, 0], [5, 3], [2, 1])],
    ['a slice of one', [5], (x) => g.slice(x, [4], [5], [3])],
    ['an empty slice', [5], (x) => g.slice(x, [2], [2])],
    ['flip', [2, 3], (x) => g.flip(x, [1])],
    ['overlapping windows', [7], (x) => g.windows(x, 0, 3, 2, 1)],
    ['more offsets than windows', [7, 2], (x) => g.windows(x, 0, 5, 1, 1)],
    ['dilated windows', [2, 9], (x) => g.windows(x, 1, 3, 2, 3)],
    ['dilated windows, more offsets than windows', [9], (x) => g.windows(x, 0, 4, 3, 2)],
    ['windows side by side', [2, 6], (x) => g.windows(x, 1, 2, 2, 1)],
    ['windows side by side with a rest', [2, 7, 2], (x) => g.windows(x, 1, 3, 3, 1)],
    ['windows with gaps', [8], (x) => g.windows(x, 0, 2, 3, 1)],
    ['windows with gaps beyond the end', [5], (x) => g.windows(x, 0, 2, 3, 1)],
    ['one window over everything', [5], (x) => g.windows(x, 0, 5, 1, 1)],
  ])('%s', (_, shape, move) => checkGradients((x) => square(move(x)), [randomLeaf(shape, 3)]));

  test('concat', () => {
    checkGradients((a, b) => square(g.concat([a, b, a], 1)), [randomLeaf([2, 1], 1), randomLeaf([2, 3], 2)]);
  });
});

describe('dot', () => {
  test.each<[string, Shape, Shape, Parameters<typeof g.dot>[2]]>([
    ['matrix times matrix', [2, 3], [3, 4], { batchA: [], batchB: [], contractA: [1], contractB: [0] }],
    [
      'matrix times transposed matrix',
      [2, 3],
      [4, 3],
      { batchA: [], batchB: [], contractA: [1], contractB: [1] },
    ],
    ['matrix times vector', [2, 3], [3], { batchA: [], batchB: [], contractA: [1], contractB: [0] }],
    ['outer product', [2], [3], { batchA: [], batchB: [], contractA: [], contractB: [] }],
    ['inner product', [3], [3], { batchA: [], batchB: [], contractA: [0], contractB: [0] }],
    ['batched', [2, 2, 3], [2, 3, 2], { batchA: [0], batchB: [0], contractA: [2], contractB: [1] }],
    ['batch axes last', [3, 1, 2], [4, 3, 2], { batchA: [2], batchB: [2], contractA: [0], contractB: [1] }],
    [
      'two contracted axes, crossed',
      [2, 3, 4],
      [3, 5, 2],
      { batchA: [], batchB: [], contractA: [0, 1], contractB: [2, 0] },
    ],
    [
      'two batch axes, crossed',
      [2, 3, 1],
      [3, 2],
      { batchA: [0, 1], batchB: [1, 0], contractA: [], contractB: [] },
    ],
  ])('%s', (_, a, b, attributes) =>
    checkGradients((x, y) => g.dot(x, y, attributes), [randomLeaf(a, 1), randomLeaf(b, 2)]),
  );
});

describe('conv', () => {
  const plain = { stride: [1], padding: [[0, 0]], dilation: [1], inputDilation: [1], groups: 1 } as const;
  type Attributes = Parameters<typeof g.conv>[2];
  test.each<[string, Shape, Shape, Partial<Attributes>]>([
    ['plain', [2, 2, 5], [3, 2, 3], {}],
    ['stride', [1, 1, 6], [2, 1, 2], { stride: [2] }],
    ['stride with a rest', [1, 2, 8], [1, 2, 3], { stride: [3] }],
    ['stride larger than the kernel', [1, 1, 8], [1, 1, 1], { stride: [3] }],
    ['padding', [2, 1, 4], [1, 1, 3], { padding: [[2, 1]] }],
    ['more padding than kernel', [1, 1, 3], [1, 1, 2], { padding: [[3, 4]] }],
    ['negative padding', [1, 1, 7], [1, 1, 2], { padding: [[-1, -2]] }],
    ['dilation', [1, 2, 7], [1, 2, 3], { dilation: [2] }],
    ['input dilation', [1, 1, 4], [1, 1, 3], { inputDilation: [3], padding: [[1, 1]] }],
    [
      'everything',
      [2, 4, 6],
      [6, 2, 2],
      { stride: [2], padding: [[1, 2]], dilation: [3], inputDilation: [2], groups: 2 },
    ],
    ['groups', [2, 4, 4], [6, 2, 2], { groups: 2 }],
    ['depthwise', [2, 3, 4], [6, 1, 2], { groups: 3 }],
  ])('%s', (_, x, w, attributes) =>
    checkGradients((a, b) => g.conv(a, b, { ...plain, ...attributes }), [randomLeaf(x, 1), randomLeaf(w, 2)]),
  );

  test('two dimensions, different in each', () => {
    const attributes: Attributes = {
      stride: [2, 1],
      padding: [
        [1, 0],
        [2, 2],
      ],
      dilation: [1, 2],
      inputDilation: [1, 1],
      groups: 1,
    };
    checkGradients(
      (a, b) => g.conv(a, b, attributes),
      [randomLeaf([2, 2, 5, 4], 1), randomLeaf([2, 2, 2, 3], 2)],
    );
  });

  test('random attributes', () => {
    const small = fc.integer({ min: 1, max: 3 });
    fc.assert(
      fc.property(
        fc.record({
          n: fc.integer({ min: 3, max: 7 }),
          k: small,
          stride: small,
          dilation: small,
          spread: small,
          groups: small,
          out: small,
          per: small,
          low: fc.integer({ min: -1, max: 3 }),
          high: fc.integer({ min: -1, max: 3 }),
        }),
        ({ n, k, stride, dilation, spread, groups, out, per, low, high }) => {
          fc.pre((n - 1) * spread + 1 + low + high >= (k - 1) * dilation + 1);
          const attributes: Attributes = {
            stride: [stride],
            padding: [[low, high]],
            dilation: [dilation],
            inputDilation: [spread],
            groups,
          };
          checkGradients(
            (a, b) => g.conv(a, b, attributes),
            [randomLeaf([2, groups * per, n], 1), randomLeaf([groups * out, per, k], 2)],
            1,
          );
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('data-dependent indexing', () => {
  test('gather, with repeated and clamped indices', () => {
    const indices = leaf([2, 0, 2, -4, 9, 1], [2, 3], 'int32');
    checkGradients((x) => g.gather(g.mul(x, x), indices, 1), [randomLeaf([2, 3, 2], 1)]);
  });
  test('scatterAdd, with repeated and dropped indices', () => {
    const indices = leaf([2, 0, 2, -4, 9, 1], [2, 3], 'int32');
    checkGradients((x) => g.scatterAdd(indices, g.mul(x, x), 1, 4), [randomLeaf([2, 2, 3, 2], 1)]);
  });
  test('sorting is a gather by argsort', () => {
    checkGradients((x) => g.gather(g.unary('exp', x), g.argsort(x, 0, true), 0), [randomLeaf([5], 1)]);
  });
  test('argmax, argsort and comparisons have no gradient', () => {
    const x = randomLeaf([3], 1);
    for (const y of [g.argmax(x, 0), g.argsort(x, 0, false), g.binary('lt', x, x)])
      expect(gradients(g.cast(y, 'float64'), [x])).toEqual([undefined]);
  });
});

describe('identities at run time', () => {
  const x = leaf([2]);
  test('stopGradient lets nothing through', () => {
    expect(evaluate(gradients(g.mul(g.stopGradient(x), x), [x])[0] as Node)).toEqual([2]);
  });
  test('barrier passes the gradient to its first input alone', () => {
    const y = leaf([5]);
    expect(gradients(g.barrier(x, [y]), [y])).toEqual([undefined]);
    expect(evaluate(gradients(g.barrier(x, [y]), [x])[0] as Node)).toEqual([1]);
  });
  test('custom follows the user’s rule', () => {
    const rounded = g.custom(g.unary('round', x), [x], (gradient, [primal]) => [
      g.mul(gradient, primal as Node),
    ]);
    expect(evaluate(gradients(rounded, [x])[0] as Node)).toEqual([2]);
  });
  test('custom with a gradient of the wrong shape is an error', () => {
    const wrong = g.custom(x, [x], () => [leaf([1, 2])]);
    expect(() => gradients(wrong, [x])).toThrow(/custom gradient must return/);
  });
});

test('the comparison with finite differences notices a wrong gradient', () => {
  const wrong = (x: Node): Node => g.custom(g.unary('sin', x), [x], (gradient) => [gradient]);
  expect(() => checkGradients((x) => wrong(x), [randomLeaf([2], 1)])).toThrow(/should be/);
});
