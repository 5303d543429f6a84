/** Elements in order. */
import { ArgumentError } from '../core/errors.js';
import { dim, formatShape, normalizeAxis, type Shape } from '../core/shape.js';
import * as g from '../graph/build.js';
import { takeAlongAxis } from './indexing.js';
import { computable } from './operands.js';
import { slice } from './slicing.js';
import { Tensor } from './tensor.js';

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
