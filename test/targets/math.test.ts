import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  roundHalfToEven,
  toBfloat16Bits,
  toFloat16Bits,
  fromBfloat16Bits,
  fromFloat16Bits,
} from '../../src/core/half.js';
import { erf } from '../../src/core/special-functions.mjs';
import * as ir from '../../src/targets/cpu/ir.js';
import {
  BINARY_MATH,
  UNARY_MATH,
  bfloat16ToFloat,
  floatToBfloat16,
  floatToHalf,
  halfToFloat,
} from '../../src/targets/cpu/math.js';
import { AVX512_16, ENCODERS, machineOf, WASM, type Encoder, type Machine } from '../support/ir-machine.js';
import { machine } from '../support/wasm-module.js';

type Unary = keyof typeof UNARY_MATH;
type Binary = keyof typeof BINARY_MATH;

const CAPACITY = 1 << 18;
const [X, Y, RESULT] = [0, CAPACITY * 4, CAPACITY * 8];

/** One loop per function: name(n) computes n elements. */
function kernels(vector: boolean, lanes: number): ir.Module {
  const step = vector ? lanes : 1;
  const loop = (
    name: string,
    element: ir.Element,
    build: (b: ir.Builder, x: ir.Expr, y: ir.Expr) => ir.Expr,
    to: ir.Element = element,
  ): ir.Func =>
    ir.func(
      name,
      ['n'],
      (b, n) => {
        b.for(ir.i32(0), n, step, (i) => {
          const at = b.let(ir.binary('shl', i, ir.i32(2)));
          b.store(to, at, build(b, ir.load(element, at, X, vector), ir.load(element, at, Y, vector)), RESULT);
        });
      },
      true,
    );
  return {
    functions: [
      ...Object.entries(UNARY_MATH).map(([name, f]) => loop(name, 'f32', (b, x) => f(b, x))),
      ...Object.entries(BINARY_MATH).map(([name, f]) => loop(name, 'f32', f)),
      loop('halfToFloat', 'i32', halfToFloat, 'f32'),
      loop('floatToHalf', 'f32', floatToHalf, 'i32'),
      loop('bfloat16ToFloat', 'i32', bfloat16ToFloat, 'f32'),
      loop('floatToBfloat16', 'f32', floatToBfloat16, 'i32'),
    ],
  };
}

/** The distance from `expected` in units of float32's last place there; 0 for equal infinities and two NaN. */
function ulps(got: number, expected: number): number {
  const rounded = Math.fround(expected);
  // What rounding gives is as near as can be.
  if (Object.is(got, expected) || got === rounded) return 0;
  if (Number.isNaN(got) || Number.isNaN(expected)) return Infinity;
  if (!Number.isFinite(got) || !Number.isFinite(rounded)) {
    // One step past the largest number is as good as the infinity next to it.
    const [a, b] = [Math.min(Math.abs(got), 2 ** 128), Math.min(Math.abs(expected), 2 ** 128)];
    return Math.sign(got) === Math.sign(expected) ? Math.abs(a - b) / 2 ** 104 : Infinity;
  }
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(expected))), -126);
  return Math.abs(got - expected) / 2 ** (exponent - 23);
}

const linear = (from: number, to: number, count = 20000): number[] =>
  Array.from({ length: count }, (_, n) => Math.fround(from + ((to - from) * n) / (count - 1)));

const floatBits = new DataView(new ArrayBuffer(4));
/** Every 40009th float32 of both signs: all exponents, subnormal numbers too. */
const everywhere: number[] = [];
for (let bits = 0; bits < 2 ** 32; bits += 40009) {
  floatBits.setUint32(0, bits);
  everywhere.push(floatBits.getFloat32(0));
}
const SPECIAL = [
  0,
  -0,
  1,
  -1,
  Infinity,
  -Infinity,
  NaN,
  2 ** -149,
  -(2 ** -149),
  2 ** -126,
  -(2 ** -126),
  3.4028234663852886e38,
  -3.4028234663852886e38,
  0.5,
  -0.5,
  2,
  -2,
];

const sigmoid = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));

/** The function, the inputs beyond the common ones, the bound in units of the last place, and the domain of that bound. */
const FUNCTIONS: Record<
  Unary,
  { f: (x: number) => number; inputs?: number[]; bound: number; domain?: number }
> = {
  neg: { f: (x) => -x, bound: 0 },
  abs: { f: Math.abs, bound: 0 },
  sign: { f: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0), bound: 0 },
  floor: { f: Math.floor, bound: 0, inputs: linear(-5, 5) },
  ceil: { f: Math.ceil, bound: 0, inputs: linear(-5, 5) },
  round: { f: roundHalfToEven, bound: 0, inputs: [0.5, 1.5, 2.5, -0.5, -1.5, ...linear(-5, 5)] },
  trunc: { f: Math.trunc, bound: 0, inputs: linear(-5, 5) },
  sqrt: { f: Math.sqrt, bound: 0.5 },
  exp: { f: Math.exp, bound: 2, inputs: [...linear(-105, 90), 88.72284, 88.7229, -103.97, -103.98, -87.34] },
  expm1: { f: Math.expm1, bound: 4, inputs: [...linear(-25, 90), ...linear(-1, 1)] },
  log: { f: Math.log, bound: 2, inputs: [...linear(0.3, 3), ...linear(0, 1e4)] },
  log1p: { f: Math.log1p, bound: 3, inputs: [...linear(-1, 1), ...linear(-0.01, 0.01)] },
  sin: {
    f: Math.sin,
    bound: 3,
    domain: 1e6,
    inputs: [...linear(-7, 7), ...linear(-1e4, 1e4), ...linear(-1e6, 1e6)],
  },
  cos: {
    f: Math.cos,
    bound: 3,
    domain: 1e6,
    inputs: [...linear(-7, 7), ...linear(-1e4, 1e4), ...linear(-1e6, 1e6)],
  },
  tan: {
    f: Math.tan,
    bound: 4,
    domain: 1e6,
    inputs: [...linear(-7, 7), ...linear(-1e4, 1e4), ...linear(-1e6, 1e6)],
  },
  atan: { f: Math.atan, bound: 2, inputs: linear(-5, 5) },
  tanh: { f: Math.tanh, bound: 3, inputs: [...linear(-11, 11), ...linear(-1, 1)] },
  sigmoid: { f: sigmoid, bound: 3, inputs: linear(-105, 90) },
  erf: { f: erf, bound: 3, inputs: [...linear(-5, 5), ...linear(-1, 1)] },
};

const GRID = [
  ...SPECIAL,
  3,
  -3,
  4,
  5,
  7,
  -7,
  0.25,
  1.5,
  -2.5,
  10,
  100,
  -101,
  1e10,
  -1e10,
  1e-10,
  0.99999994,
  1.0000001,
  16777217,
  1 / 3,
];
const pairs = GRID.flatMap((x) => GRID.map((y): [number, number] => [Math.fround(x), Math.fround(y)]));
const spread = (count: number, from: number, to: number): number[] =>
  Array.from({ length: count }, (_, n) => Math.fround(from * (to / from) ** ((n * 0.6180339887) % 1)));

function cPow(x: number, y: number): number {
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y;
}

const bases = spread(30000, 1e-6, 1e6);
const exponents = linear(-6, 6, 30000);
const BINARY: Record<
  Binary,
  { f: (x: number, y: number) => number; inputs: [number, number][]; bound: number }
> = {
  pow: {
    f: cPow,
    bound: 4,
    inputs: [
      ...bases.map((x, n): [number, number] => [x, exponents[n] ?? 0]),
      // Results near the ends of the range, where the error of the logarithm counts most.
      ...spread(20000, 0.5, 2).map((x, n): [number, number] => [x, n % 2 === 0 ? 127 : -100]),
      ...spread(2000, 1e-45, 1e-38).map((x): [number, number] => [x, 0.75]),
    ],
  },
  atan2: {
    f: Math.atan2,
    bound: 3,
    inputs: linear(-3, 3).map((y, n): [number, number] => [y, (n % 7) - 3]),
  },
  mod: {
    f: (x, y) => x % y,
    bound: 0,
    inputs: bases.map((x, n): [number, number] => [n % 2 === 0 ? x : -x, exponents[n] ?? 1]),
  },
};

/** The arguments of a function and what it should give, which all settings share. */
const tables = new Map<Unary, { x: Float32Array; expected: Float64Array }>();
function tableOf(name: Unary): { x: Float32Array; expected: Float64Array } {
  let table = tables.get(name);
  if (table === undefined) {
    const { f, inputs = [] } = FUNCTIONS[name];
    const x = Float32Array.from([...SPECIAL, ...everywhere, ...inputs]);
    table = { x, expected: Float64Array.from(x, f) };
    tables.set(name, table);
  }
  return table;
}

const setting = (encoder: Encoder, vector = true): { mode: string; vector: boolean; encoder: Encoder } => ({
  mode: `${vector ? 'vectors' : 'scalars'}, ${encoder.name}`,
  vector,
  encoder,
});
const SETTINGS = [
  ...ENCODERS.map((each) => setting(each)),
  ...[WASM, AVX512_16].map((each) => setting(each, false)),
].filter(({ encoder }) => encoder.missing === undefined);

describe.each(SETTINGS)('float32 functions as $mode', ({ vector, encoder }) => {
  let m: Machine;
  beforeAll(() => {
    m = machineOf(encoder, kernels(vector, encoder.lanes));
  });
  afterAll(() => {
    m.free();
  });

  function results(name: string, x: ArrayLike<number>, y: ArrayLike<number> = []): Float32Array {
    m.f32.set(x, X / 4);
    m.f32.set(y, Y / 4);
    m.call(name, x.length);
    return m.f32.slice(RESULT / 4, RESULT / 4 + x.length);
  }

  it.each(Object.keys(FUNCTIONS) as Unary[])('%s', (name) => {
    const { bound, domain = Infinity } = FUNCTIONS[name];
    const { x, expected } = tableOf(name);
    const got = results(name, x);
    let worst = { ulps: -1, x: 0, got: 0, expected: 0 };
    for (let n = 0; n < x.length; n++) {
      const [each = 0, is = NaN, should = NaN] = [x[n], got[n], expected[n]];
      if (Math.abs(each) > domain && Number.isFinite(each)) continue;
      const distance = ulps(is, should);
      if (distance > worst.ulps) worst = { ulps: distance, x: each, got: is, expected: should };
    }
    expect(worst.ulps, JSON.stringify(worst)).toBeLessThanOrEqual(bound);
  });

  it.each([
    'neg',
    'floor',
    'ceil',
    'round',
    'trunc',
    'sqrt',
    'expm1',
    'log1p',
    'sin',
    'tan',
    'atan',
    'tanh',
    'erf',
  ] as const)('%s keeps the sign of zero', (name) => {
    const sign = name === 'neg' ? -1 : 1;
    expect([...results(name, [0, -0])].map((each) => Object.is(each, sign * 0))).toEqual([true, false]);
  });

  it('sin and cos of huge numbers stay between -1 and 1', () => {
    const huge = [1e7, 1e10, 1e20, 3e38, -1e15];
    for (const name of ['sin', 'cos']) {
      for (const value of results(name, huge)) expect(Math.abs(value)).toBeLessThanOrEqual(1);
    }
  });

  it.each(Object.keys(BINARY) as Binary[])('%s', (name) => {
    const { f, inputs, bound } = BINARY[name];
    const all = [...pairs, ...inputs].filter(
      ([, y]) => name !== 'mod' || Math.abs(y) >= 2 ** -126 || y === 0,
    );
    const got = results(
      name,
      all.map(([x]) => x),
      all.map(([, y]) => y),
    );
    let worst = { ulps: -1, x: 0, y: 0, got: 0, expected: 0 };
    all.forEach(([x, y], n) => {
      const expected = f(x, y);
      const value = got[n] ?? NaN;
      // Zeros have the right sign, too.
      const wrongZero =
        Math.fround(expected) === 0 && value === 0 && !Object.is(value, Math.fround(expected));
      const distance = wrongZero ? Infinity : ulps(value, expected);
      if (distance > worst.ulps) worst = { ulps: distance, x, y, got: value, expected };
    });
    expect(worst.ulps, JSON.stringify(worst)).toBeLessThanOrEqual(bound);
  });

  const HALVES = Array.from({ length: 65536 }, (_, bits) => bits);
  it.each([
    ['halfToFloat', fromFloat16Bits],
    ['bfloat16ToFloat', fromBfloat16Bits],
  ] as const)('%s on all bits', (name, expected) => {
    m.i32.set(HALVES, X / 4);
    m.call(name, HALVES.length);
    const got = m.f32.subarray(RESULT / 4, RESULT / 4 + HALVES.length);
    expect(HALVES.filter((bits) => !Object.is(got[bits], expected(bits)))).toEqual([]);
  });

  it.each([
    ['floatToHalf', toFloat16Bits, fromFloat16Bits],
    ['floatToBfloat16', toBfloat16Bits, fromBfloat16Bits],
  ] as const)('%s', (name, expected, back) => {
    // Besides arbitrary numbers, those in the middle between two neighbours.
    const middles = HALVES.filter((bits) => bits % 7 === 0 && Number.isFinite(back(bits) + back(bits + 1)));
    const x = [
      ...SPECIAL,
      ...everywhere,
      ...middles.map((bits) => (back(bits) + back(bits + 1)) / 2),
      65519,
      65520,
    ];
    results(name, x);
    const got = m.i32.subarray(RESULT / 4, RESULT / 4 + x.length);
    expect(x.filter((each, n) => got[n] !== expected(Math.fround(each)))).toEqual([]);
  });
});

describe('float64 functions', () => {
  it('come from the host', () => {
    const names = (Object.keys(FUNCTIONS) as Unary[]).filter((name) => name !== 'erf');
    const run = ir.func(
      'run',
      [],
      (b) => {
        names.forEach((name, n) => {
          b.store('f64', ir.i32(n * 8), UNARY_MATH[name](b, ir.f64(0.7)));
        });
      },
      true,
    );
    const m = machine({ functions: [run] });
    m.call('run');
    names.forEach((name, n) => {
      expect(m.f64[n], name).toBeCloseTo(FUNCTIONS[name].f(0.7), 15);
    });
  });
});
