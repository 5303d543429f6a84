import { ArgumentError, ShapeError } from './errors.js';

/** Sizes of the axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** The number of elements. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

/** Distances, in elements, between neighbours along each axis of a contiguous row-major array. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= dim(shape, axis);
  }
  return strides;
}

/** `shape[axis]`, for an axis known to exist. */
export function dim(shape: Shape, axis: number): number {
  const n = shape[axis];
  if (n === undefined) throw new ShapeError(`axis ${axis} does not exist in shape ${formatShape(shape)}`);
  return n;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, axis) => n === b[axis]);
}

/** `[2, 3]`, as messages print shapes. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** An axis counted from the front; negative ones count from the end, as in NumPy. */
export function normalizeAxis(axis: number, rank: number, operation: string): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ArgumentError(
      `${operation}: axis ${axis} is out of range for a tensor of rank ${rank}`,
      rank === 0 ? 'a scalar has no axes' : `use an axis from ${-rank} to ${rank - 1}`,
    );
  }
  return axis < 0 ? axis + rank : axis;
}

/** Several axes, sorted and without doubles; `undefined` means all of them. */
export function normalizeAxes(
  axes: number | readonly number[] | undefined,
  rank: number,
  operation: string,
): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = (typeof axes === 'number' ? [axes] : axes).map((axis) => normalizeAxis(axis, rank, operation));
  if (new Set(list).size !== list.length) {
    throw new ArgumentError(`${operation}: an axis is named twice in ${formatShape(list)}`);
  }
  return list.sort((a, b) => a - b);
}

/** The shape that `a` and `b` stretch to under NumPy's broadcasting rule. */
export function broadcastShapes(a: Shape, b: Shape, operation: string): number[] {
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const m = a[a.length - i] ?? 1;
    const n = b[b.length - i] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new ShapeError(
        `${operation}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast: axis ${-i} is ${m} on one side and ${n} on the other`,
        'make the sizes equal, or one of them 1 (see reshape and unsqueeze)',
      );
    }
    result[rank - i] = m === 1 ? n : m;
  }
  return result;
}

/** Throws unless every size is a non-negative integer. */
export function checkShape(shape: Shape, operation: string): void {
  for (const n of shape) {
    if (!Number.isInteger(n) || n < 0) {
      throw new ShapeError(
        `${operation}: ${formatShape(shape)} is not a shape: sizes are integers of at least 0`,
      );
    }
  }
}
