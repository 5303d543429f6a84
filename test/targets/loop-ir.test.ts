/**
 * What the loop IR means, on every encoder that can run here: each operation of each type on edge values, with operands from memory, from locals,
 * as constants, and with a result that takes the place of an operand.
 */
import { describe, expect, it } from 'vitest';
import { dotBytes } from '../../src/targets/cpu/dot-bytes.js';
import * as ir from '../../src/targets/cpu/ir.js';
import type { Builder, Expr, Type } from '../../src/targets/cpu/ir.js';
import {
  ELEMENT_OF,
  ENCODERS,
  freshMemory,
  machineOf,
  repeated,
  storable,
  valueOf,
  WASM,
  WASM_FUSED,
  type Encoder,
  type Machine,
} from '../support/ir-machine.js';

const { i32, f32, f64 } = ir;
const MIN = -(2 ** 31);
const MAX = 2 ** 31 - 1;
const round = Math.fround;

const INTEGERS = [
  0,
  1,
  -1,
  2,
  3,
  5,
  7,
  8,
  10,
  31,
  32,
  33,
  63,
  64,
  100,
  127,
  128,
  -128,
  -129,
  255,
  256,
  1000,
  4096,
  65535,
  65536,
  0x12345678,
  715827883,
  MAX,
  MAX - 1,
  MIN,
  MIN + 1,
  -7,
  -1000,
];
const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  3.5,
  1e-40,
  -1e-40,
  2 ** -149,
  2 ** -126,
  1 / 3,
  100.7,
  -100.7,
  8388607.5,
  16777217,
  2 ** 31,
  -(2 ** 31),
  2 ** 31 - 128,
  2 ** 32,
  2 ** 32 - 256,
  -(2 ** 31) - 256,
  3e9,
  1e20,
  -1e20,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  Infinity,
  -Infinity,
  NaN,
];
const DOUBLES = [
  ...FLOATS,
  0.1,
  1e300,
  5e-324,
  2 ** 31 - 0.5,
  -(2 ** 31) - 0.5,
  2 ** 32 - 0.5,
  -0.9,
  4294967295.9,
  2 ** 53,
];

type ScalarType = 'i32' | 'f32' | 'f64';
const SCALAR: Readonly<Record<Type, ScalarType>> = {
  i32: 'i32',
  f32: 'f32',
  f64: 'f64',
  i32v: 'i32',
  f32v: 'f32',
  maskv: 'i32',
};
const EDGES: Readonly<Record<ScalarType, readonly number[]>> = {
  i32: INTEGERS,
  f32: FLOATS.map(round),
  f64: DOUBLES,
};

/** Places of the operands and of the results. */
const PLACES = [0x10000, 0x20000, 0x30000];
const RESULTS = 0x40000;

const viewOf = (m: Machine, type: ScalarType): Int32Array | Float32Array | Float64Array =>
  type === 'i32' ? m.i32 : type === 'f32' ? m.f32 : m.f64;

type Operation = (b: Builder, ...operands: Expr[]) => Expr;

/** How the operands come, and where the result goes. */
type Form =
  | 'memory'
  | 'locals'
  /** The result takes the place of an operand. */
  | 0
  | 1
  | 2;

interface Elementwise {
  readonly types: readonly Type[];
  readonly operation: Operation;
  readonly result: Type;
}

/** A loop over `n` groups of operands. */
function loop(encoder: Encoder, name: string, e: Elementwise, form: Form): ir.Func {
  const isVector = e.types.some(ir.isVector) || ir.isVector(e.result);
  const step = isVector ? encoder.lanes : 1;
  const scaled = (b: Builder, n: Expr, type: Type): Expr => b.let(ir.mul(n, i32(type === 'f64' ? 8 : 4)));
  return ir.func(
    name,
    ['n'],
    (b, n) => {
      b.for(i32(0), n, step, (index) => {
        const loads = e.types.map((type, k) => {
          const vector = ir.isVector(type);
          const loaded = ir.load(ELEMENT_OF[type], scaled(b, index, type), PLACES[k], vector);
          if (type === 'maskv') return ir.compare('ne', loaded, ir.constant('i32v', 0));
          return isVector && !vector ? ir.load(ELEMENT_OF[type], i32(0), PLACES[k]) : loaded;
        });
        const operands = form === 'memory' ? loads : loads.map((each) => ir.get(b.variable(each)));
        const at = scaled(b, index, e.result);
        const value = e.operation(b, ...operands);
        const own = typeof form === 'number' ? operands[form] : undefined;
        if (own?.kind !== 'local') {
          b.store(ELEMENT_OF[e.result], at, storable(value), RESULTS);
          return;
        }
        b.set(own.local, value);
        b.store(ELEMENT_OF[e.result], at, storable(own), RESULTS);
      });
    },
    true,
  );
}

/** All groups of operands: pairs of edge values, triples of some. */
function groups(types: readonly Type[]): number[][] {
  let all: number[][] = [[]];
  types.forEach((type, k) => {
    const edges = EDGES[SCALAR[type]];
    const some =
      type === 'maskv' ? [0, 1] : types.length < 3 ? edges : edges.filter((_, n) => n % 3 === k % 3 || n < 4);
    all = all.flatMap((group) => some.map((value) => [...group, value]));
  });
  return all;
}

const same = (a: number, b: number): boolean => Object.is(a, b);

/** Runs an operation on all groups in all forms, and compares with what `expected` gives for one group. */
function expectMeaning(
  encoder: Encoder,
  e: Elementwise,
  expected: (...values: number[]) => number,
  given = groups(e.types),
): void {
  const sameType = (type: Type, k: number): Form[] => (type === e.result ? [k as Form] : []);
  const forms: Form[] = ['memory', 'locals', ...e.types.flatMap(sameType)];
  const functions = forms.map((form) => loop(encoder, `form ${form}`, e, form));
  const m = machineOf(encoder, { functions }, memory());
  // A whole number of vectors.
  const padded = [...given];
  while (padded.length % encoder.lanes !== 0) padded.push(given[0] as number[]);
  e.types.forEach((type, k) => {
    const view = viewOf(m, SCALAR[type]);
    view.set(
      padded.map((group) => group[k] ?? 0),
      (PLACES[k] ?? 0) / view.BYTES_PER_ELEMENT,
    );
  });
  const results = viewOf(m, SCALAR[e.result]);
  const start = RESULTS / results.BYTES_PER_ELEMENT;
  for (const form of forms) {
    results.fill(77, start, start + padded.length);
    m.call(`form ${form}`, padded.length);
    padded.forEach((group, n) => {
      const [got = NaN, wanted] = [results[start + n], expected(...group)];
      if (!same(got, wanted)) expect.fail(`of ${group.join(', ')} (${form}): ${got}, should be ${wanted}`);
    });
  }
  m.free();
}

let shared: WebAssembly.Memory | undefined;
const memory = (): WebAssembly.Memory => (shared ??= freshMemory());

const u = (x: number): number => x >>> 0;
const integer = (x: number): number => x | 0;
const minimum = (a: number, b: number): number => Math.min(a, b);
const maximum = (a: number, b: number): number => Math.max(a, b);

const INTEGER_BINARY: Partial<Record<ir.BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => integer(a + b),
  sub: (a, b) => integer(a - b),
  mul: Math.imul,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  minS: minimum,
  maxS: maximum,
  minU: (a, b) => integer(Math.min(u(a), u(b))),
  maxU: (a, b) => integer(Math.max(u(a), u(b))),
};
const SHIFTS: Partial<Record<ir.BinaryOp, (a: number, b: number) => number>> = {
  shl: (a, b) => a << b,
  shrS: (a, b) => a >> b,
  shrU: (a, b) => integer(a >>> b),
};
const DIVISIONS: Partial<Record<ir.BinaryOp, (a: number, b: number) => number>> = {
  divS: (a, b) => integer(a / b),
  remS: (a, b) => integer(a % b),
  divU: (a, b) => integer(Math.floor(u(a) / u(b))),
  remU: (a, b) => integer(u(a) % u(b)),
};
const FLOAT_BINARY: Partial<Record<ir.BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: minimum,
  max: maximum,
};
const INTEGER_UNARY: Partial<Record<ir.UnaryOp, (a: number) => number>> = {
  neg: (a) => integer(-a),
  abs: (a) => integer(Math.abs(a)),
  not: (a) => ~a,
};
const FLOAT_UNARY: Partial<Record<ir.UnaryOp, (a: number) => number>> = {
  neg: (a) => -a,
  abs: Math.abs,
  sqrt: Math.sqrt,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  nearest: roundHalfToEven,
};
const COMPARE: Readonly<Record<ir.CompareOp, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
  ltU: (a, b) => u(a) < u(b),
  leU: (a, b) => u(a) <= u(b),
  gtU: (a, b) => u(a) > u(b),
  geU: (a, b) => u(a) >= u(b),
};

function roundHalfToEven(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const down = Math.floor(x);
  const rest = x - down;
  const rounded = rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}

const saturated = (x: number, least: number, most: number): number =>
  Number.isNaN(x) ? 0 : Math.trunc(Math.min(Math.max(x, least), most)) | 0;

const entries = <K extends string, V>(table: Partial<Record<K, V>>): [K, V][] =>
  Object.entries(table) as [K, V][];

/** A number of a type as an expression without memory. */
const literal = (type: Type, value: number): Expr => (type === 'f64' ? f64(value) : ir.constant(type, value));

/** Without fusing, only fma is another: one of the two suffices for the rest. */
const usable = ENCODERS.filter((each) => each.missing === undefined);
const tested = usable.filter((each) => each !== WASM || !usable.includes(WASM_FUSED));

it('fma of vectors as wasm is rounded twice where engines cannot fuse it', () => {
  const [x, y] = [ir.constant('f32v', 1 + 2 ** -15), ir.constant('f32v', -(1 + 2 ** -14))];
  expect(valueOf(WASM, ir.fma(x, x, y))).toEqual([0, 0, 0, 0]);
});

describe.each(tested)('$name', (encoder) => {
  const elementwise = (
    name: string,
    types: readonly Type[],
    result: Type,
    operation: Operation,
    expected: (...values: number[]) => number,
    given?: number[][],
  ): void => {
    const exact = SCALAR[result] === 'f32' ? (...values: number[]) => round(expected(...values)) : expected;
    it(name, () => {
      expectMeaning(encoder, { types, operation, result }, exact, given ?? groups(types));
    });
  };

  /** A binary operation of two unknowns, and of an unknown and each edge value on either side. */
  const binary = (
    op: ir.BinaryOp,
    type: Type,
    f: (a: number, b: number) => number,
    counts?: readonly number[],
  ): void => {
    const other = counts !== undefined && ir.isVector(type) ? 'i32' : type;
    const make = (a: Expr, b: Expr): Expr => ({ kind: 'binary', type, op, a, b });
    const edges = EDGES[SCALAR[type]];
    if (other === type) {
      const given = counts && edges.flatMap((a) => counts.map((b) => [a, b]));
      elementwise(
        `${op} of ${type}`,
        [type, type],
        type,
        (_, a = i32(0), b = i32(0)) => make(a, b),
        f,
        given,
      );
      if (counts === undefined)
        it(`${op} of a constant and ${type}`, () => {
          for (const value of edges) {
            const operation: Operation = (_, x = i32(0)) => make(literal(type, value), x);
            const narrow = SCALAR[type] === 'f32' ? round : (x: number) => x;
            expectMeaning(encoder, { types: [type], operation, result: type }, (x) => narrow(f(value, x)));
          }
        });
    } else {
      it(`${op} of ${type} by a variable`, () => {
        for (const by of counts ?? []) {
          const operation: Operation = (_, a = i32(0), b = i32(0)) => make(a, b);
          const given = edges.map((a) => [a, by]);
          expectMeaning(encoder, { types: [type, 'i32'], operation, result: type }, f, given);
        }
      });
    }
    it(`${op} of ${type} and a constant`, () => {
      for (const value of counts ?? edges) {
        const operation: Operation = (_, x = i32(0)) => make(x, literal(other, value));
        const narrow = SCALAR[type] === 'f32' ? round : (x: number) => x;
        expectMeaning(encoder, { types: [type], operation, result: type }, (x) => narrow(f(x, value)));
      }
    });
  };

  for (const type of ['i32', 'i32v'] as const) {
    describe(`arithmetic of ${type}`, () => {
      for (const [op, f] of entries(INTEGER_BINARY)) binary(op, type, f);
      for (const [op, f] of entries(SHIFTS)) binary(op, type, f, [0, 1, 7, 31, 32, 33, 63, 64, 255, -1, MIN]);
      for (const [op, f] of entries(INTEGER_UNARY))
        elementwise(`${op} of ${type}`, [type], type, (_, x = i32(0)) => ir.unary(op, x), f);
    });
  }

  describe('divisions of i32', () => {
    const dividends = [...INTEGERS, ...Array.from({ length: 200 }, (_, n) => integer(n * 21474837 + n))];
    // -2^31 / -1 belongs to the caller.
    const allowed = (op: ir.BinaryOp, a: number, b: number): boolean =>
      b !== 0 && !(op.endsWith('S') && a === MIN && b === -1);
    for (const [op, f] of entries(DIVISIONS)) {
      const given = dividends.flatMap((a) => INTEGERS.filter((b) => allowed(op, a, b)).map((b) => [a, b]));
      elementwise(
        op,
        ['i32', 'i32'],
        'i32',
        (_, a = i32(0), b = i32(0)) => ({ kind: 'binary', type: 'i32', op, a, b }),
        f,
        given,
      );
      it(`${op} by constants`, () => {
        // All small ones, those around powers of two, and others up to the largest.
        const near = Array.from({ length: 32 }, (_, n) => 2 ** n).flatMap((each) => [
          each - 1,
          each,
          each + 1,
        ]);
        const far = Array.from({ length: 60 }, (_, n) => Math.floor(1.31 ** (n + 20)));
        const divisors = [
          ...Array.from({ length: 64 }, (_, n) => n + 1),
          ...near,
          ...far,
          2 ** 32 - 1,
          2 ** 32 - 2,
        ];
        const edgesOf = (by: number): number[] =>
          // Where quotients change: around multiples of the divisor, up to the largest one.
          [1, 2, 3, Math.floor(2 ** 31 / by), Math.floor((2 ** 32 - 1) / by)].flatMap((n) => [
            n * by - 1,
            n * by,
            n * by + 1,
          ]);
        for (const divisor of new Set(divisors.filter((n) => n > 0 && n < 2 ** 32).map(integer))) {
          const operation: Operation = (_, x = i32(0)) => ({
            kind: 'binary',
            type: 'i32',
            op,
            a: x,
            b: i32(divisor),
          });
          const all = [...dividends, ...edgesOf(u(divisor)).map(integer)].filter((a) =>
            allowed(op, a, divisor),
          );
          expectMeaning(
            encoder,
            { types: ['i32'], operation, result: 'i32' },
            (x) => f(x, divisor),
            all.map((a) => [a]),
          );
        }
      });
    }
  });

  for (const type of ['f32', 'f64', 'f32v'] as const) {
    describe(`arithmetic of ${type}`, () => {
      for (const [op, f] of entries(FLOAT_BINARY)) binary(op, type, f);
      for (const [op, f] of entries(FLOAT_UNARY))
        elementwise(`${op} of ${type}`, [type], type, (_, x = i32(0)) => ir.unary(op, x), f);
      it(`fma of ${type}`, () => {
        // Of whole numbers below 2^8, so that it does not matter how often it is rounded.
        const small = [0, 1, -1, 3, 255, -200, 17, -0];
        const given = small.flatMap((a) => small.flatMap((b) => small.map((c) => [a, b, c])));
        const operation: Operation = (_, a = i32(0), b = i32(0), c = i32(0)) => ir.fma(a, b, c);
        expectMeaning(
          encoder,
          { types: [type, type, type], operation, result: type },
          (a, b, c) => a * b + c,
          given,
        );
      });
      const fused = encoder.fused.includes(type);
      it(`fma of ${type} is rounded ${fused ? 'once' : 'twice'}`, () => {
        const [x, unit] = type === 'f64' ? [1 + 2 ** -30, 2 ** -60] : [1 + 2 ** -15, 2 ** -30];
        const [a, c] = [literal(type, x), literal(type, type === 'f64' ? -(1 + 2 ** -29) : -(1 + 2 ** -14))];
        expect(valueOf(encoder, ir.fma(a, a, c))[0]).toBe(fused ? unit : 0);
      });
    });
  }

  describe('comparisons', () => {
    for (const [op, f] of entries(COMPARE)) {
      const compare: Operation = (_, a = i32(0), b = i32(0)) => ir.compare(op, a, b);
      for (const type of ['i32', 'i32v', 'f32', 'f64', 'f32v'] as const) {
        if (op.endsWith('U') && !type.startsWith('i')) continue;
        const [result, yes]: [Type, number] = ir.isVector(type) ? ['maskv', -1] : ['i32', 1];
        elementwise(`${op} of ${type}`, [type, type], result, compare, (a, b) => (f(a, b) ? yes : 0));
        it(`${op} of ${type} and a constant`, () => {
          for (const value of EDGES[SCALAR[type]]) {
            const operation: Operation = (_, x = i32(0)) => ir.compare(op, x, literal(type, value));
            expectMeaning(encoder, { types: [type], operation, result }, (x) => (f(x, value) ? yes : 0));
          }
        });
        if (ir.isVector(type)) continue;
        elementwise(
          `a condition by ${op} of ${type}`,
          [type, type],
          'i32',
          (b, x = i32(0), y = i32(0)) => {
            const out = b.variable(i32(5));
            b.if(
              ir.compare(op, x, y),
              () => b.set(out, i32(6)),
              () => b.set(out, i32(7)),
            );
            return ir.get(out);
          },
          (a, b) => (f(a, b) ? 6 : 7),
        );
      }
    }
    for (const type of ['i32', 'f32', 'f64', 'i32v', 'f32v', 'maskv'] as const) {
      const condition = ir.isVector(type) ? 'maskv' : 'i32';
      const operation: Operation = (_, c = i32(0), a = i32(0), b = i32(0)) => ir.select(c, a, b);
      const edges = type === 'maskv' ? [0, 1] : EDGES[SCALAR[type]];
      const given = [0, 1].flatMap((c) => edges.flatMap((a) => edges.map((b) => [c, a, b])));
      const yes = (x: number): number => (type === 'maskv' ? -x | 0 : x);
      elementwise(
        `select of ${type}`,
        [condition, type, type],
        type,
        operation,
        (c, a, b) => yes(c ? a : b),
        given,
      );
      if (type === 'maskv') continue;
      for (const op of ['lt', 'gt', 'le', 'ge'] as const) {
        const f = COMPARE[op];
        // Of floats, this is an instruction of its own: a NaN takes the second, and so do equal sides.
        elementwise(
          `select of ${type} by ${op} of the same sides`,
          [type, type],
          type,
          (b, x = i32(0), y = i32(0)) => {
            const [p, q] = [b.let(x), b.let(y)];
            return ir.select(ir.compare(op, p, q), p, q);
          },
          (a, b) => (f(a, b) ? a : b),
        );
      }
    }
  });

  describe('masks', () => {
    const MASKS: Partial<Record<ir.BinaryOp, (a: number, b: number) => number>> = {
      and: (a, b) => -(a & b) | 0,
      or: (a, b) => -(a | b) | 0,
      xor: (a, b) => -(a ^ b) | 0,
    };
    for (const [op, f] of entries(MASKS))
      elementwise(op, ['maskv', 'maskv'], 'maskv', (_, a = i32(0), b = i32(0)) => ir.binary(op, a, b), f);
    elementwise(
      'not',
      ['maskv'],
      'maskv',
      (_, a = i32(0)) => ir.unary('not', a),
      (a) => (a - 1) | 0,
    );
    elementwise(
      'as numbers',
      ['maskv'],
      'i32v',
      (_, a = i32(0)) => ir.convert('maskToInt', 'i32v', a),
      (a) => a,
    );

    const all = (value: number): number[] => Array<number>(encoder.lanes).fill(value);
    for (const value of [0, 1]) {
      it(`of ${value} in every lane`, () => {
        expect(valueOf(encoder, ir.constant('maskv', value))).toEqual(all(-value | 0));
        expect(
          valueOf(encoder, ir.splat(ir.compare('eq', ir.load('i32', i32(0)), i32(1 - value)), 'maskv')),
        ).toEqual(all(value === 1 ? -1 : 0));
      });
    }
    it('as one truth value: all lanes, and any lane', () => {
      // No lane, each single lane, all but one, all.
      const patterns = [
        all(0),
        all(1),
        ...all(0).flatMap((_, lane) =>
          [0, 1].map((one) => all(1 - one).map((each, n) => (n === lane ? one : each))),
        ),
      ];
      for (const pattern of patterns) {
        const mask = ir.compare('ne', ir.lanes(pattern.map(i32)), ir.constant('i32v', 0));
        expect(valueOf(encoder, ir.reduceLanes('and', mask))).toEqual([
          pattern.every((n) => n === 1) ? 1 : 0,
        ]);
        expect(valueOf(encoder, ir.reduceLanes('or', mask))).toEqual([pattern.some((n) => n === 1) ? 1 : 0]);
        const inverted = ir.unary('not', mask);
        expect(valueOf(encoder, ir.reduceLanes('or', inverted))).toEqual([
          pattern.every((n) => n === 1) ? 0 : 1,
        ]);
      }
    });
  });

  describe('conversions', () => {
    const convert = (
      op: ir.ConvertOp,
      from: Type,
      to: Type,
      f: (x: number) => number,
      given?: number[][],
    ): void => {
      elementwise(
        `${op} from ${from} to ${to}`,
        [from],
        to,
        (_, x = i32(0)) => ir.convert(op, to, x),
        f,
        given,
      );
    };
    for (const [from, to] of [
      ['i32', 'f32'],
      ['i32', 'f64'],
      ['i32v', 'f32v'],
    ] as const) {
      convert('fromS', from, to, (x) => x);
      convert('fromU', from, to, u);
    }
    for (const [from, to] of [
      ['f32', 'i32'],
      ['f64', 'i32'],
      ['f32v', 'i32v'],
    ] as const) {
      convert('toS', from, to, (x) => saturated(x, MIN, MAX));
      convert('toU', from, to, (x) => saturated(x, 0, 2 ** 32 - 1));
    }
    convert('widen', 'f32', 'f64', (x) => x);
    convert('narrow', 'f64', 'f32', round);
    const numbers = (type: ScalarType): number[][] =>
      EDGES[type].filter((x) => !Number.isNaN(x)).map((x) => [x]);
    for (const [whole, float] of [
      ['i32', 'f32'],
      ['i32v', 'f32v'],
    ] as const) {
      convert('bits', float, whole, bits, numbers('f32'));
      convert(
        'bits',
        whole,
        float,
        (x) => floatOf(x),
        numbers('i32').filter(([x = 0]) => !Number.isNaN(floatOf(x))),
      );
    }
  });

  describe('lanes', () => {
    const { lanes } = encoder;
    const each = (f: (lane: number) => number): number[] =>
      Array.from({ length: lanes }, (_, lane) => f(lane));
    const numbers = each((lane) => ((lane * 37) % 11) - 4);
    const vector = (type: 'i32v' | 'f32v'): Expr => ir.lanes(numbers.map(type === 'i32v' ? i32 : f32));
    it('laneIndex', () => {
      expect(valueOf(encoder, ir.laneIndex)).toEqual(each((lane) => lane));
    });
    for (const [type, scalar, make] of [
      ['f32v', 'f32', f32],
      ['i32v', 'i32', i32],
    ] as const) {
      it(`splat of ${scalar}, and a vector of ${scalar}`, () => {
        expect(valueOf(encoder, ir.splat(make(-3)))).toEqual(each(() => -3));
        expect(
          valueOf(encoder, ir.splat(ir.load(scalar, i32(8))), (m) => viewOf(m, scalar).fill(5, 2, 3)),
        ).toEqual(each(() => 5));
        expect(valueOf(encoder, vector(type))).toEqual(numbers);
        const loads = ir.lanes(
          each((lane) => lane).map((lane) => ir.load(scalar, i32(4 * ((lane * 5) % lanes)))),
        );
        const fill = (m: Machine): void => viewOf(m, scalar).set(numbers);
        expect(valueOf(encoder, loads, fill)).toEqual(each((lane) => numbers[(lane * 5) % lanes] ?? 0));
        const computed = ir.lanes(
          each((lane) => lane).map((lane) => ir.add(ir.load(scalar, i32(4 * lane)), make(1))),
        );
        expect(valueOf(encoder, computed, fill)).toEqual(numbers.map((x) => x + 1));
      });
      it(`extract from ${type}`, () => {
        for (let lane = 0; lane < lanes; lane++)
          expect(valueOf(encoder, ir.extract(vector(type), lane))).toEqual([numbers[lane]]);
      });
    }
    const reduce = (
      op: Parameters<typeof ir.reduceLanes>[0],
      values: readonly number[],
      make: typeof i32,
    ): number => valueOf(encoder, ir.reduceLanes(op, ir.lanes(values.map(make))))[0] ?? NaN;
    it.each([
      ['add', (a: number, b: number) => a + b],
      ['mul', (a: number, b: number) => a * b],
      ['min', minimum],
      ['max', maximum],
    ] as const)('%s of the lanes of f32v', (op, f) => {
      const values = numbers.map((x) => (x === 0 ? 1 : Math.sign(x) * (1 + (Math.abs(x) % 2))));
      expect(reduce(op, values, f32)).toBe(values.reduce(f));
      // In whichever lane a NaN or the extreme value is, it counts.
      for (let lane = 0; lane < lanes; lane++) {
        const at = (value: number): number[] => values.map((x, n) => (n === lane ? value : x));
        expect(reduce(op, at(NaN), f32)).toBeNaN();
        expect(reduce(op, at(9), f32)).toBe(at(9).reduce(f));
        expect(reduce(op, at(-9), f32)).toBe(at(-9).reduce(f));
        const zeros = each((n) => (n === lane ? -0 : 0));
        if (op === 'min') expect(reduce(op, zeros, f32)).toBe(-0);
        if (op === 'max')
          expect(
            reduce(
              op,
              zeros.map((x) => -x),
              f32,
            ),
          ).toBe(0);
      }
    });
    it.each(['add', 'mul', 'and', 'or', 'minS', 'minU', 'maxS', 'maxU'] as const)(
      '%s of the lanes of i32v',
      (op) => {
        const f = INTEGER_BINARY[op] ?? ((a: number) => a);
        for (let lane = 0; lane < lanes; lane++) {
          for (const value of [0, 1, -1, 12345, MIN, MAX]) {
            const values = each((n) => (n === lane ? value : n * 7 + 3));
            expect(reduce(op, values, i32)).toBe(values.reduce(f));
          }
        }
      },
    );
  });

  describe('loads', () => {
    const { lanes } = encoder;
    const each = (f: (lane: number) => number): number[] =>
      Array.from({ length: lanes }, (_, lane) => f(lane));
    const AT = 0x4000;
    /** Every byte its own; elements differ. */
    const byteAt = (place: number): number => (Math.imul(place, 0x9e3779b1) >>> 20) & 0xff;
    const fill = (m: Machine): void => {
      for (let place = 0; place < 0x8000; place++) m.u8[place] = byteAt(place);
    };
    const wordAt = (place: number): number =>
      byteAt(place) | (byteAt(place + 1) << 8) | (byteAt(place + 2) << 16) | (byteAt(place + 3) << 24);
    const element: Readonly<Record<Exclude<ir.Element, 'f64'>, (place: number) => number>> = {
      i32: wordAt,
      f32: (place) => floatOf(wordAt(place)),
      u8: byteAt,
      i8: (place) => (byteAt(place) << 24) >> 24,
      u16: (place) => wordAt(place) & 0xffff,
    };
    /** The same address as a constant and as something unknown; what both give. */
    const addresses = (place: number): Expr[] => [
      i32(place),
      ir.add(ir.binary('and', ir.load('i32', i32(0)), i32(0)), i32(place)),
    ];
    const read = (expr: (address: Expr) => Expr, place: number, expected: number[]): void => {
      for (const address of addresses(place)) expect(valueOf(encoder, expr(address), fill)).toEqual(expected);
    };
    for (const [name, at] of entries(element)) {
      const bytes = ir.ELEMENT_BYTES[name];
      it(`${name}: one, and a vector, at all distances`, () => {
        for (const shift of [0, bytes, 3 * bytes, 64, 124, 128, 4096]) {
          read((address) => ir.load(name, address, shift), AT, [at(AT + shift)]);
          read(
            (address) => ir.load(name, address, shift, true),
            AT,
            each((lane) => at(AT + shift + lane * bytes)),
          );
          if (name === 'f32' || name === 'i32')
            read(
              (address) => ir.loadSplat(name, address, shift),
              AT,
              each(() => at(AT + shift)),
            );
        }
      });
      it(`${name} by steps`, () => {
        for (const stride of [0, 2, 3, 4, 5, 7, 8, 31, 100, -1, -2, -3, -17])
          read(
            (address) => ir.loadStrided(name, address, stride),
            AT,
            each((lane) => at(AT + lane * stride * bytes)),
          );
      });
      it(`${name} by indices`, () => {
        const indices = each((lane) => (lane * 29) % 50);
        read(
          (address) => ir.gather(name, address, ir.lanes(indices.map(i32))),
          AT,
          indices.map((index) => at(AT + index * bytes)),
        );
      });
    }
    it('a vector of indices may become what they name', () => {
      const indices = each((lane) => (lane * 29) % 50);
      const own = (b: Builder): Expr => {
        const index = b.variable(ir.lanes(indices.map(i32)));
        b.set(index, ir.gather('i32', i32(AT), ir.get(index)));
        return ir.get(index);
      };
      expect(valueOf(encoder, own, fill)).toEqual(indices.map((index) => wordAt(AT + 4 * index)));
    });
    it('f64', () => {
      read((address) => ir.load('f64', address, 16), AT, [
        new Float64Array(Int32Array.of(wordAt(AT + 16), wordAt(AT + 20)).buffer)[0] ?? 0,
      ]);
    });
  });

  describe.runIf(encoder.masks)('masked loads', () => {
    const { lanes } = encoder;
    const each = (f: (lane: number) => number): number[] =>
      Array.from({ length: lanes }, (_, lane) => f(lane));
    const fill = (m: Machine): void => {
      for (let place = 0; place < 0x1000; place++) m.u8[place] = (Math.imul(place, 0x9e3779b1) >>> 20) & 0x7f;
    };
    const words = new Int32Array(0x400);
    fill({ u8: new Uint8Array(words.buffer) } as Machine);
    const view = new DataView(words.buffer);
    const at: Readonly<Record<'i32' | 'f32' | 'u8' | 'i8' | 'u16', (place: number) => number>> = {
      i32: (place) => view.getInt32(place, true),
      f32: (place) => view.getFloat32(place, true),
      u8: (place) => view.getUint8(place),
      i8: (place) => view.getInt8(place),
      u16: (place) => view.getUint16(place, true),
    };
    const patterns = [
      each(() => 0),
      each(() => 1),
      each((lane) => lane % 2),
      ...each((lane) => lane).map((chosen) => each((lane) => (lane === chosen ? 1 : 0))),
    ];
    const maskOf = (pattern: readonly number[]): Expr =>
      ir.compare('ne', ir.lanes(pattern.map(i32)), ir.constant('i32v', 0));
    for (const [name, valueAt] of entries(at)) {
      const bytes = ir.ELEMENT_BYTES[name];
      it(`${name}: lanes that are left out are 0`, () => {
        for (const pattern of patterns) {
          const value = ir.loadMasked(name, i32(256), 4, maskOf(pattern));
          const wanted = pattern.map((is, lane) => (is === 1 ? valueAt(260 + lane * bytes) : 0));
          expect(valueOf(encoder, value, fill)).toEqual(wanted);
          const indices = each((lane) => (lane * 29) % 50);
          const gathered = ir.gather(name, i32(256), ir.lanes(indices.map(i32)), maskOf(pattern));
          expect(valueOf(encoder, gathered, fill)).toEqual(
            pattern.map((is, lane) => (is === 1 ? valueAt(256 + (indices[lane] ?? 0) * bytes) : 0)),
          );
        }
      });
      it(`${name}: the first lanes`, () => {
        for (const count of [-129, -1, 0, ...each((lane) => lane + 1), lanes + 1, 31, 32, 33, 1000]) {
          for (const bound of [i32(count), ir.add(ir.load('i32', i32(0xf00)), i32(count))]) {
            const mask = ir.compare('lt', ir.laneIndex, ir.splat(bound));
            const load = ir.loadMasked(name, i32(256), 0, mask);
            const prepare = (m: Machine): void => {
              fill(m);
              m.i32.fill(0, 0xf00 / 4, 0xf00 / 4 + 1);
            };
            const wanted = each((lane) => (lane < count ? valueAt(256 + lane * bytes) : 0));
            expect(valueOf(encoder, load, prepare)).toEqual(wanted);
          }
        }
      });
    }
    it('permute takes lanes in any order', () => {
      for (const order of [
        each((n) => n),
        each((n) => lanes - 1 - n),
        each((n) => (n * 3 + 1) % lanes),
        each(() => 2),
      ]) {
        const index = ir.lanes(order.map(i32));
        expect(valueOf(encoder, ir.permute(ir.lanes(each((n) => n * n).map(i32)), index))).toEqual(
          order.map((n) => n * n),
        );
        expect(valueOf(encoder, ir.permute(ir.lanes(each((n) => n / 2).map(f32)), index))).toEqual(
          order.map((n) => n / 2),
        );
      }
    });
  });

  describe('lanes of several vectors', () => {
    const { lanes } = encoder;
    const each = <T>(f: (lane: number) => T): T[] => Array.from({ length: lanes }, (_, lane) => f(lane));
    /** Where lane l of the result comes from: in a below L, in b from L on. */
    const SHUFFLES: Readonly<Record<ir.ShuffleOrder, (lane: number) => number>> = {
      low1: (lane) => (lane & ~3) + ((lane & 3) >> 1) + (lane & 1) * lanes,
      high1: (lane) => (lane & ~3) + 2 + ((lane & 3) >> 1) + (lane & 1) * lanes,
      low2: (lane) => (lane & ~3) + (lane & 1) + ((lane & 2) >> 1) * lanes,
      high2: (lane) => (lane & ~3) + 2 + (lane & 1) + ((lane & 2) >> 1) * lanes,
      evenBlocks: (lane) => 8 * (lane >> 2) + (lane & 3),
      oddBlocks: (lane) => 8 * (lane >> 2) + 4 + (lane & 3),
    };
    for (const [order, from] of entries(SHUFFLES)) {
      it.runIf(lanes > 4 || !order.endsWith('Blocks'))(`${order} of two`, () => {
        const wanted = each(from);
        for (const [make, half] of [
          [i32, 1],
          [f32, 0.5],
        ] as const) {
          const [a, b] = [each((n) => make(n * half)), each((n) => make((lanes + n) * half))];
          expect(valueOf(encoder, ir.shuffle(order, ir.lanes(a), ir.lanes(b)))).toEqual(
            wanted.map((n) => n * half),
          );
        }
        // With so many values at once that some are in the upper registers.
        const crowded = (b: Builder): Expr => {
          const many = Array.from({ length: 40 }, (_, n) => b.let(ir.load('f32', i32(4 * n), 0, true)));
          const shuffled = many.slice(1).map((x, n) => b.let(ir.shuffle(order, x, many[n] as Expr)));
          return ir.add(shuffled.reduce(ir.add), many.reduce(ir.add));
        };
        const sums = each((lane) => {
          let sum = 0;
          for (let n = 0; n < 40; n++) sum += n + lane;
          for (let n = 1; n < 40; n++)
            sum += from(lane) < lanes ? n + from(lane) : n - 1 + from(lane) - lanes;
          return sum;
        });
        const count = (m: Machine): void => m.f32.set(Array.from({ length: 80 }, (_, n) => n));
        expect(valueOf(encoder, crowded, count)).toEqual(sums);
      });
    }
    it('transpose turns a square', () => {
      const turn = (b: Builder): void => {
        const rows = each((r) => b.variable(ir.load('f32', i32(4 * lanes * r), 0, true)));
        b.transpose(rows);
        rows.forEach((row, r) => b.store('f32', i32(4 * lanes * r), ir.get(row)));
      };
      const m = machineOf(encoder, { functions: [ir.func('run', [], turn, true)] }, memory());
      for (let n = 0; n < lanes * lanes; n++) m.f32[n] = n;
      m.call('run');
      m.free();
      expect([...m.f32.subarray(0, lanes * lanes)]).toEqual(each((r) => each((c) => c * lanes + r)).flat());
    });
    for (const native of encoder.dotBytes ? [true, false] : [false]) {
      it(`sums of products of unsigned and signed bytes${native ? ', by the instruction' : ''}`, () => {
        const bytes = (n: number, lane: number): number => (n * 67 + lane * 29) & 255;
        const fill = (m: Machine): void => {
          for (let lane = 0; lane < lanes; lane++)
            for (let n = 0; n < 4; n++) {
              m.u8[4 * lane + n] = lane === 0 ? 255 : bytes(n, lane);
              m.u8[4 * (lanes + lane) + n] = lane === 0 ? 128 : bytes(n + 3, lane);
            }
        };
        const wanted = each((lane) => {
          let sum = lane - 5;
          for (let n = 0; n < 4; n++)
            sum += lane === 0 ? 255 * -128 : bytes(n, lane) * ((bytes(n + 3, lane) << 24) >> 24);
          return sum;
        });
        const dot = (b: Builder): Expr => {
          const sum = b.let(ir.add(ir.laneIndex, ir.splat(i32(-5))));
          const x = b.let(ir.load('i32', i32(0), 0, true));
          const y = b.let(ir.load('i32', i32(4 * lanes), 0, true));
          // Once more with everything still in use, so that no operand's register is free.
          const first = dotBytes(b, { dotBytes: native }, sum, x, y);
          const second = dotBytes(b, { dotBytes: native }, sum, x, y);
          return ir.sub(ir.add(first, ir.add(second, ir.add(x, y))), ir.add(first, ir.add(x, y)));
        };
        expect(valueOf(encoder, dot, fill)).toEqual(wanted);
      });
    }
    it.runIf(encoder.scatters)('scatter puts lanes where indices say, the last of equal ones', () => {
      const orders = [each((n) => n), each((n) => (n * 7) % lanes), each((n) => n >> 1), each(() => 3)];
      for (const order of orders) {
        for (const count of [undefined, 0, 1, lanes - 1, lanes]) {
          for (const known of [true, false]) {
            const run = ir.func(
              'run',
              ['n', 'base'],
              (b, n, base) => {
                const limit = count === undefined ? undefined : known ? i32(count) : n;
                b.scatter(base, ir.lanes(order.map(i32)), ir.lanes(each((lane) => i32(100 + lane))), limit);
              },
              true,
            );
            const m = machineOf(encoder, { functions: [run] }, memory());
            m.i32.fill(-1, 0, 128);
            m.call('run', count ?? 0, 128);
            m.free();
            const wanted = Array<number>(96).fill(-1);
            order.slice(0, count).forEach((place, lane) => (wanted[place] = 100 + lane));
            expect([...m.i32.subarray(32, 128)]).toEqual(wanted);
          }
        }
      }
    });
    it('a prefetch may be of any address', () => {
      const run = ir.func(
        'run',
        ['at'],
        (b, at) => {
          b.prefetch(at, 1 << 20);
          b.prefetch(i32(64), 0);
        },
        true,
      );
      const m = machineOf(encoder, { functions: [run] }, memory());
      expect(() => m.call('run', 0x7fffff00)).not.toThrow();
      m.free();
    });
  });

  describe('stores', () => {
    const { lanes } = encoder;
    const values = Array.from({ length: lanes }, (_, lane) => 0x01020304 * (lane + 1) + 0x80);
    const AT = 0x200;
    /** Runs, and gives the bytes around `AT`. */
    const bytesAfter = (build: (b: Builder, at: Expr, n: Expr) => void, n = 0): number[] => {
      const run = ir.func('run', ['at', 'n'], build, true);
      const m = machineOf(encoder, { functions: [run] }, memory());
      m.u8.fill(0xee, 0, 0x1000);
      m.call('run', AT, n);
      m.free();
      return [...m.u8.subarray(AT - 8, AT + 4 * lanes + 24)];
    };
    const expected = (bytes: number, count: number, offset: number): number[] => {
      const all = new Uint8Array(4 * lanes + 32).fill(0xee);
      values.slice(0, count).forEach((value, lane) => {
        for (let n = 0; n < bytes; n++) all[8 + offset + lane * bytes + n] = (value >>> (8 * n)) & 0xff;
      });
      return [...all];
    };
    const vector = (element: ir.Element): Expr =>
      element === 'f32' ? ir.convert('bits', 'f32v', ir.lanes(values.map(i32))) : ir.lanes(values.map(i32));
    for (const element of ['i32', 'f32', 'u8', 'i8', 'u16'] as const) {
      const bytes = ir.ELEMENT_BYTES[element];
      it(`${element}: a vector`, () => {
        for (const offset of [0, bytes, 8])
          expect(bytesAfter((b, at) => b.store(element, at, vector(element), offset))).toEqual(
            expected(bytes, lanes, offset),
          );
      });
      it(`${element}: the first lanes, and no more`, () => {
        for (let count = 0; count <= lanes; count++) {
          const known = bytesAfter((b, at) => b.store(element, at, vector(element), bytes, i32(count)));
          const unknown = bytesAfter((b, at, n) => b.store(element, at, vector(element), bytes, n), count);
          expect(known).toEqual(expected(bytes, count, bytes));
          expect(unknown).toEqual(expected(bytes, count, bytes));
        }
      });
      it(`${element}: one`, () => {
        const scalar = element === 'f32' ? f32(floatOf(values[0] ?? 0)) : i32(values[0] ?? 0);
        expect(bytesAfter((b, at) => b.store(element, at, scalar, 4))).toEqual(expected(bytes, 1, 4));
        expect(bytesAfter((b) => b.store(element, i32(AT), b.let(scalar), 4))).toEqual(expected(bytes, 1, 4));
      });
    }
    it('of bits may use the other type of the same size', () => {
      const after = bytesAfter((b, at) => {
        b.store('i32', at, f32(1));
        b.store('f32', at, i32(0x40000000), 4);
      });
      expect(after.slice(8, 16)).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]);
    });
    it('f64', () => {
      const after = bytesAfter((b, at) => b.store('f64', at, f64(0.1), 8));
      expect(after.slice(16, 24)).toEqual([...new Uint8Array(Float64Array.of(0.1).buffer)]);
    });
  });

  describe('statements', () => {
    /** Memory after running `build` with parameters. */
    const run = (
      build: (b: Builder, ...args: Expr[]) => void,
      args: number[] = [],
      fill: (m: Machine) => void = () => undefined,
    ): Machine => {
      const names = args.map((_, n) => `p${n}`);
      const m = machineOf(encoder, { functions: [ir.func('run', names, build, true)] }, memory());
      m.u8.fill(0, 0, 0x1000);
      fill(m);
      m.call('run', ...args);
      m.free();
      return m;
    };
    const count = (b: Builder, address: number): void =>
      b.store('i32', i32(address), ir.add(ir.load('i32', i32(address)), i32(1)));

    it('for counts from where it begins to the bound, or over it', () => {
      for (const [from, to, step] of [
        [0, 10, 1],
        [-3, 10, 4],
        [5, 5, 1],
        [5, -5, 1],
        [0, 1, 1],
        [0, 3, 3],
        [-8, -1, 2],
      ] as const) {
        const rounds = Math.max(0, Math.ceil((to - from) / step));
        const end = rounds === 0 ? from : from + rounds * step;
        const m = run(
          (b, start, bound) => {
            [
              [start, bound],
              [i32(from), i32(to)],
              [start, i32(to)],
              [i32(from), bound],
            ].forEach(([p, q], n) => {
              const i = ir.local('i32', 'i');
              const inner = new ir.Builder();
              count(inner, 8 * n);
              b.push({ kind: 'for', local: i, step, body: inner.statements, from: p as Expr, to: q as Expr });
              b.store('i32', i32(8 * n + 4), ir.get(i));
            });
          },
          [from, to],
        );
        expect([...m.i32.subarray(0, 8)]).toEqual([rounds, end, rounds, end, rounds, end, rounds, end]);
      }
    });
    it('for evaluates its bound once', () => {
      const m = run(
        (b) => {
          b.for(i32(0), ir.load('i32', i32(0)), 1, () => {
            b.store('i32', i32(0), i32(100));
            count(b, 4);
          });
        },
        [],
        (m) => m.i32.fill(3, 0, 1),
      );
      expect(m.i32[1]).toBe(3);
    });
    it('the bound of for is not touched by what the loop does with its parts', () => {
      const m = run(
        (b, n) => {
          const bound = b.variable(n);
          b.for(i32(0), ir.get(bound), 1, () => {
            b.set(bound, i32(100));
            count(b, 0);
          });
        },
        [4],
      );
      expect(m.i32[0]).toBe(4);
    });
    it('while tests before each round', () => {
      const m = run((b) => {
        const n = b.variable(i32(27), 'collatz');
        b.while(ir.compare('gt', ir.get(n), i32(1)), () => {
          b.if(
            ir.binary('and', ir.get(n), i32(1)),
            () => b.set(n, ir.add(ir.mul(ir.get(n), i32(3)), i32(1))),
            () => b.set(n, ir.binary('shrU', ir.get(n), i32(1))),
          );
          count(b, 0);
        });
      });
      expect(m.i32[0]).toBe(111);
    });
    it('a condition of several holds if all of them do', () => {
      for (const [x, y] of [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ] as const) {
        const m = run(
          (b, p, q) => {
            const [first, second] = [ir.compare('eq', p, i32(1)), ir.compare('gt', q, i32(0))];
            b.if(
              ir.binary('and', first, second),
              () => count(b, 0),
              () => count(b, 4),
            );
            b.if(
              ir.binary('or', first, second),
              () => count(b, 8),
              () => count(b, 12),
            );
          },
          [x, y],
        );
        expect([...m.i32.subarray(0, 4)]).toEqual([x & y, 1 - (x & y), x | y, 1 - (x | y)]);
      }
    });
    it('any number but 0 is a condition that holds', () => {
      for (const x of [0, 1, 2, -1, 256, MIN]) {
        const m = run(
          (b, p) => {
            b.if(p, () => count(b, 0));
            b.store('i32', i32(4), ir.select(p, i32(5), i32(6)));
          },
          [x],
        );
        expect([m.i32[0], m.i32[1]]).toEqual(x === 0 ? [0, 6] : [1, 5]);
      }
    });
    it('locals begin as zero, also where only some paths write them', () => {
      const m = run(
        (b, p) => {
          const [whole, float, vector, mask] = [
            ir.local('i32'),
            ir.local('f64'),
            ir.local('f32v'),
            ir.local('maskv'),
          ];
          b.if(p, () => b.set(whole, i32(9)));
          b.store('i32', i32(0), ir.get(whole));
          b.store('f64', i32(8), ir.get(float));
          b.store('f32', i32(64), ir.get(vector));
          b.store('i32', i32(192), storable(ir.get(mask)));
        },
        [0],
        (m) => m.u8.fill(7, 0, 512),
      );
      expect([m.i32[0], m.f64[1], m.f32[16 + encoder.lanes - 1], m.i32[48 + encoder.lanes - 1]]).toEqual([
        0, 0, 0, 0,
      ]);
    });
    it('a local that is written late in a round is read early in the next', () => {
      const m = run(
        (b, n) => {
          const last = ir.local('i32', 'last');
          b.for(i32(0), n, 1, (i) => {
            b.store('i32', ir.mul(i, i32(4)), ir.get(last));
            b.set(last, ir.add(i, i32(10)));
          });
        },
        [4],
      );
      expect([...m.i32.subarray(0, 4)]).toEqual([0, 10, 11, 12]);
    });
    it('call passes arguments, more of them than there are registers', () => {
      const many = 20;
      const put = ir.func(
        'put',
        ['at', ...Array.from({ length: many }, (_, n) => `v${n}`)],
        (b, at, ...all) => {
          all.forEach((each, n) => b.store('i32', at, each, 4 * n));
        },
      );
      const main = ir.func(
        'main',
        ['value'],
        (b, value) => {
          b.call(
            'put',
            i32(8),
            ...Array.from({ length: many }, (_, n) => (n % 3 === 0 ? i32(n) : ir.add(value, i32(n)))),
          );
        },
        true,
      );
      const m = machineOf(encoder, { functions: [main, put] }, memory());
      m.call('main', 100);
      m.free();
      expect([...m.i32.subarray(2, 2 + many)]).toEqual(
        Array.from({ length: many }, (_, n) => (n % 3 === 0 ? n : 100 + n)),
      );
    });
    it('values of all kinds survive calls', () => {
      const noise = ir.func('noise', [], (b) => {
        // Takes all vector registers there may be.
        const all = Array.from({ length: 40 }, (_, n) => b.let(ir.load('f32', i32(2048 + 4 * n), 0, true)));
        b.store('f32', i32(3072), all.reduce(ir.add));
      });
      const main = ir.func(
        'run',
        ['p'],
        (b, p) => {
          const whole = b.let(ir.add(p, i32(1)));
          const double = b.let(ir.convert('fromS', 'f64', p));
          const vector = b.let(ir.splat(ir.convert('fromS', 'f32', p)));
          const mask = b.let(ir.compare('lt', ir.laneIndex, ir.constant('i32v', 2)));
          b.for(i32(0), i32(2), 1, () => b.call('noise'));
          b.store('i32', i32(0), whole);
          b.store('f64', i32(8), double);
          b.store('f32', i32(64), vector);
          b.store('i32', i32(192), storable(mask));
        },
        true,
      );
      const m = machineOf(encoder, { functions: [main, noise] }, memory());
      m.u8.fill(0, 0, 4096);
      m.call('run', 6);
      m.free();
      expect([m.i32[0], m.f64[1], m.f32[16], m.f32[15 + encoder.lanes]]).toEqual([7, 6, 6, 6]);
      expect([...m.i32.subarray(48, 52)]).toEqual([-1, -1, 0, 0]);
    });
    it('fillZero and copy take bytes, none beyond the last', () => {
      const before = (m: Machine): void => {
        for (let n = 0; n < 512; n++) m.u8[n] = 1 + (n % 251);
      };
      const move = ir.func(
        'run',
        ['n'],
        (b, n) => {
          b.push({ kind: 'copy', to: i32(301), from: i32(3), length: n });
          b.push({ kind: 'fillZero', address: i32(1), length: n });
        },
        true,
      );
      const m = machineOf(encoder, { functions: [move] }, memory());
      for (let length = 0; length <= 4 * encoder.lanes * 2 + 3; length++) {
        before(m);
        m.call('run', length);
        const expected = Array.from({ length: 512 }, (_, n) => 1 + (n % 251));
        expected.splice(301, length, ...expected.slice(3, 3 + length));
        expected.fill(0, 1, 1 + length);
        expect([...m.u8.subarray(0, 512)]).toEqual(expected);
      }
    });
    it('atomicAdd gives what was there', () => {
      const m = run((b) => {
        b.store('i32', i32(4), ir.atomicAdd(i32(0), i32(5)));
        b.store('i32', i32(8), ir.atomicAdd(i32(0), i32(-7)));
      });
      expect([...m.i32.subarray(0, 3)]).toEqual([-2, 0, 5]);
    });
    it('a local changed in a loop keeps its vector', () => {
      const m = run((b) => {
        const total = b.variable(ir.constant('f32v', 0));
        b.for(i32(0), i32(10), 1, (i) => {
          const index = ir.splat(ir.convert('fromS', 'f32', i));
          b.set(total, ir.fma(index, ir.constant('f32v', 2), ir.get(total)));
        });
        b.store('f32', i32(0), ir.get(total));
      });
      expect([...m.f32.subarray(0, encoder.lanes)]).toEqual(Array<number>(encoder.lanes).fill(90));
    });
    it('a function may have thousands of locals, and more values at once than registers', () => {
      const m = run(
        (b) => {
          for (let n = 0; n < 2000; n++) {
            const value = b.let(ir.load('i32', i32(n * 4)));
            b.store('i32', i32(n * 4), ir.add(ir.mul(value, value), i32(n)));
          }
          const at = (n: number): Expr => i32(0x2000 + 4 * n);
          const floats = Array.from({ length: 100 }, (_, n) =>
            b.let(ir.convert('fromS', 'f32', ir.load('i32', i32(4 * n)))),
          );
          const wholes = Array.from({ length: 100 }, (_, n) => b.let(ir.load('i32', i32(4 * n))));
          floats.forEach((each, n) => b.store('f32', at(n), ir.add(each, floats[99 - n] as Expr)));
          wholes.forEach((each, n) => b.store('i32', at(n + 100), ir.add(each, wholes[99 - n] as Expr)));
        },
        [],
        (m) => m.u8.fill(0, 0, 0x4000),
      );
      expect(m.i32[1999]).toBe(1999);
      const all = Array<number>(100).fill(99);
      expect([...m.f32.subarray(0x800, 0x864)]).toEqual(all);
      expect([...m.i32.subarray(0x864, 0x8c8)]).toEqual(all);
    });
  });

  describe('modules', () => {
    it('reject a call of a function they do not have', () => {
      const lost = ir.func('run', [], (b) => b.call('nowhere'));
      expect(() => machineOf(encoder, { functions: [lost] }, memory())).toThrow(/nowhere/);
    });
    it('reject operations that a type does not have', () => {
      const broken = ir.func('run', [], (b) => b.store('i32', i32(0), ir.unary('sqrt', i32(4))));
      expect(() => machineOf(encoder, { functions: [broken] }, memory())).toThrow(/sqrt of i32/);
    });
    it('repeat a few parts in longer vectors', () => {
      expect(valueOf(encoder, repeated(encoder, [1, 2, 3, 4].map(i32))).slice(0, 4)).toEqual([1, 2, 3, 4]);
    });
  });
});

function bits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0] ?? 0;
}

function floatOf(word: number): number {
  return new Float32Array(Int32Array.of(word).buffer)[0] ?? 0;
}
