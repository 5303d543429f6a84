/** Triangles and diagonals of matrices. */
import { ShapeError } from '../core/errors.js';
import { dim, formatShape, type Shape } from '../core/shape.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { broadcastTo } from './operands.js';
import { Tensor } from './tensor.js';

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
  const limit = diagonal === 0 ? row : g.plus(row, diagonal);
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
