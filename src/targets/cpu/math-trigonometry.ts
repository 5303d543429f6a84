/**
 * sin, cos, tan and their inverses in float32. Reduction after Cody and Waite; coefficients are minimax fits of this project (relative
 * error below 2⁻²⁵ before rounding).
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
import {
  atLeast,
  atMost,
  bitsOf,
  floatOf,
  ifAny,
  integerType,
  is,
  like,
  polynomial,
  ROUNDER,
  withSignOf,
} from './math-support.js';

/** π/2 in four parts of 11, 11, 11 and 24 bits: products with integers of up to 13 bits are exact. */
const HALF_PI = [1.5703125, 4.8375129699707031e-4, 7.5495336204767227e-8, 2.5633440682570896e-12];
/** From here on the number of quarter turns has more than 13 bits. */
const FAR = 8192;
/** From here on it has more than 22. */
const TOO_FAR = 4194304;

/** (sin r - r)/r³ and (cos r - 1 + r²/2)/r⁴ in r², for |r| ≤ π/4. */
const SIN = [-0.166666552, 0.0083321603, -0.000195152825];
const COS = [0.0416666456, -0.00138873165, 2.44331568e-5];

interface Quarters {
  /** The rest, |r| ≤ π/4. */
  readonly r: Expr;
  /** Bits whose lowest two count quarter turns. */
  readonly count: Expr;
}

/** x = count · π/2 + r. */
function reduce(b: Builder, x: Expr): Quarters {
  const shifted = b.variable(fma(x, like(x, 2 / Math.PI), like(x, ROUNDER)), 'shifted');
  const count = b.let(sub(get(shifted), like(x, ROUNDER)));
  const rest = b.variable(subtractTurns(x, [count]), 'rest');
  ifAny(b, is('ge', unary('abs', x), FAR), () => {
    const near = b.let(bringNear(b, x));
    b.set(shifted, fma(near, like(x, 2 / Math.PI), like(x, ROUNDER)));
    const all = b.let(sub(get(shifted), like(x, ROUNDER)));
    // Eleven bits at a time, so that every product is exact.
    const upper = b.let(sub(add(all, like(x, ROUNDER * 2048)), like(x, ROUNDER * 2048)));
    b.set(rest, subtractTurns(near, [upper, b.let(sub(all, upper))]));
  });
  return { r: get(rest), count: b.let(bitsOf(get(shifted))) };
}

/** x - Σ counts · π/2 */
function subtractTurns(x: Expr, counts: readonly Expr[]): Expr {
  let rest = x;
  for (const part of HALF_PI) for (const count of counts) rest = fma(count, like(x, -part), rest);
  return rest;
}

/**
 * Numbers so large that float32 has gaps of half a unit and more between them lose whole turns, inexactly; their sine means little.
 * Infinity becomes NaN.
 */
function bringNear(b: Builder, x: Expr): Expr {
  const turns = b.let(unary('nearest', mul(x, like(x, 1 / (2 * Math.PI)))));
  const rest = b.let(subtractTurns(x, [b.let(mul(turns, like(x, 4)))]));
  const bounded = b.let(atLeast(b.let(atMost(rest, like(x, 4))), like(x, -4)));
  return select(is('lt', unary('abs', x), TOO_FAR), x, bounded);
}

function sinSeries(r: Expr, square: Expr): Expr {
  return mul(r, fma(polynomial(square, SIN), square, like(r, 1)));
}

function cosSeries(r: Expr, square: Expr): Expr {
  return fma(mul(square, square), polynomial(square, COS), fma(square, like(r, -0.5), like(r, 1)));
}

const isOdd = (count: Expr): Expr => {
  const bit = binary('and', count, constant(count.type, 1));
  return compare('ne', bit, constant(count.type, 0));
};

/** sin(r + count · π/2). */
function turned(b: Builder, r: Expr, count: Expr): Expr {
  const square = b.let(mul(r, r));
  const magnitude = select(isOdd(count), cosSeries(r, square), sinSeries(r, square));
  // The second bit, moved to the sign.
  const sign = binary('shl', binary('and', count, constant(count.type, 2)), constant('i32', 30));
  return floatOf(binary('xor', bitsOf(magnitude), sign));
}

export function sin(b: Builder, x: Expr): Expr {
  const { r, count } = reduce(b, b.let(x));
  return b.let(turned(b, r, count), 'sin');
}

export function cos(b: Builder, x: Expr): Expr {
  const { r, count } = reduce(b, b.let(x));
  return b.let(turned(b, r, b.let(add(count, constant(integerType(x), 1)))), 'cos');
}

export function tan(b: Builder, x: Expr): Expr {
  const { r, count } = reduce(b, b.let(x));
  const square = b.let(mul(r, r));
  const sine = b.let(sinSeries(r, square));
  const cosine = b.let(cosSeries(r, square));
  const odd = b.let(isOdd(count));
  const numerator = select(odd, unary('neg', cosine), sine);
  return b.let(binary('div', numerator, select(odd, sine, cosine)), 'tan');
}

/** (atan t - t)/t³ in t², for 0 ≤ t ≤ 1. */
const ATAN = [
  -0.333331525, 0.199937731, -0.142110556, 0.106660061, -0.0755221769, 0.043211896, -0.0163679477,
  0.00292069674,
];

/** The angle of a point in the first octant, or in the second if `steep`, from the smaller side over the larger. */
function angle(b: Builder, ratio: Expr, steep: Expr): Expr {
  const square = b.let(mul(ratio, ratio));
  const flat = b.let(fma(mul(polynomial(square, ATAN), square), ratio, ratio));
  return select(steep, sub(like(ratio, Math.PI / 2), flat), flat);
}

export function atan(b: Builder, x: Expr): Expr {
  const argument = b.let(x);
  const size = b.let(unary('abs', argument));
  const one = like(x, 1);
  const steep = b.let(is('gt', size, 1));
  const ratio = b.let(binary('div', select(steep, one, size), select(steep, size, one)));
  return b.let(withSignOf(argument, angle(b, ratio, steep)), 'atan');
}

/** The angle of the point (x, y), between -π and π; signs of zeros count (C99, F.9.1.4). */
export function atan2(b: Builder, y: Expr, x: Expr): Expr {
  const height = b.let(y);
  const width = b.let(x);
  const tall = b.let(unary('abs', height));
  const wide = b.let(unary('abs', width));
  const steep = b.let(compare('gt', tall, wide));
  // Where the sides are equal the ratio is known, and the quotient may be 0/0 or ∞/∞.
  const quotient = binary('div', select(steep, wide, tall), select(steep, tall, wide));
  const known = select(is('gt', tall, 0), like(x, 1), like(x, 0));
  const ratio = b.let(select(compare('eq', tall, wide), known, quotient));
  const right = b.let(angle(b, ratio, steep));
  const type = integerType(x);
  const isLeft = compare('lt', bitsOf(width), constant(type, 0));
  return b.let(withSignOf(height, select(isLeft, sub(like(x, Math.PI), right), right)), 'atan2');
}
