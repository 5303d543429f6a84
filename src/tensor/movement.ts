/** Functions that rearrange elements. None of them computes anything: compiled programs fold them into index arithmetic. */
import { ArgumentError, ShapeError } from '../core/errors.js';
import {
  broadcastShapes,
  checkShape,
  dim,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  sizeOf,
  type Shape,
} from '../core/shape.js';
import { promote } from '../core/dtype.js';
import type {
  Broadcast,
  CheckBroadcast,
  CheckConcat,
  Concat,
  Fixed,
  Permute,
  Reshape,
  Transpose,
} from '../core/shape-types.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { broadcastTo, operandNode } from './operands.js';
import { Tensor } from './tensor.js';

/**
 * The same elements in row-major order in another shape. One size may be -1: it follows from the others.
 *
 * @throws ShapeError if the shapes have different numbers of elements.
 * @example
 * ```ts
 * await reshape(tensor([1, 2, 3, 4]), [2, -1]).array(); // => [[1, 2], [3, 4]]
 * ```
 */
export function reshape<const T extends Shape>(x: Tensor, shape: T): Tensor<Reshape<T>> {
  const free = shape.filter((n) => n === -1).length;
  if (free > 1)
    throw new ShapeError(
      `reshape: ${formatShape(shape)} leaves ${free} sizes open`,
      'use -1 once at the most',
    );
  const known = sizeOf(shape.filter((n) => n !== -1));
  const rest = known === 0 ? 0 : x.size / known;
  const target = shape.map((n) => (n === -1 ? rest : n));
  if (!target.every((n) => Number.isInteger(n) && n >= 0) || sizeOf(target) !== x.size) {
    throw new ShapeError(
      `reshape: ${formatShape(x.shape)} has ${x.size} elements, which do not fill ${formatShape(shape)}`,
      'the product of the sizes must stay the same',
    );
  }
  return new Tensor<Reshape<T>>(g.reshape(x.node, target));
}

/**
 * Joins the axes from `start` to `end` (both included; by default all) into one.
 *
 * @example
 * ```ts
 * flatten(zeros([8, 3, 4, 4]), 1).shape; // => [8, 48]
 * ```
 */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  if (x.rank === 0) return new Tensor(g.reshape(x.node, [1]));
  const from = normalizeAxis(start, x.rank, 'flatten');
  const to = normalizeAxis(end, x.rank, 'flatten');
  if (to < from)
    throw new ArgumentError(`flatten: the axes run from ${start} to ${end}`, 'name the outer axis first');
  const { shape } = x;
  const joined = sizeOf(shape.slice(from, to + 1));
  return new Tensor(g.reshape(x.node, [...shape.slice(0, from), joined, ...shape.slice(to + 1)]));
}

/** Drops axes of size 1: the given ones, or all of them. */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  const given = axes !== undefined;
  const list = normalizeAxes(axes, x.rank, 'squeeze').filter((axis) => given || x.shape[axis] === 1);
  for (const axis of list) {
    if (x.shape[axis] !== 1) {
      throw new ShapeError(
        `squeeze: axis ${axis} of ${formatShape(x.shape)} has size ${dim(x.shape, axis)}, not 1`,
        'only axes of size 1 can be dropped; see reshape and sum',
      );
    }
  }
  return new Tensor(
    g.reshape(
      x.node,
      x.shape.filter((_, axis) => !list.includes(axis)),
    ),
  );
}

/** Puts in an axis of size 1, before `axis` (negative: counted from the end of the result). */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis(axis, x.rank + 1, 'unsqueeze');
  return new Tensor(g.reshape(x.node, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]));
}

/**
 * The axes in another order: axis i of the result is axis `axes[i]` of `x`.
 *
 * @example
 * ```ts
 * permute(zeros([2, 3, 4]), [2, 0, 1]).shape; // => [4, 2, 3]
 * ```
 */
export function permute<S extends Shape, const Axes extends readonly number[]>(
  x: Tensor<S>,
  axes: Axes,
): Tensor<Permute<S, Axes>> {
  const list = axes.map((axis) => normalizeAxis(axis, x.rank, 'permute'));
  if (list.length !== x.rank || new Set(list).size !== x.rank) {
    throw new ArgumentError(
      `permute: ${formatShape(axes)} does not name each axis of ${formatShape(x.shape)} once`,
      `name the axes 0 to ${x.rank - 1} in the order you want`,
    );
  }
  return new Tensor<Permute<S, Axes>>(g.permute(x.node, list));
}

/**
 * Two axes swapped; the last two unless told.
 *
 * @example
 * ```ts
 * await transpose(tensor([[1, 2], [3, 4]])).array(); // => [[1, 3], [2, 4]]
 * ```
 */
export function transpose<S extends Shape>(x: Tensor<S>): Tensor<Transpose<S>>;
export function transpose(x: Tensor, a: number, b: number): Tensor;
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  const i = normalizeAxis(a, x.rank, 'transpose');
  const j = normalizeAxis(b, x.rank, 'transpose');
  const axes = x.shape.map((_, axis) => (axis === i ? j : axis === j ? i : axis));
  return new Tensor(g.permute(x.node, axes));
}

/** An axis moved to another position; the others keep their order. */
export function moveAxis(x: Tensor, from: number, to: number): Tensor {
  const source = normalizeAxis(from, x.rank, 'moveAxis');
  const target = normalizeAxis(to, x.rank, 'moveAxis');
  return new Tensor(g.moveAxis(x.node, source, target));
}

/**
 * Axes of size 1 stretched, and new ones put in front, up to `shape`; -1 keeps a size.
 *
 * @example
 * ```ts
 * await expand(tensor([1, 2]), [2, 2]).array(); // => [[1, 2], [1, 2]]
 * ```
 */
export function expand<S extends Shape, const T extends Shape>(
  x: Tensor<S>,
  shape: T & CheckBroadcast<S, T>,
): Tensor<Fixed<T>> {
  const missing = shape.length - x.rank;
  const target = shape.map((n, axis) => (n === -1 ? (x.shape[axis - missing] ?? n) : n));
  checkShape(target, 'expand');
  if (missing < 0 || x.shape.some((n, axis) => n !== 1 && n !== target[axis + missing])) {
    throw new ShapeError(
      `expand: ${formatShape(x.shape)} does not stretch to ${formatShape(shape)}`,
      'only axes of size 1 stretch, and new axes come first',
    );
  }
  return new Tensor<Fixed<T>>(broadcastTo(x.node, target));
}

/** The shapes of a list of tensors. */
export type ShapesOf<T extends readonly Tensor[]> = {
  [K in keyof T]: T[K] extends Tensor<infer S> ? S : Shape;
};

/**
 * Tensors joined along an axis that they have. Dtypes are promoted.
 *
 * @throws ShapeError if other sizes differ.
 * @example
 * ```ts
 * await concat([tensor([1, 2]), tensor([3])]).array(); // => [1, 2, 3]
 * ```
 */
export function concat<const T extends readonly Tensor[], const Axis extends number = 0>(
  tensors: T & CheckConcat<ShapesOf<T>, Axis>,
  axis?: Axis,
): Tensor<Concat<ShapesOf<T>, Axis>> {
  const { nodes, first } = parts(tensors, 'concat');
  return new Tensor<Concat<ShapesOf<T>, Axis>>(
    g.concat(nodes, normalizeAxis(axis ?? 0, first.shape.length, 'concat')),
  );
}

/**
 * Tensors of one shape laid side by side along a new axis.
 *
 * @example
 * ```ts
 * await stack([tensor([1, 2]), tensor([3, 4])]).array(); // => [[1, 2], [3, 4]]
 * ```
 */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const { nodes, first } = parts(tensors, 'stack');
  const at = normalizeAxis(axis, first.shape.length + 1, 'stack');
  for (const node of nodes) {
    if (formatShape(node.shape) !== formatShape(first.shape)) {
      throw new ShapeError(
        `stack: shapes ${formatShape(first.shape)} and ${formatShape(node.shape)} differ`,
        'all tensors must have the same shape; see concat',
      );
    }
  }
  const raised = nodes.map((node) =>
    g.reshape(node, [...node.shape.slice(0, at), 1, ...node.shape.slice(at)]),
  );
  return new Tensor(g.concat(raised, at));
}

/** The nodes of a list that must not be empty, in their common dtype. */
function parts(tensors: readonly Tensor[], operation: string): { nodes: Node[]; first: Node } {
  const dtypes = tensors.map((each) => each.dtype);
  const [only] = dtypes;
  if (only === undefined)
    throw new ArgumentError(`${operation}: the list of tensors is empty`, 'pass at least one tensor');
  const dtype = dtypes.reduce(promote);
  const nodes = tensors.map((each) => operandNode(each, dtype));
  return { nodes, first: nodes[0] as Node };
}

/** A range of one axis, the others whole. */
export function sliceAxis(x: Node, axis: number, start: number, stop: number): Node {
  return g.slice(
    x,
    x.shape.map((_, i) => (i === axis ? start : 0)),
    x.shape.map((n, i) => (i === axis ? stop : n)),
  );
}

/**
 * Cuts an axis into parts: of the given sizes, or all of size `sizes` (the last one may be smaller).
 *
 * @example
 * ```ts
 * const [head, tail] = split(tensor([1, 2, 3, 4, 5]), [2, 3]);
 * await tail.array(); // => [3, 4, 5]
 * ```
 */
export function split(x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
  const at = normalizeAxis(axis, x.rank, 'split');
  const n = dim(x.shape, at);
  if (typeof sizes === 'number' && !(Number.isInteger(sizes) && sizes > 0))
    throw new ArgumentError(`split: parts of size ${sizes}`, 'use a positive integer');
  const list =
    typeof sizes === 'number'
      ? Array.from({ length: Math.ceil(n / sizes) }, (_, i) => Math.min(sizes, n - i * sizes))
      : sizes;
  checkShape(list, 'split');
  if (list.reduce((total, size) => total + size, 0) !== n) {
    throw new ShapeError(
      `split: parts of ${formatShape(list)} do not add up to the ${n} elements along axis ${at} of ${formatShape(x.shape)}`,
      'the sizes must sum to the size of the axis',
    );
  }
  let start = 0;
  return list.map((size) => new Tensor(sliceAxis(x.node, at, start, (start += size))));
}

/** Cuts an axis into `count` parts of equal size (the last ones may be smaller, or missing). */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  if (!(Number.isInteger(count) && count > 0))
    throw new ArgumentError(`chunk: cannot make ${count} parts`, 'use a positive integer');
  const n = dim(x.shape, normalizeAxis(axis, x.rank, 'chunk'));
  return split(x, Math.max(1, Math.ceil(n / count)), axis);
}

/** Each slice along an axis, without that axis. */
export function unstack(x: Tensor, axis = 0): Tensor[] {
  const at = normalizeAxis(axis, x.rank, 'unstack');
  const shape = x.shape.filter((_, i) => i !== at);
  return split(x, 1, at).map((part) => new Tensor(g.reshape(part.node, shape)));
}

/**
 * The order along axes (by default all) reversed.
 *
 * @example
 * ```ts
 * await flip(tensor([1, 2, 3])).array(); // => [3, 2, 1]
 * ```
 */
export function flip<S extends Shape>(x: Tensor<S>, axes?: number | readonly number[]): Tensor<S> {
  return new Tensor<S>(g.flip(x.node, normalizeAxes(axes, x.rank, 'flip')));
}

/**
 * Elements moved along axes by `shift` places; those that fall off come in again at the other end. Without axes the
 * elements are moved in row-major order.
 *
 * @example
 * ```ts
 * await roll(tensor([1, 2, 3, 4]), 1).array(); // => [4, 1, 2, 3]
 * ```
 */
export function roll<S extends Shape>(
  x: Tensor<S>,
  shift: number | readonly number[],
  axes?: number | readonly number[],
): Tensor<S> {
  const shifts = typeof shift === 'number' ? [shift] : shift;
  if (axes === undefined) {
    const [by = 0] = shifts;
    return new Tensor<S>(g.reshape(rollAxis(g.reshape(x.node, [x.size]), by, 0), x.shape));
  }
  const list = (typeof axes === 'number' ? [axes] : axes).map((axis) => normalizeAxis(axis, x.rank, 'roll'));
  if (list.length !== shifts.length) {
    throw new ArgumentError(
      `roll: ${shifts.length} shifts for ${list.length} axes`,
      'pass one shift for each axis',
    );
  }
  return new Tensor<S>(list.reduce((node, axis, i) => rollAxis(node, shifts[i] ?? 0, axis), x.node));
}

function rollAxis(x: Node, shift: number, axis: number): Node {
  const n = dim(x.shape, axis);
  const by = n === 0 ? 0 : ((shift % n) + n) % n;
  if (by === 0) return x;
  return g.concat([sliceAxis(x, axis, n - by, n), sliceAxis(x, axis, 0, n - by)], axis);
}

/** Several tensors stretched to their common shape. */
export function broadcastTensors<A extends Shape, B extends Shape>(
  a: Tensor<A>,
  b: Tensor<B> & CheckBroadcast<A, B>,
): [Tensor<Broadcast<A, B>>, Tensor<Broadcast<A, B>>] {
  const shape = broadcastShapes(a.shape, b.shape, 'broadcastTensors');
  return [new Tensor(broadcastTo(a.node, shape)), new Tensor(broadcastTo(b.node, shape))];
}
