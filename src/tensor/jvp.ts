/** Forward-mode differentiation. */
import { ShapeError } from '../core/errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import { leavesOf, mapTree, type MapTree } from '../core/tree.js';
import { barrier, fill } from '../graph/build.js';
import { tangents } from '../graph/differentiate.js';
import { isTensor, Tensor } from './tensor.js';

/** A tree with tensors of any shape instead of those of one. */
type AnyShape<T> = MapTree<T, Tensor, Tensor>;

/**
 * The value of `fn` and its directional derivative: how the result changes as the arguments move along `directions`
 * (Jacobian times vector).
 *
 * @example
 * ```ts
 * const [value, change] = jvp((x: Tensor) => x.mul(x), [tensor([3, 4])], [tensor([1, 0])]);
 * await value.array(); // => [9, 16]
 * await change.array(); // => [6, 0]
 * ```
 */
export function jvp<Args extends readonly unknown[], Result>(
  fn: (...args: Args) => Result,
  args: readonly [...Args],
  directions: { readonly [K in keyof Args]: AnyShape<Args[K]> },
): [AnyShape<Result>, AnyShape<Result>] {
  // Fresh nodes: an argument may be used elsewhere too, and twice.
  const own = mapTree(args, isTensor, (tensor) => new Tensor(barrier(tensor.node)));
  const inputs = leavesOf(own, isTensor).map(([, tensor]) => tensor);
  const ways = leavesOf(directions, isTensor).map(([, tensor]) => tensor);
  inputs.forEach((input, i) => {
    const way = ways[i];
    if (way === undefined || ways.length !== inputs.length || !sameShape(way.shape, input.shape)) {
      throw new ShapeError(
        `jvp: argument ${i} has shape ${formatShape(input.shape)}, its direction ${way === undefined ? 'is missing' : formatShape(way.shape)}`,
        'pass one direction of the same shape for each tensor',
      );
    }
  });
  const value = fn(...(own as unknown as Args));
  const changes = tangents(
    leavesOf(value, isTensor).map(([, tensor]) => tensor.node),
    inputs.map((tensor) => tensor.node),
    ways.map((tensor) => tensor.node),
  );
  const change = mapTree(
    value,
    isTensor,
    (tensor, i) => new Tensor(changes[i] ?? fill(0, tensor.shape, tensor.dtype)),
  );
  return [value as AnyShape<Result>, change];
}
