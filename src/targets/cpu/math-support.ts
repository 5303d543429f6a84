/**
 * What the functions of math.ts are made with. They are written once for f32 and f32v: a constant takes the type of the argument, and a
 * comparison gives what a selection of that type takes.
 */
import {
  binary,
  compare,
  constant,
  convert,
  fma,
  isVector,
  reduceLanes,
  select,
  unary,
  type Builder,
  type CompareOp,
  type Expr,
  type Type,
} from './ir.js';

/** `value` in the type of `x`. */
export const like = (x: Expr, value: number): Expr => constant(x.type, value);

/** The integers as wide as `x`. */
export const integerType = (x: Expr): Type => (isVector(x.type) ? 'i32v' : 'i32');
const floatType = (x: Expr): Type => (isVector(x.type) ? 'f32v' : 'f32');

export const bitsOf = (x: Expr): Expr => convert('bits', integerType(x), x);
export const floatOf = (bits: Expr): Expr => convert('bits', floatType(bits), bits);

/** c₀ + c₁x + c₂x² + …, by Horner's rule. */
export function polynomial(x: Expr, coefficients: readonly number[]): Expr {
  const [last, ...lower] = coefficients.toReversed();
  return lower.reduce<Expr>((sum, c) => fma(sum, x, like(x, c)), like(x, last ?? 0));
}

/** The lesser of the two; NaN if `x` is NaN. Cheaper than `min`, which must look at both sides. */
export const atMost = (x: Expr, bound: Expr): Expr => select(compare('lt', bound, x), bound, x);
/** The greater of the two; NaN if `x` is NaN. */
export const atLeast = (x: Expr, bound: Expr): Expr => select(compare('gt', bound, x), bound, x);

export const is = (op: CompareOp, x: Expr, value: number): Expr => compare(op, x, like(x, value));

const SIGN = -0x80000000;

export const signBit = (x: Expr): Expr => binary('and', bitsOf(x), constant(integerType(x), SIGN));

/** `magnitude` with the sign of `x` put on top of its own. */
export function withSignOf(x: Expr, magnitude: Expr): Expr {
  return floatOf(binary('xor', bitsOf(magnitude), signBit(x)));
}

/** Of conditions: truth values of scalars, masks of vectors. */
export const and = (a: Expr, b: Expr): Expr => binary('and', a, b);
export const not = (condition: Expr): Expr =>
  condition.type === 'maskv' ? unary('not', condition) : binary('xor', condition, constant('i32', 1));
/** Whether a condition holds in any lane, as a scalar. */
export const anyLane = (condition: Expr): Expr =>
  condition.type === 'maskv' ? reduceLanes('or', condition) : condition;

/** Does `then` if the condition holds, in any lane of a vector. For rare cases, which should cost others no more than a test. */
export function ifAny(b: Builder, condition: Expr, then: () => void): void {
  b.if(anyLane(condition), then);
}

/** x without its lower 12 bits: products of two such numbers are exact (Dekker 1971). `x` is used twice. */
export function upperHalf(x: Expr): Expr {
  return floatOf(binary('and', bitsOf(x), constant(integerType(x), -4096)));
}

/** 1.5 · 2²³: adding it rounds to an integer, which then stands in the low bits. Good for |x| < 2²². */
export const ROUNDER = 12582912;
