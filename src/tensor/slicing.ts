/** Ranges of axes, known when the graph is built. */
import { ArgumentError, ShapeError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import * as g from '../graph/build.js';
import { Tensor } from './tensor.js';

/**
 * What to take of an axis: a number takes one position and drops the axis; `[start, stop, step]` a range, each of which
 * may be left out or null, as in Python's `start:stop:step`; null all of it.
 */
export type Range = number | null | readonly (number | null)[];

/**
 * Ranges of the first axes; the other axes stay whole. Negative positions count from the end, a negative step goes
 * backwards.
 *
 * @example
 * ```ts
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * await slice(x, 1).array(); // => [4, 5, 6]
 * await slice(x, null, [1, null]).array(); // => [[2, 3], [5, 6]]
 * await slice(x, 0, [null, null, -2]).array(); // => [3, 1]
 * ```
 */
export function slice(x: Tensor, ...ranges: readonly Range[]): Tensor {
  if (ranges.length > x.rank) {
    throw new ShapeError(
      `slice: ${ranges.length} ranges for the ${x.rank} axes of ${formatShape(x.shape)}`,
      'pass at most one range for each axis',
    );
  }
  const bounds = x.shape.map((n, axis) => resolve(ranges[axis] ?? null, n, axis));
  const forward = g.slice(
    x.node,
    bounds.map(({ start }) => start),
    bounds.map(({ stop }) => stop),
    bounds.map(({ step }) => step),
  );
  const backward = bounds.flatMap(({ reversed }, axis) => (reversed ? [axis] : []));
  const kept = forward.shape.filter((_, axis) => typeof ranges[axis] !== 'number');
  return new Tensor(g.reshape(g.flip(forward, backward), kept));
}

interface Bounds {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  /** Whether the elements are to be taken from the last to the first. */
  readonly reversed: boolean;
}

function resolve(range: Range, n: number, axis: number): Bounds {
  if (range === null) return { start: 0, stop: n, step: 1, reversed: false };
  if (typeof range === 'number') {
    const at = position(range, n, 'slice', axis);
    return { start: at, stop: at + 1, step: 1, reversed: false };
  }
  const [from = null, to = null, step = 1] = range;
  const by = step ?? 1;
  const numbers = [from ?? 0, to ?? 0, by];
  if (by === 0 || range.length > 3 || !numbers.every(Number.isInteger)) {
    throw new ArgumentError(
      `slice: [${range.join(', ')}] is not a range of axis ${axis}`,
      'write [start, stop, step] in integers, with a step other than 0',
    );
  }
  if (by > 0) {
    const start = clampPosition(from ?? 0, n, 0, n);
    const stop = Math.max(start, clampPosition(to ?? n, n, 0, n));
    return { start, stop, step: by, reversed: false };
  }
  const first = clampPosition(from ?? n - 1, n, -1, n - 1);
  const end = to === null ? -1 : clampPosition(to, n, -1, n - 1);
  const count = Math.max(0, Math.ceil((first - end) / -by));
  const last = first + (count - 1) * by;
  return count === 0
    ? { start: 0, stop: 0, step: 1, reversed: false }
    : { start: last, stop: first + 1, step: -by, reversed: true };
}

function clampPosition(at: number, n: number, low: number, high: number): number {
  return Math.min(Math.max(at < 0 ? at + n : at, low), high);
}

/** A position counted from the front, of an axis of `n` elements; negative ones count from the end. */
export function position(at: number, n: number, operation: string, axis: number): number {
  if (!Number.isInteger(at) || at < -n || at >= n) {
    throw new ArgumentError(
      `${operation}: position ${at} does not exist along axis ${axis}, which has ${n} elements`,
      n === 0 ? 'the axis is empty' : `use a position from ${-n} to ${n - 1}`,
    );
  }
  return at < 0 ? at + n : at;
}
