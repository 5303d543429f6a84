/**
 * The two 16-bit float formats as raw bits: IEEE 754 binary16 (float16) and the upper half of binary32 (bfloat16).
 * Conversions to bits round to the nearest value, ties to the even one (IEEE 754-2019, section 4.3.1).
 */
interface Format {
  readonly mantissaBits: number;
  /** The largest exponent of a finite value; the stored exponent is offset by it. */
  readonly bias: number;
}

const FLOAT16: Format = { mantissaBits: 10, bias: 15 };
const BFLOAT16: Format = { mantissaBits: 7, bias: 127 };

/** The bits of float16 closest to `value`. */
export const toFloat16Bits = (value: number): number => encode(value, FLOAT16);
/** The number that the bits of a float16 stand for. */
export const fromFloat16Bits = (bits: number): number => decode(bits, FLOAT16);
/** The bits of bfloat16 closest to `value`. */
export const toBfloat16Bits = (value: number): number => encode(value, BFLOAT16);
/** The number that the bits of a bfloat16 stand for. */
export const fromBfloat16Bits = (bits: number): number => decode(bits, BFLOAT16);

/** The integer nearest to `x`, halves to the even one; keeps the sign of zero, as IEEE 754 wants. */
export function roundHalfToEven(x: number): number {
  if (x < 0) return -roundHalfToEven(-x);
  const below = Math.floor(x);
  const rest = x - below;
  if (rest < 0.5) return below;
  if (rest > 0.5 || below % 2 !== 0) return below + 1;
  return below;
}

const scratch = new DataView(new ArrayBuffer(8));

/** The exponent of the leading bit of a normal float64 (-1023 for zero). */
function exponentOf(value: number): number {
  scratch.setFloat64(0, value);
  return (scratch.getUint16(0) >> 4) - 1023;
}

function encode(value: number, { mantissaBits, bias }: Format): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const infinity = (2 * bias + 1) << mantissaBits;
  if (Number.isNaN(value)) return infinity | (1 << (mantissaBits - 1));
  const size = Math.abs(value);
  // Below 2^(1 - bias) values are subnormal: they keep the exponent of the smallest normal number.
  const exponent = Math.max(exponentOf(size), 1 - bias);
  if (exponent > bias) return sign | infinity;
  // The leading 1 of a normal significand carries into the exponent's bits, and so does a significand rounded up to 2.
  const significand = roundHalfToEven(size * 2 ** (mantissaBits - exponent));
  return sign | (significand + ((exponent + bias - 1) << mantissaBits));
}

function decode(bits: number, { mantissaBits, bias }: Format): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits & 0x7fff) >> mantissaBits;
  const fraction = bits & ((1 << mantissaBits) - 1);
  if (exponent === 2 * bias + 1) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - mantissaBits);
  return sign * (fraction + 2 ** mantissaBits) * 2 ** (exponent - bias - mantissaBits);
}
