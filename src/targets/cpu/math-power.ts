/**
 * pow in float32: 2 to the power y · log₂|x|, where the logarithm and the product carry some 36 bits, each number in two parts
 * (Dekker 1971). Errors stay below 4 units in the last place (2⁻²²).
 */
import {
  add,
  binary,
  compare,
  constant,
  fma,
  get,
  mul,
  select,
  sub,
  unary,
  type Builder,
  type Expr,
} from './ir.js';
import { isUnusual, split } from './math-logarithm.js';
import {
  and,
  atLeast,
  atMost,
  bitsOf,
  floatOf,
  ifAny,
  integerType,
  is,
  like,
  not,
  polynomial,
  ROUNDER,
  signBit,
  upperHalf,
} from './math-support.js';

/** log₂ e in two parts, the first of 12 bits. */
const LOG2E_HIGH = 1.4423828125;
const LOG2E_LOW = 0.000312228396;

/** (2 atanh s - 2 s)/s³ in s², for |s| ≤ 0.1717. */
const ATANH = [0.666666627, 0.400003374, 0.285372436, 0.235835716];
/** (2ʳ - 1)/r for |r| ≤ 1. */
const EXP2 = [
  0.693147182, 0.240226507, 0.0555041879, 0.00961816777, 0.00133311702, 0.000153946618, 1.55232974e-5,
  1.3834923e-6,
];

/** A number as the sum of one of 12 bits and a small rest. */
interface Pair {
  readonly high: Expr;
  readonly low: Expr;
}

/** log₂ of a finite positive number. */
function log2(b: Builder, x: Expr): Pair {
  const tiny = b.let(is('lt', x, 2 ** -126));
  const parts = split(b, b.let(select(tiny, mul(x, like(x, 2 ** 24)), x)));
  const exponent = b.let(sub(parts.exponent, select(tiny, like(x, 24), like(x, 0))));
  const f = parts.fraction;

  // ln(1 + f) = 2 atanh(s), s = f / (2 + f): the quotient's upper half, and what is missing from it.
  const sum = b.let(add(f, like(x, 2)));
  const inverse = b.let(binary('div', like(x, 1), sum));
  const s = b.let(mul(f, inverse));
  const sHigh = b.let(upperHalf(s));
  const sumHigh = b.let(upperHalf(sum));
  const sumLow = b.let(sub(f, sub(sumHigh, like(x, 2))));
  const missing = b.let(sub(sub(f, mul(sHigh, sumHigh)), mul(sHigh, sumLow)));
  const square = b.let(mul(s, s));
  const cubic = mul(mul(square, s), polynomial(square, ATANH));
  const naturalLow = b.let(fma(mul(missing, inverse), like(x, 2), cubic));
  const naturalHigh = b.let(add(sHigh, sHigh));

  // In units of ln 2, with the exponent.
  const product = b.let(mul(naturalHigh, like(x, LOG2E_HIGH)));
  const rest = fma(naturalHigh, like(x, LOG2E_LOW), mul(naturalLow, like(x, Math.LOG2E)));
  const total = b.let(add(exponent, product));
  const lost = sub(product, sub(total, exponent));
  const high = b.let(upperHalf(total));
  return { high, low: b.let(add(sub(total, high), add(lost, rest))) };
}

/** |x|^y for a finite x other than 0 and a finite y. */
function powerOfSize(b: Builder, size: Expr, y: Expr): Expr {
  const logarithm = log2(b, size);
  // Any number but 1 is 0 or infinite to the power of 2⁴⁰.
  const exponent = b.let(atMost(b.let(atLeast(y, like(y, -(2 ** 40)))), like(y, 2 ** 40)));
  const yHigh = b.let(upperHalf(exponent));
  const yLow = b.let(sub(exponent, yHigh));
  const clamp = (value: Expr, bound: number): Expr =>
    b.let(atMost(b.let(atLeast(b.let(value), like(y, -bound))), like(y, bound)));
  const high = clamp(mul(yHigh, logarithm.high), 250);
  const low = clamp(fma(yLow, logarithm.high, mul(exponent, logarithm.low)), 1);

  // Steps of 2 leave a scale whose square may overflow and underflow, as it should.
  const shifted = b.let(fma(add(high, low), like(y, 0.5), like(y, ROUNDER)));
  const steps = b.let(sub(shifted, like(y, ROUNDER)));
  const r = b.let(add(fma(steps, like(y, -2), high), low));
  const series = fma(polynomial(r, EXP2), r, like(y, 1));
  const bits = binary('shl', bitsOf(shifted), constant('i32', 23));
  const scale = b.let(floatOf(add(bits, constant(integerType(y), 0x3f800000))));
  return mul(mul(series, scale), scale);
}

/** C's pow (C99, F.9.4.4). */
export function pow(b: Builder, x: Expr, y: Expr): Expr {
  const base = b.let(x);
  const exponent = b.let(y);
  const size = b.let(unary('abs', base));
  const result = b.variable(powerOfSize(b, size, exponent), 'pow');
  const finite = is('lt', unary('abs', exponent), Infinity);
  ifAny(b, binary('or', isUnusual(base), not(finite)), () => {
    specialCases(b, base, exponent, size, (value) => {
      b.set(result, value(get(result)));
    });
  });
  return get(result);
}

/** Corrects the result where x is not a positive normal number or y not finite, one rule after the other; later rules win. */
function specialCases(
  b: Builder,
  x: Expr,
  y: Expr,
  size: Expr,
  apply: (value: (result: Expr) => Expr) => void,
): void {
  const [zero, one, infinity] = [like(x, 0), like(x, 1), like(x, Infinity)];
  const negativeY = b.let(is('lt', y, 0));
  const rule = (condition: Expr, value: Expr): void => {
    apply((result) => select(condition, value, result));
  };
  rule(is('eq', size, 0), select(negativeY, infinity, zero));
  rule(is('eq', size, Infinity), select(negativeY, zero, infinity));
  // y = ±∞: towards 0 if it shrinks, away if it grows.
  const shrinks = binary('xor', is('gt', size, 1), not(negativeY));
  const endless = select(is('eq', size, 1), one, select(shrinks, zero, infinity));
  rule(is('eq', unary('abs', y), Infinity), endless);

  const whole = b.let(compare('eq', unary('trunc', y), y));
  const half = b.let(mul(y, like(y, 0.5)));
  const odd = and(whole, compare('ne', unary('trunc', half), half));
  const signed = compare('ne', signBit(x), constant(integerType(x), 0));
  const flip = and(odd, signed);
  apply((result) => select(flip, unary('neg', result), result));

  const noRoot = and(and(is('lt', x, 0), is('gt', x, -Infinity)), not(whole));
  rule(noRoot, like(x, NaN));
  const unknown = binary('or', compare('ne', x, x), compare('ne', y, y));
  rule(unknown, like(x, NaN));
  rule(binary('or', is('eq', y, 0), is('eq', x, 1)), one);
}
