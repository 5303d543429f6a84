/** Functions that pick elements by indices that are data themselves, and put them back. */
import { isInteger, type DType } from '../core/dtype.js';
import { DTypeError, ShapeError } from '../core/errors.js';
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
import { position, slice } from './slicing.js';
import { isTensor, Tensor } from './tensor.js';

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
  return g.where(g.binary('lt', node, g.fillLike(node, 0)), g.plus(node, n), node);
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
    .map((node, i) => (strides[i] === 1 ? node : g.times(node, strides[i] ?? 0)))
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
