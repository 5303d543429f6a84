import { describe, expect, test } from 'vitest';
import type { DType } from '../../src/core/dtype.js';
import { threefry2x32 } from '../../src/core/threefry.js';
import * as g from '../../src/graph/build.js';
import type { Node } from '../../src/graph/node.js';
import { interpret } from '../../src/targets/reference/interpret.js';
import { erf } from '../../src/core/special-functions.mjs';
import { evaluate, evaluateAll, leaf } from '../support/graph-evaluate.js';

const ints = (...values: number[]): Node => leaf(values, undefined, 'int32');
const words = (...values: number[]): Node => leaf(values, undefined, 'uint32');
const bools = (...values: number[]): Node => leaf(values, undefined, 'bool');
const matrix = (rows: number[][], dtype: DType = 'float64'): Node =>
  leaf(rows.flat(), [rows.length, rows[0]?.length ?? 0], dtype);

describe('leaves', () => {
  test('a literal is rounded to its dtype', () => {
    expect(evaluate(g.constant(0.1, 'float32'))).toEqual([Math.fround(0.1)]);
  });
  test('a scalar is read when the graph is evaluated', () => {
    const cell = { value: 1 };
    const node = g.scalar(cell, 'float64');
    cell.value = 7;
    expect(evaluate(node)).toEqual([7]);
  });
  test('iota counts', () => {
    expect(evaluate(g.iota(4))).toEqual([0, 1, 2, 3]);
  });
  test('random words are Threefry of the key and the flat index', () => {
    const expected = [0, 1, 2, 3].map((i) => threefry2x32(5, 9, i, 0)[0]);
    expect(evaluate(g.random(words(5, 9), [2, 2]))).toEqual(expected);
  });
  test('a buffer without data is an error', () => {
    expect(() => interpret([g.neg(g.placeholder([2], 'float32'))], new Map())).toThrow(
      /no value for a buffer/,
    );
  });
});

describe('element-wise, one input', () => {
  test.each<[g.UnaryOp, number, number]>([
    ['neg', 2, -2],
    ['abs', -2, 2],
    ['sign', -3, -1],
    ['sign', NaN, 0],
    ['floor', -1.5, -2],
    ['ceil', -1.5, -1],
    ['round', 2.5, 2],
    ['round', -3.5, -4],
    ['trunc', -1.7, -1],
    ['sqrt', 9, 3],
    ['exp', 1, Math.E],
    ['expm1', 1e-10, 1.00000000005e-10],
    ['log', Math.E, 1],
    ['log1p', 1e-10, 9.9999999995e-11],
    ['sin', Math.PI / 6, 0.5],
    ['cos', Math.PI / 3, 0.5],
    ['tan', Math.PI / 4, 1],
    ['atan', 1, Math.PI / 4],
    ['tanh', 0.5, 0.46211715726000973],
    ['sigmoid', 0.5, 0.6224593312018546],
    ['sigmoid', -800, 0],
    ['erf', 0.5, 0.5204998778130465],
  ])('%s(%d) = %d', (op, x, y) => {
    const [result = NaN] = evaluate(g.unary(op, leaf([x])));
    expect(Math.abs(result - y)).toBeLessThanOrEqual(3e-16 * Math.abs(y));
  });

  test.each([
    [1e-300, 1.1283791670955126e-300],
    [0.1, 0.1124629160182849],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [2.6, 0.9997639655834707],
    [3, 0.9999779095030014],
    [5, 0.9999999999984626],
    [9, 1],
  ])('erf(±%d) = ±%d', (x, y) => {
    expect(Math.abs(erf(x) / y - 1)).toBeLessThan(4e-16);
    expect(erf(-x)).toBe(-erf(x));
  });

  test('integers wrap', () => {
    expect(evaluate(g.neg(ints(-(2 ** 31), 5)))).toEqual([-(2 ** 31), -5]);
    expect(evaluate(g.neg(words(1)))).toEqual([2 ** 32 - 1]);
    expect(evaluate(g.unary('abs', ints(-7)))).toEqual([7]);
  });
  test('not is logical for bool and bitwise for integers', () => {
    expect(evaluate(g.unary('not', bools(0, 1)))).toEqual([1, 0]);
    expect(evaluate(g.unary('not', ints(5)))).toEqual([-6]);
    expect(evaluate(g.unary('not', words(5)))).toEqual([2 ** 32 - 6]);
  });
});

describe('cast', () => {
  test.each<[DType, DType, number[], number[]]>([
    ['float64', 'int32', [1.9, -1.9, NaN, 1e10, -1e10], [1, -1, 0, 2 ** 31 - 1, -(2 ** 31)]],
    ['float64', 'uint32', [-1, 1e10, 3.5], [0, 2 ** 32 - 1, 3]],
    ['float64', 'uint8', [300, -1, 3.5], [44, 255, 3]],
    ['float64', 'bool', [0, -0, 0.1, NaN], [0, 0, 1, 1]],
    ['float64', 'float32', [0.1], [Math.fround(0.1)]],
    ['int32', 'uint32', [-1], [2 ** 32 - 1]],
    ['uint32', 'int32', [2 ** 32 - 1], [-1]],
    ['int32', 'int8', [200], [-56]],
    ['int32', 'bool', [256], [1]],
    ['bool', 'float32', [0, 1], [0, 1]],
  ])('%s to %s: %j gives %j', (from, to, values, expected) => {
    expect(evaluate(g.cast(leaf(values, undefined, from), to))).toEqual(expected);
  });
  test('the 16-bit floats travel as raw bits and round once', () => {
    expect(evaluate(g.cast(leaf([1, 1 / 3]), 'float16'))).toEqual([0x3c00, 0x3555]);
    expect(evaluate(g.cast(leaf([0x3c00], undefined, 'float16'), 'float32'))).toEqual([1]);
    expect(evaluate(g.cast(g.cast(leaf([1 + 2 ** -9]), 'bfloat16'), 'float64'))).toEqual([1]);
  });
  test('bitcast keeps the bits', () => {
    expect(evaluate(g.bitcast(leaf([1], undefined, 'float32'), 'uint32'))).toEqual([0x3f800000]);
    expect(evaluate(g.bitcast(ints(-1), 'uint32'))).toEqual([2 ** 32 - 1]);
  });
});

describe('element-wise, two inputs', () => {
  test.each<[g.BinaryOp, number, number, number]>([
    ['add', 1, 2, 3],
    ['sub', 1, 2, -1],
    ['mul', 3, 2, 6],
    ['div', 1, 2, 0.5],
    ['mod', -7, 3, -1],
    ['mod', 7, 0, NaN],
    ['pow', 2, -1, 0.5],
    ['pow', 1, NaN, 1],
    ['max', 1, NaN, NaN],
    ['min', 1, 2, 1],
    ['atan2', 1, -1, (3 * Math.PI) / 4],
    ['eq', NaN, NaN, 0],
    ['ne', NaN, NaN, 1],
    ['lt', 1, 2, 1],
    ['le', 2, 2, 1],
  ])('%s(%d, %d) = %d', (op, a, b, y) => {
    expect(evaluate(g.binary(op, leaf([a]), leaf([b])))).toEqual([y]);
  });
  test.each<[g.BinaryOp, number, number, number]>([
    ['add', 2 ** 31 - 1, 1, -(2 ** 31)],
    ['mul', 123456789, 987654321, Math.imul(123456789, 987654321)],
    ['div', -7, 2, -3],
    ['div', 7, 0, 0],
    ['div', -(2 ** 31), -1, -(2 ** 31)],
    ['mod', -7, 2, -1],
    ['mod', 7, 0, 0],
    ['and', 6, 3, 2],
    ['or', 6, 3, 7],
    ['xor', 6, 3, 5],
    ['shl', 1, 31, -(2 ** 31)],
    ['shr', -8, 1, -4],
  ])('int32 %s(%d, %d) = %d', (op, a, b, y) => {
    expect(evaluate(g.binary(op, ints(a), ints(b)))).toEqual([y]);
  });
  test.each<[g.BinaryOp, number, number, number]>([
    ['sub', 1, 2, 2 ** 32 - 1],
    ['mul', 2 ** 31, 3, 2 ** 31],
    ['div', 2 ** 32 - 1, 2, 2 ** 31 - 1],
    ['or', 2 ** 31, 1, 2 ** 31 + 1],
    ['shr', 2 ** 31, 31, 1],
    ['lt', 1, 2 ** 31, 1],
  ])('uint32 %s(%d, %d) = %d', (op, a, b, y) => {
    expect(evaluate(g.binary(op, words(a), words(b)))).toEqual([y]);
  });
  test('where chooses', () => {
    expect(evaluate(g.where(bools(1, 0), leaf([1, 2]), leaf([3, 4])))).toEqual([1, 4]);
  });
  test('storage is rounded at the end only', () => {
    const one = leaf([1], undefined, 'float32');
    const tiny = leaf([2 ** -30], undefined, 'float32');
    expect(evaluate(g.sub(g.add(one, tiny), one))).toEqual([2 ** -30]);
  });
});

describe('reductions', () => {
  const x = leaf([1, 5, 3, 4, 2, 6], [2, 3]);
  test.each<[g.ReduceOp, number[], number[]]>([
    ['sum', [0], [5, 7, 9]],
    ['sum', [1], [9, 12]],
    ['sum', [0, 1], [21]],
    ['prod', [1], [15, 48]],
    ['reduceMax', [0], [4, 5, 6]],
    ['reduceMin', [1], [1, 2]],
  ])('%s over %j', (op, axes, expected) => {
    expect(evaluate(g.reduce(op, x, axes))).toEqual(expected);
  });
  test('over nothing give the identity', () => {
    const empty = leaf([], [0]);
    expect(g.reduce('sum', empty, [0]).shape).toEqual([]);
    const ops: g.ReduceOp[] = ['sum', 'prod', 'reduceMax', 'reduceMin'];
    expect(ops.map((op) => evaluate(g.reduce(op, empty, [0]))[0])).toEqual([0, 1, -Infinity, Infinity]);
    const none = leaf([], [0], 'int32');
    expect(evaluate(g.reduce('reduceMax', none, [0]))).toEqual([-(2 ** 31)]);
  });
  test('integers wrap', () => {
    expect(evaluate(g.sum(ints(2 ** 31 - 1, 2 ** 31 - 1), [0]))).toEqual([-2]);
    expect(evaluate(g.reduce('prod', ints(65536, 65537), [0]))).toEqual([65536]);
  });
  test('argmax and argmin take the first of equals, NaN before all', () => {
    expect(
      evaluate(
        g.argmax(
          matrix([
            [1, 3, 3],
            [2, NaN, 9],
          ]),
          1,
        ),
      ),
    ).toEqual([1, 1]);
    expect(
      evaluate(
        g.argmin(
          matrix([
            [1, 3],
            [1, 2],
          ]),
          0,
        ),
      ),
    ).toEqual([0, 1]);
  });
  test('cumsum', () => {
    expect(evaluate(g.cumsum(x, 0))).toEqual([1, 5, 3, 5, 7, 9]);
    expect(evaluate(g.cumsum(x, 1))).toEqual([1, 6, 9, 4, 6, 12]);
  });
  test('argsort is stable, NaN last in both directions', () => {
    const y = leaf([2, NaN, 1, 2]);
    expect(evaluate(g.argsort(y, 0, false))).toEqual([2, 0, 3, 1]);
    expect(evaluate(g.argsort(y, 0, true))).toEqual([0, 3, 2, 1]);
    expect(evaluate(g.argsort(x, 0, true))).toEqual([1, 0, 1, 0, 1, 0]);
  });
});

describe('movement', () => {
  const x = leaf([1, 2, 3, 4, 5, 6], [2, 3]);
  test.each<[string, Node, number[]]>([
    ['reshape', g.reshape(x, [3, 2]), [1, 2, 3, 4, 5, 6]],
    ['permute', g.permute(x, [1, 0]), [1, 4, 2, 5, 3, 6]],
    ['expand', g.expand(leaf([1, 2], [2, 1]), [2, 2]), [1, 1, 2, 2]],
    ['pad', g.pad(leaf([1, 2]), [1], [2], [1], 9), [9, 1, 9, 2, 9, 9]],
    ['slice', g.slice(x, [0, 0], [2, 3], [1, 2]), [1, 3, 4, 6]],
    ['slice inside', g.slice(x, [1, 1], [2, 3]), [5, 6]],
    ['empty slice', g.slice(x, [1, 1], [1, 3]), []],
    ['flip', g.flip(x, [0, 1]), [6, 5, 4, 3, 2, 1]],
    ['concat', g.concat([x, leaf([7, 8], [2, 1])], 1), [1, 2, 3, 7, 4, 5, 6, 8]],
    ['window', g.windows(leaf([1, 2, 3, 4, 5]), 0, 2, 1, 2), [1, 3, 2, 4, 3, 5]],
    ['window of columns', g.windows(x, 1, 2, 1, 1), [1, 2, 2, 3, 4, 5, 5, 6]],
  ])('%s', (_, node, expected) => {
    expect(evaluate(node)).toEqual(expected);
  });
});

describe('contractions', () => {
  test('dot is the matrix product', () => {
    const a = matrix([
      [1, 2],
      [3, 4],
    ]);
    const b = matrix([
      [5, 6],
      [7, 8],
    ]);
    const attributes = { batchA: [], batchB: [], contractA: [1], contractB: [0] };
    expect(evaluate(g.dot(a, b, attributes))).toEqual([19, 22, 43, 50]);
  });
  test('dot with batch axes anywhere and two contracted axes', () => {
    const a = leaf([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);
    const result = g.dot(a, a, { batchA: [1], batchB: [2], contractA: [0], contractB: [1] });
    expect(result.shape).toEqual([2, 2, 2]);
    // result[n, i, j] = Σ_k a[k, n, i] a[j, k, n]
    expect(evaluate(result)).toEqual(
      [16, 40, 20, 52, 32, 72, 40, 96].map((_, at) => {
        const [n, i, j] = [at >> 2, (at >> 1) & 1, at & 1];
        const value = (p: number, q: number, r: number): number => 1 + 4 * p + 2 * q + r;
        return value(0, n, i) * value(j, 0, n) + value(1, n, i) * value(j, 1, n);
      }),
    );
  });
  test('int32 dot wraps', () => {
    const a = ints(65536, 65536);
    expect(evaluate(g.dot(a, a, { batchA: [], batchB: [], contractA: [0], contractB: [0] }))).toEqual([0]);
  });

  const plain = { stride: [1], padding: [[0, 0]], dilation: [1], inputDilation: [1], groups: 1 } as const;
  const x = leaf([1, 2, 3, 4], [1, 1, 4]);
  const w = leaf([10, 1], [1, 1, 2]);
  test.each<[string, Partial<Parameters<typeof g.conv>[2]>, number[]]>([
    ['as it is', {}, [12, 23, 34]],
    ['with stride', { stride: [2] }, [12, 34]],
    ['with padding', { padding: [[1, 0]] }, [1, 12, 23, 34]],
    ['with negative padding', { padding: [[-1, -1]] }, [23]],
    ['with dilation', { dilation: [2] }, [13, 24]],
    ['with input dilation', { inputDilation: [2] }, [10, 2, 20, 3, 30, 4]],
  ])('conv %s', (_, attributes, expected) => {
    expect(evaluate(g.conv(x, w, { ...plain, ...attributes }))).toEqual(expected);
  });
  test('conv in two dimensions, several channels and samples', () => {
    const image = leaf(
      Array.from({ length: 36 }, (_, i) => i),
      [2, 2, 3, 3],
    );
    const kernel = leaf([1, 0, 0, 1, 0, 1, 0, 0], [1, 2, 2, 2]);
    const two = {
      stride: [1, 1],
      padding: [
        [0, 0],
        [0, 0],
      ],
      dilation: [1, 1],
      inputDilation: [1, 1],
      groups: 1,
    } as const;
    // x[n, 0, i, j] + x[n, 0, i + 1, j + 1] + x[n, 1, i, j + 1]
    const first = [14, 17, 23, 26];
    expect(evaluate(g.conv(image, kernel, two))).toEqual([...first, ...first.map((y) => y + 54)]);
  });
  test('conv with groups', () => {
    const channels = leaf([1, 2, 3, 4], [1, 2, 2]);
    const weight = leaf([1, 10, 100], [3, 1, 1]);
    expect(() => g.conv(channels, weight, { ...plain, groups: 2 })).toThrow(/groups/);
    const four = leaf([1, 10, 100, 1000], [4, 1, 1]);
    expect(evaluate(g.conv(channels, four, { ...plain, groups: 2 }))).toEqual([
      1, 2, 10, 20, 300, 400, 3000, 4000,
    ]);
  });
});

describe('data-dependent indexing', () => {
  const x = leaf([1, 2, 3, 4, 5, 6], [2, 3]);
  test('gather replaces an axis and clamps', () => {
    const node = g.gather(x, leaf([2, 0, -5, 9], [2, 2], 'int32'), 1);
    expect(node.shape).toEqual([2, 2, 2]);
    expect(evaluate(node)).toEqual([3, 1, 1, 3, 6, 4, 4, 6]);
  });
  test('scatterAdd adds up, and drops what is out of range', () => {
    const node = g.scatterAdd(ints(1, 1, -1), x, 1, 2);
    expect(node.shape).toEqual([2, 2]);
    expect(evaluate(node)).toEqual([0, 3, 0, 9]);
  });
});

describe('scan', () => {
  const total = g.parameter(0, [], 'float64');
  const element = g.parameter(1, [], 'float64');
  const factor = g.parameter(2, [], 'float64');
  const next = g.add(g.mul(total, factor), element);
  const body = { parameters: [total, element, factor], results: [next, g.neg(next)] };
  const inputs = { carries: [leaf([1], [])], sequences: [leaf([1, 2, 3])], constants: [leaf([10], [])] };

  test('threads carries and stacks results', () => {
    expect(evaluateAll(g.scan(body, inputs, 3))).toEqual([[1123], [-11, -112, -1123]]);
  });
  test('in reverse reads and writes at the step’s own position', () => {
    expect(evaluateAll(g.scan(body, inputs, 3, true))).toEqual([[1321], [-1321, -132, -13]]);
  });
  test('of length 0 gives the carries back', () => {
    const none = { ...inputs, sequences: [leaf([], [0])] };
    expect(evaluateAll(g.scan(body, none, 0))).toEqual([[1], []]);
  });
});

test('stopGradient, barrier and custom are the first input', () => {
  const x = leaf([1, 2]);
  expect(evaluate(g.stopGradient(x))).toEqual([1, 2]);
  expect(evaluate(g.barrier(x, [leaf([3])]))).toEqual([1, 2]);
  expect(evaluate(g.custom(x, [leaf([3])], () => [undefined]))).toEqual([1, 2]);
});

test('a chain of 100,000 nodes does not overflow the stack', () => {
  let node = leaf([0]);
  const one = leaf([1]);
  for (let i = 0; i < 100_000; i++) node = g.add(node, one);
  expect(evaluate(node)).toEqual([100_000]);
});

describe('nodes that were evaluated before', () => {
  test('are read instead of computed again', () => {
    const x = g.placeholder([2], 'float32');
    const inner = g.neg(x);
    inner.value = { dtype: 'float32', size: 2 };
    const outer = g.add(inner, inner);
    expect(interpret([outer, inner], new Map([[inner, Float32Array.of(1, 2)]])).map(String)).toEqual([
      '2,4',
      '1,2',
    ]);
  });
  test('must come with their values', () => {
    const node = g.neg(leaf([1]));
    node.value = { dtype: 'float64', size: 1 };
    expect(() => evaluate(node)).toThrow(/no value for a neg/);
  });
  test('must have as many values as elements', () => {
    const x = g.placeholder([2], 'float32');
    expect(() => interpret([x], new Map([[x, Float32Array.of(1)]]))).toThrow(/2 elements, its value 1/);
  });
});
