/** Between host arrays and the interpreter's own values, which are float64 for every dtype. */
import { allocate, isFloat, type DType, type TypedArray } from '../../core/dtype.js';
import { fromBfloat16Bits, fromFloat16Bits, toBfloat16Bits, toFloat16Bits } from '../../core/half.js';

/** The elements of a node's result in row-major order, whatever its dtype: float64 holds all of them exactly. */
export type Values = Float64Array;

const same = (x: number): number => x;

/** Rounds a float, or wraps an integer, to what `dtype` can hold. */
const NARROW: Readonly<Record<DType, (x: number) => number>> = {
  float64: same,
  float32: Math.fround,
  float16: (x) => fromFloat16Bits(toFloat16Bits(x)),
  bfloat16: (x) => fromBfloat16Bits(toBfloat16Bits(x)),
  int32: (x) => x | 0,
  uint32: (x) => x >>> 0,
  int8: (x) => (x << 24) >> 24,
  uint8: (x) => x & 0xff,
  bool: (x) => (x === 0 ? 0 : 1),
};

/** The function that rounds or wraps to `dtype`. */
export function narrow(dtype: DType): (x: number) => number {
  return NARROW[dtype];
}

function clamp(x: number, low: number, high: number): number {
  return Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), low), high);
}

/** What `cast` does to one element. Floats saturate to 32 bits first; int8 and uint8 then keep the lowest 8 of them. */
export function conversion(from: DType, to: DType): (x: number) => number {
  if (!isFloat(from) || isFloat(to) || to === 'bool') return NARROW[to];
  if (to === 'uint32') return (x) => clamp(x, 0, 2 ** 32 - 1);
  const wrap = NARROW[to];
  return (x) => wrap(clamp(x, -(2 ** 31), 2 ** 31 - 1));
}

/** The elements of a host array. */
export function fromStorage(array: TypedArray, dtype: DType): Values {
  if (dtype === 'float16') return Float64Array.from(array, fromFloat16Bits);
  if (dtype === 'bfloat16') return Float64Array.from(array, fromBfloat16Bits);
  return Float64Array.from(array);
}

/** A host array of `dtype` with the elements, each rounded once. */
export function toStorage(values: Values, dtype: DType): TypedArray {
  const array = allocate(dtype, values.length);
  if (dtype === 'float16') array.set(values.map(toFloat16Bits));
  else if (dtype === 'bfloat16') array.set(values.map(toBfloat16Bits));
  else array.set(values);
  return array;
}
