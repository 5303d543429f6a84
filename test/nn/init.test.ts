import { describe, expect, test } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/core/errors.js';
import { init, Linear, type Initializer } from '../../src/nn/index.js';
import { setSeed } from '../../src/tensor/index.js';

/** What 20,000 numbers must look like, to within 5 standard errors: [mean, std, smallest, largest]. */
type Looks = readonly [mean: number, std: number, low: number, high: number];

const SHAPE = [100, 20, 10];
const [FAN_IN, FAN_OUT] = [20 * 10, 100 * 10];
const symmetric = (std: number): Looks => [0, std, -std * Math.sqrt(3), std * Math.sqrt(3)];
const unbounded = (mean: number, std: number): Looks => [mean, std, -Infinity, Infinity];

const CASES: Readonly<Record<string, readonly [Initializer, Looks]>> = {
  normal: [init.normal({ mean: 1, std: 3 }), unbounded(1, 3)],
  uniform: [init.uniform({ low: -1, high: 3 }), [1, 4 / Math.sqrt(12), -1, 3]],
  truncatedNormal: [init.truncatedNormal(), [0, 0.8796, -2, 2]],
  'truncatedNormal, one side': [init.truncatedNormal({ low: 0, high: 100 }), [0.7979, 0.6028, 0, 100]],
  xavierNormal: [init.xavierNormal(), unbounded(0, Math.sqrt(2 / (FAN_IN + FAN_OUT)))],
  xavierUniform: [init.xavierUniform({ gain: 2 }), symmetric(2 * Math.sqrt(2 / (FAN_IN + FAN_OUT)))],
  kaimingNormal: [init.kaimingNormal(), unbounded(0, Math.sqrt(2 / FAN_IN))],
  'kaimingNormal, fanOut': [init.kaimingNormal({ mode: 'fanOut' }), unbounded(0, Math.sqrt(2 / FAN_OUT))],
  kaimingUniform: [init.kaimingUniform({ nonlinearity: 'tanh' }), symmetric(5 / 3 / Math.sqrt(FAN_IN))],
  'kaimingUniform, leaky': [init.kaimingUniform({ a: Math.sqrt(5) }), symmetric(Math.sqrt(1 / 3 / FAN_IN))],
};

describe('20,000 numbers have the mean, spread and range of', () => {
  for (const [name, [initializer, [mean, std, low, high]]] of Object.entries(CASES)) {
    test(name, async () => {
      setSeed(7);
      const values = await initializer(SHAPE).array1d();
      const n = values.length;
      const found = values.reduce((a, b) => a + b, 0) / n;
      const spread = Math.sqrt(values.reduce((a, b) => a + (b - found) ** 2, 0) / n);
      expect(n).toBe(20_000);
      expect(Math.abs(found - mean)).toBeLessThan((5 * std) / Math.sqrt(n));
      expect(Math.abs(spread / std - 1)).toBeLessThan(5 / Math.sqrt(2 * n));
      expect(Math.min(...values)).toBeGreaterThanOrEqual(Math.fround(low));
      expect(Math.max(...values)).toBeLessThanOrEqual(Math.fround(high));
    });
  }
});

describe('orthogonal', () => {
  for (const [rows, columns] of [
    [3, 8],
    [8, 3],
    [5, 5],
  ] as const) {
    test(`${rows} x ${columns}`, async () => {
      const matrix = init.orthogonal({ gain: 2 })([rows, columns]);
      const shorter = Math.min(rows, columns);
      const products =
        rows <= columns ? matrix.matmul(matrix.transpose()) : matrix.transpose().matmul(matrix);
      const values = await products.array1d();
      values.forEach((value, i) => {
        expect(value).toBeCloseTo(i % (shorter + 1) === 0 ? 4 : 0, 5);
      });
    });
  }

  test('of a convolution counts the axes after the first as one', async () => {
    const matrix = init.orthogonal()([4, 2, 3, 3]).reshape([4, 18]);
    expect((await matrix.square().sum(1).array1d()).map((value) => Math.round(value * 1e5) / 1e5)).toEqual([
      1, 1, 1, 1,
    ]);
  });
});

test('constants', async () => {
  expect(await init.zeros([2]).array()).toEqual([0, 0]);
  expect(await init.ones([2]).array()).toEqual([1, 1]);
  expect(await init.constant(0.5)([2]).array()).toEqual([0.5, 0.5]);
});

test('the same seed gives the same numbers, and each tensor its own', async () => {
  const pair = async (): Promise<unknown[]> => {
    setSeed(9);
    return [await init.normal()([3]).array(), await init.normal()([3]).array()];
  };
  const [first, second] = await pair();
  expect(first).not.toEqual(second);
  expect(await pair()).toEqual([first, second]);
});

test('Linear starts within ±1/√in, weight and bias', async () => {
  const { weight, bias } = new Linear(100, 50);
  for (const values of [await weight.array1d(), (await bias?.array1d()) ?? []]) {
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.1);
    expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.08);
  }
});

test('gains are PyTorch’s', () => {
  expect(init.gain('relu')).toBe(Math.SQRT2);
  expect(init.gain('tanh')).toBe(5 / 3);
  expect(init.gain('selu')).toBe(0.75);
  expect(init.gain('leakyRelu', 1)).toBe(1);
});

test('vectors have no fans', () => {
  expect(() => init.xavierNormal()([4])).toThrow(ShapeError);
});

test('truncatedNormal refuses intervals that are hardly ever hit', () => {
  expect(() => init.truncatedNormal({ low: 10, high: 11 })([1])).toThrow(ArgumentError);
});
