/** Functions that pick elements: by ranges known when the graph is built, or by indices that are data themselves. */
import { isInteger, type DType } from '../core/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../core/errors.js';
import {
  broadcastShapes,
  checkShape,
  dim,
  formatShape,
  normalizeAxis,
  sameShape,
  sizeOf,
  stridesOf,
  type Shape,
} from '../core/shape.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { hostNode } from './creation.js';
import { broadcastTo, computable } from './operands.js';
import { isTensor, Tensor } from './tensor.js';

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

function position(at: number, n: number, operation: string, axis: number): number {
  if (!Number.isInteger(at) || at < -n || at >= n) {
    throw new ArgumentError(
      `${operation}: position ${at} does not exist along axis ${axis}, which has ${n} elements`,
      n === 0 ? 'the axis is empty' : `use a position from ${-n} to ${n - 1}`,
    );
  }
  return at < 0 ? at + n : at;
}

/** Indices as a node of int32 in [0, n). Numbers are checked here; of tensors, negative ones count from the end. */
function indexNode(indices: Tensor | readonly number[], n: number, operation: string, axis: number): Node {
  if (!isTensor(indices)) {
    const list = indices.map((at) => position(at, n, operation, axis));
    return hostNode(Int32Array.from(list), [list.length], 'int32');
  }
  if (!isInteger(indices.dtype)) {
    throw new DTypeError(
      `${operation}: indices must be integers, got ${indices.dtype}`,
      indices.dtype === 'bool'
        ? 'how many elements a mask picks is not known before it is computed; use where(mask, x, 0)'
        : "cast('int32') first",
    );
  }
  const node = g.cast(indices.node, 'int32');
  if (indices.dtype === 'uint8' || indices.dtype === 'uint32') return node;
  return g.where(g.binary('lt', node, g.fillLike(node, 0)), g.add(node, g.fillLike(node, n)), node);
}

/**
 * The slices of `x` at `indices` along `axis`, which is replaced by the axes of `indices`. Indices in tensors that are
 * out of range are clamped into it.
 *
 * @example
 * ```ts
 * await take(tensor([[1, 2], [3, 4], [5, 6]]), [2, 0]).array(); // => [[5, 6], [1, 2]]
 * ```
 */
export function take(x: Tensor, indices: Tensor | readonly number[], axis = 0): Tensor {
  const at = normalizeAxis(axis, x.rank, 'take');
  return new Tensor(g.gather(x.node, indexNode(indices, dim(x.shape, at), 'take', at), at));
}

/** What to take of an axis: one position (the axis goes), the positions in an array or integer tensor, or (null) all. */
export type Index = number | null | readonly number[] | Tensor;

/**
 * NumPy's indexing with arrays, for the first axes: arrays are stretched to a common shape and taken together. Their
 * axes stand where the indexed ones stood, or in front if those were not neighbours.
 *
 * @example
 * ```ts
 * const x = tensor([[1, 2], [3, 4], [5, 6]]);
 * await index(x, [0, 2], [1, 0]).array(); // => [2, 5]
 * await index(x, null, [1]).array(); // => [[2], [4], [6]]
 * ```
 */
export function index(x: Tensor, ...indices: readonly Index[]): Tensor {
  if (indices.length > x.rank) {
    throw new ShapeError(
      `index: ${indices.length} indices for the ${x.rank} axes of ${formatShape(x.shape)}`,
      'pass at most one index for each axis',
    );
  }
  const picked = slice(x, ...indices.map((each) => (typeof each === 'number' ? each : null))).node;
  const lists = indices.filter((each) => typeof each !== 'number');
  const axes = lists.flatMap((each, axis) => (each === null ? [] : [axis]));
  const [first] = axes;
  if (first === undefined) return new Tensor(picked);
  const nodes = axes.map((axis) =>
    indexNode(lists[axis] as Tensor | readonly number[], dim(picked.shape, axis), 'index', axis),
  );
  const common = nodes.map((node) => node.shape).reduce((a, b) => broadcastShapes(a, b, 'index'));
  const neighbours = axes.every((axis, i) => axis === first + i);
  const others = picked.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const moved = neighbours ? picked : g.permute(picked, [...axes, ...others]);
  const at = neighbours ? first : 0;

  // One axis instead of several, and one index into it.
  const sizes = moved.shape.slice(at, at + axes.length);
  const joined = g.reshape(moved, [
    ...moved.shape.slice(0, at),
    sizeOf(sizes),
    ...moved.shape.slice(at + axes.length),
  ]);
  const flat = linear(
    nodes.map((node) => broadcastTo(node, common)),
    stridesOf(sizes),
  );
  return new Tensor(g.gather(joined, flat, at));
}

/** The sum of indices times strides. */
function linear(indices: readonly Node[], strides: readonly number[]): Node {
  return indices
    .map((node, i) => (strides[i] === 1 ? node : g.mul(node, g.fillLike(node, strides[i] ?? 0))))
    .reduce((a, b) => g.add(a, b));
}

/** For an array of `shape` into which `indices` point along `axis`: the offset of each element meant. */
function offsetsAlong(shape: Shape, indices: Node, axis: number): Node {
  const strides = stridesOf(shape);
  const terms = indices.shape.map((n, i) => {
    if (i === axis) return indices;
    const counted = g.reshape(
      g.iota(n),
      indices.shape.map((_, j) => (j === i ? n : 1)),
    );
    return g.expand(counted, indices.shape);
  });
  return linear(terms, strides);
}

function checkAlong(x: Tensor, indices: Tensor, axis: number, operation: string): void {
  const fits = indices.rank === x.rank && indices.shape.every((n, i) => i === axis || n <= dim(x.shape, i));
  if (!fits) {
    throw new ShapeError(
      `${operation}: indices of shape ${formatShape(indices.shape)} do not fit ${formatShape(x.shape)} along axis ${axis}`,
      'they need the same rank, and elsewhere no axis may be longer',
    );
  }
}

/**
 * Element by element: `y[i][j] = x[indices[i][j]][j]` for axis 0, `x[i][indices[i][j]]` for axis 1, and so on (PyTorch's
 * gather). Indices out of range are clamped into it.
 *
 * @example
 * ```ts
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * await takeAlongAxis(x, tensor([[2], [0]], { dtype: 'int32' }), 1).array(); // => [[3], [4]]
 * ```
 */
export function takeAlongAxis<I extends Shape>(x: Tensor, indices: Tensor<I>, axis: number): Tensor<I> {
  const at = normalizeAxis(axis, x.rank, 'gather');
  checkAlong(x, indices, at, 'gather');
  const n = dim(x.shape, at);
  const node = indexNode(indices, n, 'gather', at);
  const inside = g.binary('min', g.binary('max', node, g.fillLike(node, 0)), g.fillLike(node, n - 1));
  const flat = offsetsAlong(x.shape, inside, at);
  return new Tensor<I>(g.gather(g.reshape(x.node, [x.size]), flat, 0));
}

export { takeAlongAxis as gather };

/**
 * `x` with each of `updates` added at its index along `axis`, element by element (PyTorch's scatter_add): for axis 0,
 * `x[indices[i][j]][j] += updates[i][j]`. Indices out of range are left out.
 *
 * @example
 * ```ts
 * const indices = tensor([0, 2, 0], { dtype: 'int32' });
 * await scatterAdd(zeros([3]), indices, tensor([1, 2, 3])).array(); // => [4, 0, 2]
 * ```
 */
export function scatterAdd<S extends Shape>(
  x: Tensor<S>,
  indices: Tensor,
  updates: Tensor,
  axis = 0,
): Tensor<S> {
  const at = normalizeAxis(axis, x.rank, 'scatterAdd');
  checkAlong(x, indices, at, 'scatterAdd');
  if (!sameShape(indices.shape, updates.shape)) {
    throw new ShapeError(
      `scatterAdd: indices ${formatShape(indices.shape)} and updates ${formatShape(updates.shape)} differ in shape`,
      'there must be one index for each update; see indexAdd for whole slices',
    );
  }
  const n = dim(x.shape, at);
  const node = indexNode(indices, n, 'scatterAdd', at);
  const outside = g.binary(
    'or',
    g.binary('lt', node, g.fillLike(node, 0)),
    g.binary('le', g.fillLike(node, n), node),
  );
  const flat = g.where(outside, g.fillLike(node, -1), offsetsAlong(x.shape, node, at));
  const base = computable(x.node);
  const source = g.cast(updates.node, base.dtype);
  const added = g.scatterAdd(g.reshape(flat, [updates.size]), g.reshape(source, [updates.size]), 0, x.size);
  return new Tensor<S>(g.cast(g.add(base, g.reshape(added, x.shape)), x.dtype));
}

/**
 * `x` with slices added at `indices` along `axis`: what {@link take} is undone by. Indices out of range are left out.
 *
 * @example
 * ```ts
 * const rows = tensor([1, 1], { dtype: 'int32' });
 * await indexAdd(zeros([2, 2]), rows, tensor([[1, 2], [3, 4]])).array(); // => [[0, 0], [4, 6]]
 * ```
 */
export function indexAdd<S extends Shape>(
  x: Tensor<S>,
  indices: Tensor,
  updates: Tensor,
  axis = 0,
): Tensor<S> {
  const at = normalizeAxis(axis, x.rank, 'indexAdd');
  const expected = [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)];
  if (!sameShape(updates.shape, expected)) {
    throw new ShapeError(
      `indexAdd: updates of shape ${formatShape(updates.shape)} where ${formatShape(x.shape)} with indices ${formatShape(indices.shape)} along axis ${at} needs ${formatShape(expected)}`,
      'there must be one slice for each index',
    );
  }
  const base = computable(x.node);
  const n = dim(x.shape, at);
  const added = g.scatterAdd(indexNode(indices, n, 'indexAdd', at), g.cast(updates.node, base.dtype), at, n);
  return new Tensor<S>(g.cast(g.add(base, added), x.dtype));
}

export interface OneHotOptions {
  /** float32 unless told. */
  readonly dtype?: DType;
  /** Where the axis of classes goes in the result; last unless told. */
  readonly axis?: number;
}

/**
 * A new axis of `classes` elements: 1 at the index, 0 elsewhere. Indices out of range give zeros only.
 *
 * @example
 * ```ts
 * await oneHot(tensor([1, 0], { dtype: 'int32' }), 3).array(); // => [[0, 1, 0], [1, 0, 0]]
 * ```
 */
export function oneHot(indices: Tensor, classes: number, options: OneHotOptions = {}): Tensor {
  checkShape([classes], 'oneHot');
  if (!isInteger(indices.dtype))
    throw new DTypeError(`oneHot: indices must be integers, got ${indices.dtype}`, "cast('int32') first");
  const at = normalizeAxis(options.axis ?? -1, indices.rank + 1, 'oneHot');
  const { shape } = indices;
  const result = [...shape.slice(0, at), classes, ...shape.slice(at)];
  const given = g.reshape(g.cast(indices.node, 'int32'), [...shape.slice(0, at), 1, ...shape.slice(at)]);
  const counted = g.reshape(
    g.iota(classes),
    result.map((n, axis) => (axis === at ? n : 1)),
  );
  const hot = g.binary('eq', g.expand(given, result), g.expand(counted, result));
  return new Tensor(g.cast(hot, options.dtype ?? 'float32'));
}

/** Where column - row, along the last two axes, is at most `diagonal`. */
function lowerMask(shape: Shape, diagonal: number, operation: string): Node {
  if (shape.length < 2)
    throw new ShapeError(
      `${operation}: ${formatShape(shape)} has no rows and columns`,
      'pass a tensor of rank 2 or more',
    );
  const [rows, columns] = [dim(shape, shape.length - 2), dim(shape, shape.length - 1)];
  const row = g.expand(g.reshape(g.iota(rows), [rows, 1]), [rows, columns]);
  const column = g.expand(g.reshape(g.iota(columns), [1, columns]), [rows, columns]);
  const limit = diagonal === 0 ? row : g.add(row, g.fillLike(row, diagonal));
  return broadcastTo(g.binary('le', column, limit), shape);
}

/**
 * The lower triangle of the last two axes: elements at most `diagonal` to the right of the main diagonal; 0 elsewhere.
 *
 * @example
 * ```ts
 * await tril(ones([2, 2])).array(); // => [[1, 0], [1, 1]]
 * ```
 */
export function tril<S extends Shape>(x: Tensor<S>, diagonal = 0): Tensor<S> {
  return new Tensor<S>(g.where(lowerMask(x.shape, diagonal, 'tril'), x.node, g.fillLike(x.node, 0)));
}

/** The upper triangle of the last two axes: elements at least `diagonal` to the right of the main diagonal; 0 elsewhere. */
export function triu<S extends Shape>(x: Tensor<S>, diagonal = 0): Tensor<S> {
  return new Tensor<S>(g.where(lowerMask(x.shape, diagonal - 1, 'triu'), g.fillLike(x.node, 0), x.node));
}

/** The main diagonal of two axes of a node, as its new last axis. */
export function diagonalOf(x: Node, a: number, b: number): Node {
  const others = x.shape.map((_, axis) => axis).filter((axis) => axis !== a && axis !== b);
  const moved = g.permute(x, [...others, a, b]);
  const rows = dim(x.shape, a);
  const columns = dim(x.shape, b);
  const batch = moved.shape.slice(0, -2);
  const n = Math.min(rows, columns);
  // In row-major order the diagonal is every (columns + 1)-th element.
  const flat = g.reshape(moved, [...batch, rows * columns]);
  return g.slice(
    flat,
    flat.shape.map(() => 0),
    [...batch, n === 0 ? 0 : (n - 1) * (columns + 1) + 1],
    [...batch.map(() => 1), columns + 1],
  );
}

/**
 * The main diagonal of the last two axes.
 *
 * @example
 * ```ts
 * await diagonal(tensor([[1, 2], [3, 4]])).array(); // => [1, 4]
 * ```
 */
export function diagonal(x: Tensor): Tensor {
  if (x.rank < 2)
    throw new ShapeError(
      `diagonal: ${formatShape(x.shape)} has no rows and columns`,
      'pass a tensor of rank 2 or more',
    );
  return new Tensor(diagonalOf(x.node, x.rank - 2, x.rank - 1));
}

export interface SortOptions {
  /** From the largest to the smallest. */
  readonly descending?: boolean;
}

/** The indices (int32) that sort an axis, the last unless told. Equal elements keep their order; NaN comes last. */
export function argsort<S extends Shape>(x: Tensor<S>, axis = -1, options: SortOptions = {}): Tensor<S> {
  const at = normalizeAxis(axis, x.rank, 'argsort');
  return new Tensor<S>(g.argsort(computable(x.node), at, options.descending ?? false));
}

/**
 * The elements in order along an axis, the last unless told. NaN comes last.
 *
 * @example
 * ```ts
 * await sort(tensor([3, 1, 2])).array(); // => [1, 2, 3]
 * ```
 */
export function sort<S extends Shape>(x: Tensor<S>, axis = -1, options: SortOptions = {}): Tensor<S> {
  return takeAlongAxis(x, argsort(x, axis, options), axis);
}

export interface TopK {
  readonly values: Tensor;
  readonly indices: Tensor;
}

export interface TopKOptions {
  /** The largest elements (the default) or the smallest. */
  readonly largest?: boolean;
}

/**
 * The `count` largest elements along an axis, the last unless told, in order, and where they were (int32).
 *
 * @example
 * ```ts
 * const { values, indices } = topK(tensor([1, 9, 5]), 2);
 * await values.array(); // => [9, 5]
 * await indices.array(); // => [1, 2]
 * ```
 */
export function topK(x: Tensor, count: number, axis = -1, options: TopKOptions = {}): TopK {
  const at = normalizeAxis(axis, x.rank, 'topK');
  const n = dim(x.shape, at);
  if (!Number.isInteger(count) || count < 0 || count > n) {
    throw new ArgumentError(
      `topK: cannot take ${count} of the ${n} elements along axis ${at} of ${formatShape(x.shape)}`,
      `ask for 0 to ${n} elements`,
    );
  }
  const order = argsort(x, at, { descending: options.largest ?? true });
  const indices = slice(order, ...x.shape.map((_, i) => (i === at ? [0, count] : null)));
  return { values: takeAlongAxis(x, indices, at), indices };
}
