/** log and log1p in float32. Coefficients are minimax fits of this project (relative error below 2⁻²⁷ before rounding). */
import {
  add,
  binary,
  compare,
  constant,
  convert,
  fma,
  get,
  mul,
  select,
  sub,
  type Builder,
  type Expr,
} from './ir.js';
import { bitsOf, floatOf, ifAny, integerType, is, like, polynomial } from './math-support.js';

/** ln 2 in two parts; the first has so few bits that its products with exponents are exact. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.12194440054690583e-4;

/** (ln(1 + f) - f + f²/2) / f³ for 1 + f between √½ and √2. */
const LOG = [
  0.333333313, -0.250008196, 0.200012267, -0.166233569, 0.142017573, -0.131601796, 0.127615765, -0.0763450116,
];

/** The bits of √½, of 1, and those of the mantissa. */
const SQRT_HALF = 0x3f3504f3;
const MANTISSA = 0x007fffff;

/** The least normal number; below it, the bits of the exponent say less. */
const LEAST_NORMAL = 2 ** -126;

export interface Split {
  /** The number is 2^exponent · (1 + fraction), with 1 + fraction between √½ and √2. */
  readonly exponent: Expr;
  readonly fraction: Expr;
}

/** Takes a positive normal number apart, without rounding. */
export function split(b: Builder, x: Expr): Split {
  const type = integerType(x);
  const shifted = b.let(sub(bitsOf(x), constant(type, SQRT_HALF)));
  const exponent = b.let(convert('fromS', x.type, binary('shrS', shifted, constant('i32', 23))));
  const mantissa = add(binary('and', shifted, constant(type, MANTISSA)), constant(type, SQRT_HALF));
  return { exponent, fraction: b.let(sub(floatOf(mantissa), like(x, 1))) };
}

/** ln of a number that was taken apart, plus a small `correction`. */
function logOf(b: Builder, { exponent, fraction: f }: Split, correction?: Expr): Expr {
  const square = b.let(mul(f, f));
  const cubic = mul(mul(square, f), polynomial(f, LOG));
  const tail = fma(square, like(f, -0.5), cubic);
  const low = fma(exponent, like(f, LN2_LOW), correction === undefined ? tail : add(tail, correction));
  return fma(exponent, like(f, LN2_HIGH), add(f, low));
}

/** Whether x is anything but a positive normal number. */
export function isUnusual(x: Expr): Expr {
  const type = integerType(x);
  return compare('geU', sub(bitsOf(x), constant(type, 0x00800000)), constant(type, 0x7f000000));
}

/** `ordinary`, where x > 0 is finite; else what a logarithm gives. */
function logLimits(x: Expr, ordinary: Expr): Expr {
  const notPositive = select(is('eq', x, 0), like(x, -Infinity), like(x, NaN));
  return select(is('gt', x, 0), select(is('lt', x, Infinity), ordinary, x), notPositive);
}

export function log(b: Builder, x: Expr): Expr {
  const argument = b.let(x);
  const result = b.variable(logOf(b, split(b, argument)), 'log');
  ifAny(b, isUnusual(argument), () => {
    const tiny = b.let(compare('lt', argument, like(x, LEAST_NORMAL)));
    const scaled = b.let(mul(argument, like(x, 2 ** 24)));
    const ofTiny = sub(logOf(b, split(b, scaled)), like(x, 24 * Math.LN2));
    b.set(result, logLimits(argument, select(tiny, ofTiny, get(result))));
  });
  return get(result);
}

/** What rounding 1 + x takes away is added to the logarithm of the sum (Kahan). */
export function log1p(b: Builder, x: Expr): Expr {
  const argument = b.let(x);
  const one = like(x, 1);
  const sum = b.let(add(argument, one));
  const lost = select(is('lt', argument, 1), sub(argument, sub(sum, one)), sub(one, sub(sum, argument)));
  const correction = b.let(binary('div', lost, sum));
  const ordinary = b.let(logOf(b, split(b, sum), correction));
  // Where 1 + x is 1, ln(1 + x) is x, with its sign.
  const result = b.variable(select(is('eq', sum, 1), argument, ordinary), 'log1p');
  ifAny(b, isUnusual(sum), () => {
    b.set(result, logLimits(sum, get(result)));
  });
  return get(result);
}
