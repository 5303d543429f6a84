import { describe, expect, it } from 'vitest';
import type { DType } from '../../src/core/dtype.js';
import {
  add,
  ofVariable,
  scale,
  variable,
  ZERO,
  type Index,
  type Variable,
} from '../../src/compiler/index-expr.js';
import type { CumulativeKernel, ScatterKernel, SortKernel } from '../../src/compiler/kernel.js';
import type { Scalar } from '../../src/compiler/scalar-expr.js';
import type { ElementwiseOp } from '../../src/graph/elementwise-ops.js';
import { lowerCumulative } from '../../src/targets/cpu/cumulative.js';
import { lowerScatter } from '../../src/targets/cpu/scatter.js';
import { lowerSort } from '../../src/targets/cpu/sort.js';
import { generator, runUnits, type Given, type Outcome } from './special-kernels-harness.js';

const DTYPES = ['float32', 'float64', 'int32', 'uint32'] as const;

const NARROW: Partial<Record<DType, (x: number) => number>> = {
  float32: Math.fround,
  float64: (x) => x,
  int32: (x) => x | 0,
  uint32: (x) => x >>> 0,
  bool: (x) => (x === 0 ? 0 : 1),
};

const narrowTo = (dtype: DType): ((x: number) => number) => NARROW[dtype] ?? Number;

const read = (buffer: number, dtype: DType, index: Index): Scalar => ({
  kind: 'load',
  dtype,
  buffer,
  index,
  guard: [],
});

const op = (name: ElementwiseOp, dtype: DType, ...args: Scalar[]): Scalar => ({
  kind: 'op',
  op: name,
  dtype,
  args,
});

const literal = (dtype: DType, value: number): Scalar => ({ kind: 'constant', dtype, value });

/** Σ factor · variable. */
const indexOf = (...terms: [Variable, number][]): Index =>
  terms.reduce((sum, [v, factor]) => add(sum, scale(ofVariable(v), factor)), ZERO);

/** Numbers whose sums have to be rounded, or overflow. */
function randomNumber(dtype: DType, random: (below: number) => number): number {
  const fraction = random(2 ** 24) / 2 ** 24;
  if (dtype === 'float32' || dtype === 'float64') return narrowTo(dtype)((fraction - 0.5) * 10);
  if (dtype === 'bool') return random(2);
  return narrowTo(dtype)(fraction < 0.8 ? random(100) - 50 : fraction * 2 ** 32);
}

/** Element by element, so that -0 is not 0 and NaN is NaN. */
function expectSame(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  expect(actual.length, what).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    if (!Object.is(actual[i], expected[i]))
      expect.fail(`element ${i} is ${actual[i]}, not ${expected[i]}: ${what}`);
  }
}

interface ScatterCase {
  readonly outer?: number;
  readonly positions: number;
  readonly size: number;
  readonly inner?: number;
  readonly dtype?: DType;
  readonly seed?: number;
  readonly targets?: readonly number[];
}

/** Runs a scatter of random values, and compares it with the sum of them one by one. */
function checkScatter(test: ScatterCase): Outcome {
  const { outer = 1, positions, size, inner = 1, dtype = 'float32', seed = 1 } = test;
  const random = generator(seed);
  const targets = test.targets ?? Array.from({ length: positions }, () => random(size + 4) - 2);
  const values = Array.from({ length: outer * positions * inner }, () => randomNumber(dtype, random));
  const [o, p, i] = [variable(outer), variable(positions), variable(inner)];
  const kernel: ScatterKernel = {
    kind: 'scatter',
    name: 'scatterAdd',
    outer: o,
    position: p,
    inner: i,
    target: read(0, 'int32', indexOf([p, 1])),
    value: read(1, dtype, indexOf([o, positions * inner], [p, inner], [i, 1])),
    dtype,
    buffer: 2,
    size,
  };
  const given: Given[] = [
    { dtype: 'int32', data: targets },
    { dtype, data: values },
    { dtype, data: outer * size * inner },
  ];
  const outcome = runUnits((context) => lowerScatter(kernel, 'scatter', context), given, { seed });
  const expected = new Array<number>(outer * size * inner).fill(0);
  for (let at = 0; at < outer; at++) {
    targets.forEach((target, j) => {
      if (target < 0 || target >= size) return;
      for (let k = 0; k < inner; k++) {
        const place = (at * size + target) * inner + k;
        const value = values[(at * positions + j) * inner + k] ?? NaN;
        expected[place] = narrowTo(dtype)((expected[place] ?? NaN) + value);
      }
    });
  }
  expectSame(outcome.buffers[2] ?? [], expected, JSON.stringify({ outer, positions, size, inner, dtype }));
  return outcome;
}

describe('scatter', () => {
  it.each(DTYPES)('adds %s in the order of the positions, whatever the shape and the chunks', (dtype) => {
    const random = generator(3);
    for (let seed = 0; seed < 60; seed++) {
      checkScatter({
        outer: 1 + random(4),
        positions: random(20),
        size: 1 + random(12),
        inner: 1 + random(seed % 3 === 0 ? 150 : 10),
        dtype,
        seed,
      });
    }
  });

  it('adds to the same row as often as it is named', () => {
    const { buffers } = checkScatter({ positions: 6, size: 3, inner: 5, targets: [1, 1, 1, 1, 1, 1] });
    expect([...(buffers[2] ?? [])].slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
  });

  it('drops targets out of range', () => {
    checkScatter({ positions: 6, size: 3, inner: 4, targets: [-1, 3, 2 ** 31 - 1, -(2 ** 31), 2, 0] });
    checkScatter({ positions: 4, size: 2000, targets: [-1, 2000, 2 ** 31 - 1, -(2 ** 31)] });
  });

  it('clears the result when there is no position', () => {
    const { buffers } = checkScatter({ outer: 2, positions: 0, size: 3, inner: 7 });
    expect([...(buffers[2] ?? [])]).toEqual(new Array(42).fill(0));
  });

  it('has no units when the result is empty', () => {
    expect(checkScatter({ positions: 3, size: 0, inner: 4 }).units).toBe(0);
    expect(checkScatter({ positions: 3, size: 2, inner: 0 }).units).toBe(0);
    expect(checkScatter({ outer: 0, positions: 3, size: 2 }).units).toBe(0);
  });

  it('cuts wide rows into blocks of columns', () => {
    expect(checkScatter({ positions: 9, size: 5, inner: 32 * 16 }).units).toBe(16);
    expect(checkScatter({ positions: 9, size: 5, inner: 1001 }).units).toBeGreaterThan(8);
    expect(checkScatter({ outer: 3, positions: 9, size: 5, inner: 131 }).units).toBeGreaterThan(8);
  });

  it('cuts a large result into ranges of rows', () => {
    expect(checkScatter({ positions: 20, size: 5003 }).units).toBeGreaterThan(8);
    expect(checkScatter({ outer: 2, positions: 20, size: 1001, inner: 3 }).units).toBeGreaterThan(8);
    expect(checkScatter({ positions: 20, size: 700, inner: 70 }).units).toBeGreaterThan(8);
  });

  it('counts in one unit, as looking at all targets is all the work', () => {
    expect(checkScatter({ positions: 5000, size: 10, dtype: 'int32' }).units).toBe(1);
  });

  it('gives the same bits however the units are shared out', () => {
    const shape = { positions: 300, size: 40, inner: 100, seed: 5 } as const;
    const random = generator(9);
    const targets = Array.from({ length: 300 }, () => random(40));
    const results = [1, 2, 3].map(() => checkScatter({ ...shape, targets }).buffers[2]);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it('keeps infinities and NaN in their own elements', () => {
    const [p, i] = [variable(3), variable(6)];
    const kernel: ScatterKernel = {
      kind: 'scatter',
      name: 'scatterAdd',
      outer: variable(1),
      position: p,
      inner: i,
      target: literal('int32', 1),
      value: read(0, 'float32', indexOf([p, 6], [i, 1])),
      dtype: 'float32',
      buffer: 1,
      size: 2,
    };
    const rows = [
      [Infinity, Infinity, NaN, -0, 1, -Infinity],
      [1, -Infinity, 1, -0, 2, 1],
      [1, 1, 1, -0, 3, -Infinity],
    ];
    const given: Given[] = [
      { dtype: 'float32', data: rows.flat() },
      { dtype: 'float32', data: 12 },
    ];
    const { buffers } = runUnits((context) => lowerScatter(kernel, 'scatter', context), given);
    expectSame(buffers[1] ?? [], [0, 0, 0, 0, 0, 0, Infinity, NaN, NaN, 0, 6, -Infinity], 'special values');
  });

  it('tells whether any truth value arrived', () => {
    const { buffers } = checkScatterOfTruth([0, 1, 1, 3], [0, 1, 1, 0], 4);
    expect([...(buffers[2] ?? [])]).toEqual([0, 1, 0, 0]);
  });

  it.each([1, 3, 4, 40])('computes targets and values where it adds them (%i columns)', (inner) => {
    // out[t[p] / 2 - 1, i] += s · transposed[i, p] + t[p]
    const [positions, size] = [9, 4];
    const random = generator(inner);
    const targets = Array.from({ length: positions }, () => random(12));
    const values = Array.from({ length: positions * inner }, () => random(9));
    const [p, i] = [variable(positions), variable(inner)];
    const target = read(0, 'int32', indexOf([p, 1]));
    const half = op('shr', 'int32', target, literal('int32', 1));
    const factor: Scalar = { kind: 'scalar', dtype: 'float32', slot: 0 };
    const product = op('mul', 'float32', factor, read(1, 'float32', indexOf([i, positions], [p, 1])));
    const kernel: ScatterKernel = {
      kind: 'scatter',
      name: 'scatterAdd',
      outer: variable(1),
      position: p,
      inner: i,
      target: op('sub', 'int32', half, literal('int32', 1)),
      value: op('add', 'float32', product, op('cast', 'float32', target)),
      dtype: 'float32',
      buffer: 2,
      size,
    };
    const given: Given[] = [
      { dtype: 'int32', data: targets },
      { dtype: 'float32', data: values },
      { dtype: 'float32', data: size * inner },
    ];
    const lower = (context: Parameters<typeof lowerScatter>[2]) => lowerScatter(kernel, 'scatter', context);
    const { buffers } = runUnits(lower, given, { scalars: [0.5] });
    const expected = new Array<number>(size * inner).fill(0);
    targets.forEach((t, j) => {
      const row = Math.floor(t / 2) - 1;
      for (let k = 0; k < inner && row >= 0 && row < size; k++) {
        expected[row * inner + k] =
          (expected[row * inner + k] ?? NaN) + 0.5 * (values[k * positions + j] ?? NaN) + t;
      }
    });
    expectSame(buffers[2] ?? [], expected, `${inner} columns`);
  });

  it('narrows values computed in float64', () => {
    const [p, i] = [variable(2), variable(5)];
    const kernel: ScatterKernel = {
      kind: 'scatter',
      name: 'scatterAdd',
      outer: variable(1),
      position: p,
      inner: i,
      target: literal('int32', 0),
      value: op('cast', 'float32', read(0, 'float64', indexOf([p, 5], [i, 1]))),
      dtype: 'float32',
      buffer: 1,
      size: 1,
    };
    const data = [0.1, 0.2, 0.3, 0.4, 0.5, 1, 2, 3, 4, 5];
    const given: Given[] = [
      { dtype: 'float64', data },
      { dtype: 'float32', data: 5 },
    ];
    const { buffers } = runUnits((context) => lowerScatter(kernel, 'scatter', context), given);
    const sums = [0, 1, 2, 3, 4].map((k) => Math.fround(Math.fround(data[k] ?? NaN) + (data[k + 5] ?? NaN)));
    expectSame(buffers[1] ?? [], sums, 'narrowed');
  });
});

function checkScatterOfTruth(targets: readonly number[], values: readonly number[], size: number): Outcome {
  const p = variable(targets.length);
  const kernel: ScatterKernel = {
    kind: 'scatter',
    name: 'scatterAdd',
    outer: variable(1),
    position: p,
    inner: variable(1),
    target: read(0, 'int32', indexOf([p, 1])),
    value: read(1, 'bool', indexOf([p, 1])),
    dtype: 'bool',
    buffer: 2,
    size,
  };
  return runUnits(
    (context) => lowerScatter(kernel, 'scatter', context),
    [
      { dtype: 'int32', data: targets },
      { dtype: 'bool', data: values },
      { dtype: 'bool', data: size },
    ],
  );
}

interface CumulativeCase {
  readonly outer?: number;
  readonly length: number;
  readonly inner?: number;
  readonly dtype?: DType;
  readonly seed?: number;
  readonly values?: readonly number[];
}

function checkCumulative(test: CumulativeCase): Outcome {
  const { outer = 1, length, inner = 1, dtype = 'float32', seed = 1 } = test;
  const random = generator(seed);
  const size = outer * length * inner;
  const values = test.values ?? Array.from({ length: size }, () => randomNumber(dtype, random));
  const [o, p, i] = [variable(outer), variable(length), variable(inner)];
  const kernel: CumulativeKernel = {
    kind: 'cumulative',
    name: 'cumsum',
    outer: o,
    position: p,
    inner: i,
    value: read(0, dtype, indexOf([o, length * inner], [p, inner], [i, 1])),
    dtype,
    buffer: 1,
  };
  const given: Given[] = [
    { dtype, data: values },
    { dtype, data: size },
  ];
  const outcome = runUnits((context) => lowerCumulative(kernel, 'cumulative', context), given, { seed });
  const narrow = narrowTo(dtype);
  const step = inner === 1 && dtype === 'float32' ? (x: number) => x : narrow;
  const expected = new Array<number>(size).fill(NaN);
  for (let at = 0; at < outer; at++) {
    for (let k = 0; k < inner; k++) {
      let sum = 0;
      for (let j = 0; j < length; j++) {
        const place = (at * length + j) * inner + k;
        sum = step(sum + (values[place] ?? NaN));
        expected[place] = narrow(sum);
      }
    }
  }
  expectSame(outcome.buffers[1] ?? [], expected, JSON.stringify({ outer, length, inner, dtype }));
  return outcome;
}

describe('running sums', () => {
  it.each(DTYPES)('of %s, whatever the shape and the chunks', (dtype) => {
    const random = generator(4);
    for (let seed = 0; seed < 60; seed++) {
      const inner = seed % 3 === 0 ? 1 : 1 + random(seed % 3 === 1 ? 200 : 9);
      checkCumulative({ outer: 1 + random(5), length: 1 + random(12), inner, dtype, seed });
    }
  });

  it('have no units when there is nothing to sum', () => {
    expect(checkCumulative({ outer: 3, length: 0, inner: 4 }).units).toBe(0);
    expect(checkCumulative({ outer: 0, length: 3, inner: 4 }).units).toBe(0);
    expect(checkCumulative({ outer: 2, length: 3, inner: 0 }).units).toBe(0);
  });

  it.each([1, 3, 4, 7])('pass NaN on along the axis, and to no other column (%i columns)', (inner) => {
    const rows = [1, NaN, 2, Infinity, -0].map((x) =>
      Array.from({ length: inner }, (_, k) => (k % 2 === 0 ? x : 1)),
    );
    checkCumulative({ length: 5, inner, values: rows.flat() });
  });

  it('of infinities of both signs are NaN', () => {
    checkCumulative({ length: 4, values: [1, Infinity, 1, -Infinity] });
  });

  it('of -0 are 0', () => {
    checkCumulative({ length: 2, values: [-0, -0] });
    checkCumulative({ length: 2, inner: 5, values: new Array<number>(10).fill(-0) });
  });

  it('wrap around in integers', () => {
    checkCumulative({ length: 3, dtype: 'int32', values: [2 ** 31 - 1, 1, 1] });
    checkCumulative({ length: 3, dtype: 'uint32', values: [2 ** 32 - 1, 1, 1] });
  });

  it('of a long row of float32 do not gather rounding errors', () => {
    const { buffers } = checkCumulative({
      length: 100_000,
      values: new Array<number>(100_000).fill(Math.fround(0.1)),
    });
    expect(buffers[1]?.at(-1)).toBe(Math.fround(100_000 * Math.fround(0.1)));
  });

  it('cut many columns into blocks', () => {
    expect(checkCumulative({ length: 6, inner: 32 * 16 }).units).toBe(16);
    expect(checkCumulative({ outer: 2, length: 6, inner: 333 }).units).toBeGreaterThan(8);
  });

  it.each([1, 6])('are of values computed on the way (%i columns)', (inner) => {
    // Backwards through the data, times two.
    const length = 5;
    const [p, i] = [variable(length), variable(inner)];
    const backwards = add({ ...ZERO, constant: (length - 1) * inner }, indexOf([p, -inner], [i, 1]));
    const kernel: CumulativeKernel = {
      kind: 'cumulative',
      name: 'cumsum',
      outer: variable(1),
      position: p,
      inner: i,
      value: op('mul', 'int32', read(0, 'int32', backwards), literal('int32', 2)),
      dtype: 'int32',
      buffer: 1,
    };
    const data = Array.from({ length: length * inner }, (_, k) => k);
    const given: Given[] = [
      { dtype: 'int32', data },
      { dtype: 'int32', data: length * inner },
    ];
    const { buffers } = runUnits((context) => lowerCumulative(kernel, 'cumulative', context), given);
    const expected = data.map((at) => {
      const [row, column] = [Math.floor(at / inner), at % inner];
      let sum = 0;
      for (let j = 0; j <= row; j++) sum += 2 * ((length - 1 - j) * inner + column);
      return sum;
    });
    expectSame(buffers[1] ?? [], expected, `${inner} columns`);
  });
});

interface SortCase {
  readonly outer?: number;
  readonly length: number;
  readonly inner?: number;
  readonly descending?: boolean;
  readonly dtype?: DType;
  readonly seed?: number;
  readonly values?: readonly number[];
}

function checkSort(test: SortCase): Outcome {
  const { outer = 1, length, inner = 1, descending = false, dtype = 'float32', seed = 1 } = test;
  const random = generator(seed);
  const size = outer * length * inner;
  const values = test.values ?? Array.from({ length: size }, () => sortable(dtype, random));
  const kernel: SortKernel = {
    kind: 'sort',
    name: 'argsort',
    outer,
    length,
    inner,
    descending,
    dtype,
    source: 0,
    buffer: 1,
    scratch: 2,
  };
  const given: Given[] = [
    { dtype, data: values },
    { dtype: 'int32', data: size },
    { dtype: 'int32', data: size },
  ];
  const outcome = runUnits((context) => lowerSort(kernel, 'sort', context), given, { seed });
  const expected = new Array<number>(size).fill(NaN);
  for (let at = 0; at < outer; at++) {
    for (let k = 0; k < inner; k++) {
      const key = (j: number): number => values[(at * length + j) * inner + k] ?? NaN;
      const order = Array.from({ length }, (_, j) => j).sort((x, y) => {
        const nans = Number(Number.isNaN(key(x))) - Number(Number.isNaN(key(y)));
        if (nans !== 0 || Number.isNaN(key(x)) || key(x) === key(y)) return nans;
        return key(x) < key(y) !== descending ? -1 : 1;
      });
      order.forEach((j, rank) => (expected[(at * length + rank) * inner + k] = j));
    }
  }
  const what = JSON.stringify({ outer, length, inner, descending, dtype });
  expectSame(outcome.buffers[1] ?? [], expected, what);
  expectSame(outcome.buffers[0] ?? [], values, `source of ${what}`);
  return outcome;
}

const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, NaN];

/** Few different numbers, so that there are ties; now and then a special one. */
function sortable(dtype: DType, random: (below: number) => number): number {
  if (dtype === 'bool') return random(2);
  if (dtype === 'uint32') return random(4) === 0 ? 2 ** 32 - 1 - random(3) : random(20);
  if (dtype === 'int32')
    return random(8) === 0 ? (random(2) === 0 ? 2 ** 31 - 1 : -(2 ** 31)) : random(20) - 10;
  return random(4) === 0 ? (SPECIAL[random(SPECIAL.length)] ?? NaN) : (random(20) - 10) / 4;
}

const LENGTHS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 128, 129, 257];

describe('sort', () => {
  for (const descending of [false, true]) {
    const direction = descending ? 'descending' : 'ascending';
    it.each([...DTYPES, 'bool'] as const)(
      `orders %s ${direction}, equals as they were, at every length`,
      (dtype) => {
        LENGTHS.forEach((length, seed) => {
          checkSort({ length, dtype, descending, seed });
          checkSort({ outer: 3, length, dtype, descending, seed });
          checkSort({ outer: 2, length, inner: 3, dtype, descending, seed });
        });
      },
    );

    it(`puts NaN last ${direction}, in its order`, () => {
      checkSort({ length: 5, descending, values: [NaN, 1, NaN, -Infinity, Infinity] });
      const { buffers } = checkSort({ length: 40, descending, values: new Array<number>(40).fill(NaN) });
      expect(buffers[1]?.at(-1)).toBe(39);
    });

    it(`takes 0 and -0 as equal ${direction}`, () => {
      const { buffers } = checkSort({ length: 6, descending, values: [0, -0, 0, -0, -0, 0] });
      expect([...(buffers[1] ?? [])]).toEqual([0, 1, 2, 3, 4, 5]);
    });

    it(`keeps the order of what is sorted ${direction} already, and turns what is not`, () => {
      const up = Array.from({ length: 1000 }, (_, k) => k);
      checkSort({ length: 1000, descending, values: up });
      checkSort({ length: 1000, descending, values: [...up].reverse() });
    });
  }

  it('takes uint32 as unsigned and int32 as signed', () => {
    const order = (dtype: DType, values: number[]): number[] => [
      ...(checkSort({ length: 2, dtype, values }).buffers[1] ?? []),
    ];
    expect(order('uint32', [2 ** 31, 1])).toEqual([1, 0]);
    expect(order('int32', [1, -(2 ** 31)])).toEqual([1, 0]);
  });

  it('tells apart float64 that float32 cannot', () => {
    const { buffers } = checkSort({ length: 2, dtype: 'float64', values: [1 + 2 ** -40, 1] });
    expect([...(buffers[1] ?? [])]).toEqual([1, 0]);
  });

  it('does rows in any order and any chunks', () => {
    for (let seed = 0; seed < 10; seed++) checkSort({ outer: 5, length: 20 + seed, inner: 4, seed });
  });

  it('orders long rows', () => {
    const random = generator(6);
    const values = Array.from({ length: 20_000 }, () => random(5000));
    checkSort({ length: 20_000, dtype: 'int32', values });
  });

  it('has no units when there is nothing to sort', () => {
    expect(checkSort({ outer: 3, length: 0, inner: 2 }).units).toBe(0);
    expect(checkSort({ outer: 0, length: 3 }).units).toBe(0);
    expect(checkSort({ length: 3, inner: 0 }).units).toBe(0);
  });
});
