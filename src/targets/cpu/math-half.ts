/**
 * The 16-bit float formats, as integers in i32 or i32v, from and to f32 or f32v. To 16 bits: rounded to the nearest, ties to even; NaN
 * becomes the quiet NaN without sign.
 */
import { add, binary, constant, get, mul, select, sub, type Builder, type Expr } from './ir.js';
import { bitsOf, floatOf, integerType, is, like } from './math-support.js';

const whole = (x: Expr, value: number): Expr => constant(integerType(x), value);
const shiftLeft = (x: Expr, count: number): Expr => binary('shl', x, constant('i32', count));
const shiftRight = (x: Expr, count: number): Expr => binary('shrU', x, constant('i32', count));
const and = (x: Expr, mask: number): Expr => binary('and', x, whole(x, mask));

const INFINITY_F32 = 0x7f800000;

/** A float16's bits (the upper 16 are ignored) to float32. */
export function halfToFloat(b: Builder, bits: Expr): Expr {
  const half = b.let(bits);
  const magnitude = b.let(shiftLeft(and(half, 0x7fff), 13));
  // The exponents' biases differ by 112; multiplying also brings subnormal numbers into place.
  const scaled = floatOf(magnitude);
  const finite = bitsOf(mul(scaled, like(scaled, 2 ** 112)));
  const special = binary('or', magnitude, whole(half, INFINITY_F32));
  const value = select(is('ge', magnitude, 0x7c00 << 13), special, finite);
  return b.let(floatOf(binary('or', value, shiftLeft(and(half, 0x8000), 16))), 'float');
}

/** float32 to the bits of a float16. */
export function floatToHalf(b: Builder, x: Expr): Expr {
  const bits = b.let(bitsOf(x));
  const magnitude = b.let(and(bits, 0x7fffffff));
  // Added to 0.5, a subnormal half ends at the last bit of the sum, rounded by the addition.
  const half = floatOf(whole(bits, 0x3f000000));
  const subnormal = sub(bitsOf(add(floatOf(magnitude), half)), whole(bits, 0x3f000000));
  const odd = and(shiftRight(magnitude, 13), 1);
  const rebased = add(add(magnitude, whole(bits, 0xfff - (112 << 23))), odd);
  const result = b.variable(
    select(is('lt', magnitude, 0x38800000), subnormal, shiftRight(rebased, 13)),
    'half',
  );
  const overflown = select(is('gt', magnitude, INFINITY_F32), whole(bits, 0x7e00), whole(bits, 0x7c00));
  b.set(result, select(is('ge', magnitude, 0x47800000), overflown, get(result)));
  const isNumber = is('le', magnitude, INFINITY_F32);
  const sign = select(isNumber, and(shiftRight(bits, 16), 0x8000), whole(bits, 0));
  return b.let(binary('or', get(result), sign), 'half');
}

/** A bfloat16's bits (the upper 16 are ignored) to float32. */
export function bfloat16ToFloat(b: Builder, bits: Expr): Expr {
  return b.let(floatOf(shiftLeft(bits, 16)), 'float');
}

/** float32 to the bits of a bfloat16. */
export function floatToBfloat16(b: Builder, x: Expr): Expr {
  const bits = b.let(bitsOf(x));
  const odd = and(shiftRight(bits, 16), 1);
  const rounded = shiftRight(add(add(bits, whole(bits, 0x7fff)), odd), 16);
  const isNumber = is('le', and(bits, 0x7fffffff), INFINITY_F32);
  return b.let(select(isNumber, rounded, whole(bits, 0x7fc0)), 'bfloat16');
}
