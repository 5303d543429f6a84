import { describe, expect, test } from 'vitest';
import { compile, Generator, random, setSeed, zeros, type Tensor } from '../../src/index.js';

/** The mean of the k-th powers of distances from `center`. */
async function moment(x: Tensor, k: number, center = 0): Promise<number> {
  const values = await x.array1d();
  return values.reduce((total, value) => total + (value - center) ** k, 0) / values.length;
}

const COUNT = 20_000;
/** Four standard errors of a mean of COUNT numbers of standard deviation 1. */
const ERROR = 4 / Math.sqrt(COUNT);

describe('distributions have their moments', () => {
  const generator = new Generator(11);
  test('uniform', async () => {
    const x = random.uniform([COUNT], { low: -1, high: 3, generator });
    expect(Math.abs((await moment(x, 1)) - 1)).toBeLessThan(ERROR * 2);
    expect(Math.abs((await moment(x, 2, 1)) - 16 / 12)).toBeLessThan(ERROR * 2);
    expect(await x.min().item()).toBeGreaterThanOrEqual(-1);
    expect(await x.max().item()).toBeLessThan(3);
  });
  test('normal', async () => {
    const x = random.normal([COUNT], { mean: 2, std: 3, generator });
    expect(Math.abs((await moment(x, 1)) - 2)).toBeLessThan(ERROR * 3);
    expect(Math.abs((await moment(x, 2, 2)) / 9 - 1)).toBeLessThan(ERROR * Math.SQRT2);
    expect(Math.abs((await moment(x, 3, 2)) / 27)).toBeLessThan(ERROR * 4);
    expect(Math.abs((await moment(x, 4, 2)) / 81 - 3)).toBeLessThan(ERROR * 10);
  });
  test('normal: the two halves of a pair do not go together', async () => {
    const x = await random.normal([COUNT], { generator }).array1d();
    const half = COUNT / 2;
    const product =
      x.slice(0, half).reduce((total, value, i) => total + value * (x[half + i] ?? 0), 0) / half;
    expect(Math.abs(product)).toBeLessThan(ERROR * Math.SQRT2);
  });
  test('truncated normal', async () => {
    const x = random.truncatedNormal([COUNT], { generator });
    expect(await x.abs().max().item()).toBeLessThanOrEqual(2);
    expect(Math.abs(await moment(x, 1))).toBeLessThan(ERROR);
    // The variance between -2 and 2: 1 - 4 φ(2) / (2 Φ(2) - 1).
    expect(Math.abs((await moment(x, 2)) - 0.7737)).toBeLessThan(ERROR);
  });
  test('truncated normal, one tail', async () => {
    const x = random.truncatedNormal([COUNT], { mean: 1, std: 2, low: 3, high: 9, generator });
    expect(await x.min().item()).toBeGreaterThanOrEqual(3);
    expect(await x.max().item()).toBeLessThanOrEqual(9);
    // One standard deviation above the mean and up to four: 1 + 2 (φ(1) - φ(4)) / (Φ(4) - Φ(1)).
    expect(Math.abs((await moment(x, 1)) - 4.0501)).toBeLessThan(ERROR * 2);
  });
  test('bernoulli', async () => {
    const x = random.bernoulli([COUNT], 0.3, { generator });
    expect(x.dtype).toBe('bool');
    expect(Math.abs((await moment(x, 1)) - 0.3)).toBeLessThan(ERROR / 2);
    expect(await random.bernoulli([100], 0, { generator }).any().array()).toBe(false);
    expect(await random.bernoulli([100], 1, { generator }).all().array()).toBe(true);
  });
  test('randint draws each integer', async () => {
    const values = await random.randint([COUNT], -2, 3, { generator }).array1d();
    for (const integer of [-2, -1, 0, 1, 2]) {
      const share = values.filter((value) => value === integer).length / COUNT;
      expect(Math.abs(share - 0.2)).toBeLessThan(ERROR / 2);
    }
  });
  test('permutation has each number once, and no favourite place', async () => {
    const orders = await Promise.all(
      Array.from({ length: 600 }, () => random.permutation(3, { generator }).array1d()),
    );
    const counts = new Map<string, number>();
    for (const order of orders) counts.set(order.join(''), (counts.get(order.join('')) ?? 0) + 1);
    expect([...counts.keys()].sort()).toEqual(['012', '021', '102', '120', '201', '210']);
    for (const count of counts.values()) expect(Math.abs(count - 100)).toBeLessThan(40);
  });
  test('shuffle keeps the slices', async () => {
    const rows = await random.shuffle(zeros([5, 2]).add(zeros([5, 1])), 0, { generator }).array();
    expect(rows).toEqual(await zeros([5, 2]).array());
  });
});

describe('streams', () => {
  const draw = (): Promise<number[]> => random.normal([5]).array1d();
  test('the same seed gives the same numbers, one after the other', async () => {
    setSeed(42);
    const first = [await draw(), await draw()];
    setSeed(42);
    expect([await draw(), await draw()]).toEqual(first);
    expect(first[0]).not.toEqual(first[1]);
  });
  test('another seed, other numbers; beyond 32 bits as well', async () => {
    const drawn = await Promise.all(
      [0, 1, 2 ** 32, 2 ** 40 + 1].map((seed) =>
        random.uniform([4], { generator: new Generator(seed) }).array1d(),
      ),
    );
    expect(new Set(drawn.map((each) => each.join())).size).toBe(4);
  });
  test('pinned: seed 7 gives these numbers for ever', async () => {
    const words = random.randint([4], 0, 2 ** 32, { generator: new Generator(7), dtype: 'uint32' });
    expect(await words.array1d()).toEqual([3901892970, 2964889903, 407867057, 730828980]);
  });
  test('a compiled function draws anew at each call, as it does uncompiled', async () => {
    const make = (): (() => Tensor) => {
      const generator = new Generator(3);
      return () => random.uniform([3], { generator }).add(random.uniform([3], { generator }));
    };
    const [plain, compiled] = [make(), compile(make())];
    for (let i = 0; i < 3; i++) expect(await compiled().array()).toEqual(await plain().array());
  });
  test('the state can be saved and restored', async () => {
    const generator = new Generator(9);
    const next = (): Promise<number[]> => random.uniform([2], { generator }).array1d();
    await next();
    const state = (await generator.state.data()).slice();
    const expected = await next();
    generator.state.load(state);
    expect(await next()).toEqual(expected);
  });
  test('a tensor asked for late is what was drawn, however much was drawn meanwhile', async () => {
    const draw = (generator: Generator): Tensor => random.normal([3], { generator });
    const expected = await draw(new Generator(5)).array();
    const generator = new Generator(5);
    const late = draw(generator);
    for (let i = 0; i < 4; i++) await draw(generator).array();
    expect(await late.array()).toEqual(expected);
  });
  test('float64 has all its digits', async () => {
    const values = await random.uniform([100], { dtype: 'float64', generator: new Generator(1) }).array1d();
    expect(values.some((value) => value !== Math.fround(value))).toBe(true);
    expect(values.every((value) => Number.isInteger(value * 2 ** 53))).toBe(true);
  });
});

test('errors say what is wrong', () => {
  expect(() => new Generator(-1)).toThrow(/a seed of -1/);
  expect(() => random.bernoulli([2], 1.5)).toThrow(/a probability of 1.5/);
  expect(() => random.randint([2], 3, 3)).toThrow(/integers from 3 to 3/);
  expect(() => random.truncatedNormal([2], { low: 1, high: 1 })).toThrow(/range from 1 to 1/);
  expect(() => random.normal([2], { dtype: 'int32' })).toThrow(/int32 cannot hold them/);
});
