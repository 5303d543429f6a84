import { DTypeError } from './errors.js';

/** The element types. int8, float16 and bfloat16 are for storage: they are loaded, stored and cast, never computed in. */
export type DType =
  'float32' | 'float64' | 'int32' | 'uint32' | 'bool' | 'uint8' | 'int8' | 'float16' | 'bfloat16';

/** Host arrays that hold elements. float16 and bfloat16 travel as their 16 raw bits, bool as bytes 0 and 1. */
export type TypedArray =
  Float32Array | Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array | Int8Array;

type TypedArrayConstructor =
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Uint16ArrayConstructor
  | Uint8ArrayConstructor
  | Int8ArrayConstructor;

interface DTypeFacts {
  readonly bytes: number;
  readonly array: TypedArrayConstructor;
  readonly kind: 'float' | 'int' | 'bool';
  /** Position in the promotion order; the larger of two wins. */
  readonly rank: number;
}

const FACTS: Readonly<Record<DType, DTypeFacts>> = {
  bool: { bytes: 1, array: Uint8Array, kind: 'bool', rank: 0 },
  uint8: { bytes: 1, array: Uint8Array, kind: 'int', rank: 1 },
  int8: { bytes: 1, array: Int8Array, kind: 'int', rank: 2 },
  int32: { bytes: 4, array: Int32Array, kind: 'int', rank: 3 },
  uint32: { bytes: 4, array: Uint32Array, kind: 'int', rank: 4 },
  bfloat16: { bytes: 2, array: Uint16Array, kind: 'float', rank: 5 },
  float16: { bytes: 2, array: Uint16Array, kind: 'float', rank: 6 },
  float32: { bytes: 4, array: Float32Array, kind: 'float', rank: 7 },
  float64: { bytes: 8, array: Float64Array, kind: 'float', rank: 8 },
};

export const DTYPES: readonly DType[] = Object.keys(FACTS) as DType[];

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return FACTS[dtype].bytes;
}

export function isFloat(dtype: DType): boolean {
  return FACTS[dtype].kind === 'float';
}

export function isInteger(dtype: DType): boolean {
  return FACTS[dtype].kind === 'int';
}

/** A new host array of `length` zeros for `dtype`. */
export function allocate(dtype: DType, length: number): TypedArray {
  return new FACTS[dtype].array(length);
}

/** A new host array for `dtype` that holds `values`. Faster than filling one of zeros: memory is written once. */
export function allocateFrom(dtype: DType, values: ArrayLike<number>): TypedArray {
  return new FACTS[dtype].array(values);
}

/** A host array for `dtype` over bytes that exist already; `byteOffset` must be a multiple of the element size. */
export function viewBytes(
  dtype: DType,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): TypedArray {
  return new FACTS[dtype].array(buffer as ArrayBuffer, byteOffset, length);
}

/** The dtype whose raw elements a typed array holds, when nothing else is said. */
export function dtypeOf(array: TypedArray): DType {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof Int32Array) return 'int32';
  if (array instanceof Uint32Array) return 'uint32';
  if (array instanceof Int8Array) return 'int8';
  if (array instanceof Uint8Array) return 'uint8';
  throw new DTypeError(
    'a Uint16Array does not say whether it holds float16 or bfloat16',
    "pass { dtype: 'float16' } or { dtype: 'bfloat16' }",
  );
}

/** The dtype of `a op b`: the wider of the two; int8 with uint8 gives int32; float16 with bfloat16 gives float32. */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  const pair = new Set([a, b]);
  if (pair.has('int8') && pair.has('uint8')) return 'int32';
  if (pair.has('float16') && pair.has('bfloat16')) return 'float32';
  return FACTS[a].rank > FACTS[b].rank ? a : b;
}

/** The dtype in which values of `dtype` are computed: storage types widen, everything else stays. */
export function computeDType(dtype: DType): DType {
  if (dtype === 'float16' || dtype === 'bfloat16') return 'float32';
  if (dtype === 'int8' || dtype === 'uint8') return 'int32';
  return dtype;
}
