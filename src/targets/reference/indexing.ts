import { sizeOf, type Shape } from '../../core/shape.js';

/**
 * For each position of `shape` in row-major order, `start` plus the sum of index times stride. Every movement is a
 * read or a write through such a table.
 */
export function offsets(shape: Shape, strides: readonly number[], start = 0): Int32Array {
  const table = new Int32Array(sizeOf(shape));
  const index = shape.map(() => 0);
  let offset = start;
  for (let i = 0; i < table.length; i++) {
    table[i] = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      const next = (index[axis] ?? 0) + 1;
      offset += stride;
      if (next < (shape[axis] ?? 0)) {
        index[axis] = next;
        break;
      }
      offset -= next * stride;
      index[axis] = 0;
    }
  }
  return table;
}

/** `x` at each of `table`. */
export function take(x: Float64Array, table: Int32Array): Float64Array {
  const result = new Float64Array(table.length);
  for (let i = 0; i < table.length; i++) result[i] = x[table[i] ?? 0] ?? 0;
  return result;
}

/** Writes `x` to each of `table` in `result`. */
export function put(x: Float64Array, table: Int32Array, result: Float64Array): void {
  for (let i = 0; i < table.length; i++) result[table[i] ?? 0] = x[i] ?? 0;
}

/** An array seen as [before, n, after] around one axis. */
export function around(shape: Shape, axis: number): { before: number; n: number; after: number } {
  return {
    before: sizeOf(shape.slice(0, axis)),
    n: shape[axis] ?? 1,
    after: sizeOf(shape.slice(axis + 1)),
  };
}
