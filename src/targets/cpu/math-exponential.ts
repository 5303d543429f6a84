/**
 * exp and its relatives in float32. Reduction after Cody and Waite (Software Manual for the Elementary Functions, 1980);
 * coefficients are minimax fits of this project (relative error below 2⁻²⁵ before rounding).
 */
import { add, binary, constant, fma, mul, select, sub, unary, type Builder, type Expr } from './ir.js';
import {
  atLeast,
  atMost,
  bitsOf,
  floatOf,
  integerType,
  is,
  like,
  polynomial,
  ROUNDER,
  withSignOf,
} from './math-support.js';

/** ln 2 in two parts; the first has 17 bits, so that small multiples of it are exact. Both are positive, which keeps the sign of zero. */
const LN2_HIGH = 0.693138122558594;
const LN2_LOW = 9.05800061445916e-6;

/** ((eʳ - 1)/r - 1)/r for |r| ≤ ln 2. */
const EXP = [0.500000358, 0.16666615, 0.0416612774, 0.00833609793, 0.00141042634, 0.000196118504];
/** The same, relative to eʳ - 1. */
const EXPM1 = [0.5, 0.166666716, 0.0416666344, 0.0083326539, 0.00138900639, 0.000200922485, 2.4809151e-5];
/** The same for |r| ≤ (ln 2)/2. */
const EXPM1_NARROW = [0.5, 0.16666548, 0.0416668952, 0.00836609025, 0.00138963817];

/** Beyond these, float32 has only 0 and infinity. */
const LOWEST = -104;
const HIGHEST = 89;

interface Reduced {
  /** What is left of x. */
  readonly r: Expr;
  /** The number of steps, an integer. */
  readonly steps: Expr;
  /** 2 to the number of steps. */
  readonly scale: Expr;
}

/** x = steps · (width · ln 2) + r. */
function reduce(b: Builder, x: Expr, width: 1 | 2): Reduced {
  const shifted = b.let(fma(x, like(x, Math.LOG2E / width), like(x, ROUNDER)), 'shifted');
  const steps = b.let(sub(shifted, like(x, ROUNDER)), 'steps');
  const most = fma(steps, like(x, -width * LN2_HIGH), x);
  const r = b.let(fma(steps, like(x, -width * LN2_LOW), most), 'r');
  const type = integerType(x);
  const exponent = binary('shl', bitsOf(shifted), constant('i32', 23));
  const scale = b.let(floatOf(add(exponent, constant(type, 0x3f800000))), 'scale');
  return { r, steps, scale };
}

/** eˣ for x not above 89; steps of 2 ln 2 leave a scale whose square may overflow and underflow, as it should. */
function expAtMost(b: Builder, x: Expr): Expr {
  const { r, scale } = reduce(b, b.let(atLeast(x, like(x, LOWEST))), 2);
  const one = like(x, 1);
  const series = fma(fma(polynomial(r, EXP), r, one), r, one);
  return mul(mul(series, scale), scale);
}

export function exp(b: Builder, x: Expr): Expr {
  const argument = b.let(x);
  return b.let(expAtMost(b, b.let(atMost(argument, like(x, HIGHEST)))), 'exp');
}

export function expm1(b: Builder, x: Expr): Expr {
  const argument = b.let(x);
  const bounded = b.let(atLeast(b.let(atMost(argument, like(x, HIGHEST))), like(x, -20)));
  const { r, steps, scale } = reduce(b, bounded, 2);
  const one = like(x, 1);
  // A product with r, not a sum, so that -0 stays -0.
  const small = b.let(mul(r, fma(polynomial(r, EXPM1), r, one)));
  const large = sub(mul(mul(add(small, one), scale), scale), one);
  return b.let(select(is('eq', steps, 0), small, large), 'expm1');
}

/** A quotient that is not formed yet. */
export interface Fraction {
  readonly numerator: Expr;
  /** Between 1 and 2³⁰: products of two do not overflow. */
  readonly denominator: Expr;
}

const quotient = (b: Builder, { numerator, denominator }: Fraction, name: string): Expr =>
  b.let(binary('div', numerator, denominator), name);

export const tanh = (b: Builder, x: Expr): Expr => quotient(b, tanhFraction(b, x), 'tanh');
export const sigmoid = (b: Builder, x: Expr): Expr => quotient(b, sigmoidFraction(b, x), 'sigmoid');

/** (e²ˣ - 1) / (e²ˣ + 1), of |x|. */
export function tanhFraction(b: Builder, x: Expr): Fraction {
  const argument = b.let(x);
  const size = b.let(atMost(b.let(unary('abs', argument)), like(x, 10)));
  const { r, scale } = reduce(b, b.let(add(size, size)), 1);
  const one = like(x, 1);
  const series = mul(r, fma(polynomial(r, EXPM1_NARROW), r, one));
  const growth = b.let(fma(series, scale, sub(scale, one)), 'growth');
  return { numerator: withSignOf(argument, growth), denominator: b.let(add(growth, like(x, 2))) };
}

/** e⁻ˣ is never formed for negative x, where it would overflow. */
export function sigmoidFraction(b: Builder, x: Expr): Fraction {
  const argument = b.let(x);
  const decay = b.let(expAtMost(b, b.let(unary('neg', unary('abs', argument)))), 'decay');
  const one = like(x, 1);
  return { numerator: select(is('lt', argument, 0), decay, one), denominator: b.let(add(decay, one)) };
}

/** erf(x)/x - 1 in x² for |x| ≤ 0.93. */
const ERF = [0.128379151, -0.376124799, 0.112816826, -0.02676172, 0.00498594018, -0.000595374091];
/** -ln(erfc(x))/x - 1 for x from 0.92 to 4. */
const LOG_ERFC = [0.128514364, 0.635718346, 0.10526184, -0.0228899624, 0.00321495486, -0.000213984851];
const ERF_BORDER = 0.925;

export function erf(b: Builder, x: Expr): Expr {
  const argument = b.let(x);
  const size = b.let(atMost(b.let(unary('abs', argument)), like(x, 4)));
  const square = b.let(mul(size, size));
  const one = like(x, 1);
  const small = b.let(mul(size, add(polynomial(square, ERF), one)));
  const exponent = b.let(unary('neg', fma(polynomial(size, LOG_ERFC), size, size)));
  const large = sub(one, expAtMost(b, exponent));
  const magnitude = select(is('lt', size, ERF_BORDER), small, large);
  return b.let(withSignOf(argument, magnitude), 'erf');
}
