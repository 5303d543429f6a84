/**
 * The graph's functions of floats in loop IR: of f32 and f32v written out, one code for both, within 4 units in the last place; of f64 by
 * the host. They put statements into the builder and give the result.
 */
import {
  binary,
  compare,
  constant,
  f64,
  host,
  select,
  unary,
  type Builder,
  type Expr,
  type HostFunction,
} from './ir.js';
import * as exponential from './math-exponential.js';
import * as logarithm from './math-logarithm.js';
import * as power from './math-power.js';
import * as remainder from './math-remainder.js';
import * as trigonometry from './math-trigonometry.js';

export { bfloat16ToFloat, floatToBfloat16, floatToHalf, halfToFloat } from './math-half.js';

/** Functions of float32 that are quotients: a product of two takes one division, which costs as much as all the rest of one of them. */
export const FRACTIONS: Partial<Record<string, (b: Builder, x: Expr) => exponential.Fraction>> = {
  tanh: exponential.tanhFraction,
  sigmoid: exponential.sigmoidFraction,
};

export type UnaryMath = (b: Builder, x: Expr) => Expr;
export type BinaryMath = (b: Builder, x: Expr, y: Expr) => Expr;

/** `float32`, or the host's function for f64. */
function orHost(name: HostFunction, float32: UnaryMath): UnaryMath {
  return (b, x) => (x.type === 'f64' ? b.let(host(name, x), name) : float32(b, x));
}

function orHost2(name: HostFunction, float32: BinaryMath): BinaryMath {
  return (b, x, y) => (x.type === 'f64' ? b.let(host(name, x, y), name) : float32(b, x, y));
}

export const exp = orHost('exp', exponential.exp);
export const expm1 = orHost('expm1', exponential.expm1);
export const log = orHost('log', logarithm.log);
export const log1p = orHost('log1p', logarithm.log1p);
export const sin = orHost('sin', trigonometry.sin);
export const cos = orHost('cos', trigonometry.cos);
export const tan = orHost('tan', trigonometry.tan);
export const atan = orHost('atan', trigonometry.atan);
export const tanh = orHost('tanh', exponential.tanh);
export const erf = orHost('erf', exponential.erf);
export const pow = orHost2('pow', power.pow);
export const atan2 = orHost2('atan2', trigonometry.atan2);
export const mod = orHost2('fmod', remainder.mod);

/** 1 / (1 + e⁻ˣ), without overflow. */
export function sigmoid(b: Builder, x: Expr): Expr {
  if (x.type !== 'f64') return exponential.sigmoid(b, x);
  const argument = b.let(x);
  const decay = b.let(host('exp', unary('neg', unary('abs', argument))));
  const numerator = select(compare('lt', argument, f64(0)), decay, f64(1));
  return b.let(binary('div', numerator, binary('add', f64(1), decay)), 'sigmoid');
}

/** -1, 0 or 1; 0 of NaN. */
export function sign(b: Builder, x: Expr): Expr {
  const argument = b.let(x);
  const c = (value: number): Expr => constant(x.type, value);
  const notPositive = select(compare('lt', argument, c(0)), c(-1), c(0));
  return b.let(select(compare('gt', argument, c(0)), c(1), notPositive), 'sign');
}

/** By the names of the graph's primitives. */
export const UNARY_MATH = {
  neg: (_, x) => unary('neg', x),
  abs: (_, x) => unary('abs', x),
  sign,
  floor: (_, x) => unary('floor', x),
  ceil: (_, x) => unary('ceil', x),
  round: (_, x) => unary('nearest', x),
  trunc: (_, x) => unary('trunc', x),
  sqrt: (_, x) => unary('sqrt', x),
  exp,
  expm1,
  log,
  log1p,
  sin,
  cos,
  tan,
  atan,
  tanh,
  sigmoid,
  erf,
} as const satisfies Readonly<Record<string, UnaryMath>>;

export const BINARY_MATH = { pow, atan2, mod } as const satisfies Readonly<Record<string, BinaryMath>>;
