import { allocate, dtypeOf } from '../core/dtype.js';
import type { DType, TypedArray } from '../core/dtype.js';
import { ShapeError } from '../core/errors.js';
import { checkShape, formatShape, sizeOf } from '../core/shape.js';
import type { Shape } from '../core/shape.js';

/** Elements that live on the host, row-major: what readers produce and loaders hand out, before any tensor exists. */
export interface HostArray {
  readonly data: TypedArray;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** One example: what goes into the model, and what should come out. */
export interface Sample {
  readonly input: HostArray;
  readonly target: HostArray;
}

/** Several examples stacked along a new first axis. */
export interface Batch {
  readonly inputs: HostArray;
  readonly targets: HostArray;
}

/** Numbers in nested arrays of equal lengths. */
export type NestedNumbers = number | readonly NestedNumbers[];

/**
 * Elements with a shape. The dtype is that of the typed array unless `dtype` is given, which relabels the same
 * elements (bytes as `bool`, 16-bit words as `float16`) and converts nothing.
 *
 * @throws ShapeError if `data` does not have as many elements as `shape` says.
 * @example
 * ```ts
 * import { data } from 'tensorloom';
 *
 * const images = data.hostArray(new Uint8Array(2 * 28 * 28), [2, 1, 28, 28]);
 * images.dtype; // => 'uint8'
 * ```
 */
export function hostArray(data: TypedArray, shape: Shape, dtype: DType = dtypeOf(data)): HostArray {
  checkShape(shape, 'hostArray');
  if (data.length !== sizeOf(shape)) {
    throw new ShapeError(
      `hostArray: ${data.length} elements do not fill shape ${formatShape(shape)}, which has ${sizeOf(shape)}`,
    );
  }
  return { data, shape, dtype };
}

/** A host array of zeros. */
export function emptyHostArray(dtype: DType, shape: Shape): HostArray {
  return { data: allocate(dtype, sizeOf(shape)), shape, dtype };
}

/**
 * Nested numbers as a host array of `dtype`.
 *
 * @throws ShapeError if the nested arrays differ in length.
 */
export function hostArrayFrom(values: NestedNumbers, dtype: DType = 'float32'): HostArray {
  const shape: number[] = [];
  for (let level = values; typeof level !== 'number';) {
    shape.push(level.length);
    const first = level[0];
    if (first === undefined) break;
    level = first;
  }
  const result = emptyHostArray(dtype, shape);
  let at = 0;
  const fill = (value: NestedNumbers, depth: number): void => {
    const expected = shape[depth];
    if (typeof value === 'number') {
      if (expected !== undefined)
        throw new ShapeError(
          `nested arrays are ragged: a number stands where an array of length ${expected} should be`,
        );
      result.data[at++] = value;
      return;
    }
    if (value.length !== expected) {
      throw new ShapeError(
        `nested arrays are ragged: an array of length ${value.length} stands where ${expected === undefined ? 'a number' : `length ${expected}`} should be`,
      );
    }
    for (const child of value) fill(child, depth + 1);
  };
  fill(values, 0);
  return result;
}

/** Whether a value is a host array rather than nested numbers. */
export function isHostArray(value: HostArray | NestedNumbers): value is HostArray {
  return typeof value === 'object' && !Array.isArray(value);
}

/** Rows (entries of the first axis) of `source` at `indices`, in that order, as a new array. */
export function takeRows(source: HostArray, indices: ArrayLike<number>): HostArray {
  const rowShape = source.shape.slice(1);
  const rowSize = sizeOf(rowShape);
  const result = emptyHostArray(source.dtype, [indices.length, ...rowShape]);
  if (rowSize === 1) {
    for (let i = 0; i < indices.length; i++) result.data[i] = source.data[indices[i] ?? 0] ?? 0;
    return result;
  }
  for (let i = 0; i < indices.length; i++) {
    const start = (indices[i] ?? 0) * rowSize;
    result.data.set(source.data.subarray(start, start + rowSize), i * rowSize);
  }
  return result;
}
