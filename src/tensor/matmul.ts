/** Products of matrices and vectors, all through the one contraction primitive. */
import { computeDType, promote } from '../core/dtype.js';
import { ShapeError } from '../core/errors.js';
import { broadcastShapes, dim, formatShape, type Shape } from '../core/shape.js';
import type { CheckMatMul, MatMul } from '../core/shape-types.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { broadcastTo } from './operands.js';
import { Tensor } from './tensor.js';

/** An operand of a contraction: each axis has a name; axes of the same name belong together. */
export interface Named {
  readonly node: Node;
  readonly names: readonly string[];
}

/** Sums over the names that `keep` does not want, and multiplies along those that both operands have. */
export function contractPair(a: Named, b: Named, keep: ReadonlySet<string>): Named {
  const left = sumAway(a, (name) => keep.has(name) || b.names.includes(name));
  const right = sumAway(b, (name) => keep.has(name) || a.names.includes(name));
  const shared = left.names.filter((name) => right.names.includes(name));
  const batch = shared.filter((name) => keep.has(name));
  const summed = shared.filter((name) => !keep.has(name));
  const at = (operand: Named, names: readonly string[]): number[] =>
    names.map((name) => operand.names.indexOf(name));
  const free = (operand: Named): string[] => operand.names.filter((name) => !shared.includes(name));
  return {
    node: g.dot(left.node, right.node, {
      batchA: at(left, batch),
      batchB: at(right, batch),
      contractA: at(left, summed),
      contractB: at(right, summed),
    }),
    names: [...batch, ...free(left), ...free(right)],
  };
}

/** Sums over axes whose name is not wanted. */
export function sumAway({ node, names }: Named, wanted: (name: string) => boolean): Named {
  const axes = names.flatMap((name, axis) => (wanted(name) ? [] : [axis]));
  return { node: g.sum(node, axes), names: names.filter(wanted) };
}

/** The axes in the order of `names`; names that the operand lacks become axes of size 1. */
export function arrange({ node, names }: Named, wanted: readonly string[]): Node {
  const present = wanted.filter((name) => names.includes(name));
  const ordered = g.permute(
    node,
    present.map((name) => names.indexOf(name)),
  );
  let next = 0;
  return g.reshape(
    ordered,
    wanted.map((name) => (names.includes(name) ? dim(ordered.shape, next++) : 1)),
  );
}

/** Both nodes in the dtype they are multiplied in, and the dtype of the result. */
function inCommonDType(a: Tensor, b: Tensor): [Node, Node, ReturnType<typeof promote>] {
  const dtype = promote(a.dtype, b.dtype);
  const inner = dtype === 'bool' ? 'int32' : computeDType(dtype);
  return [g.cast(a.node, inner), g.cast(b.node, inner), dtype === 'bool' ? 'int32' : dtype];
}

/** Names the axes of an operand's batch, counted from the end; axes of size 1 that stretch are dropped. */
function nameBatch(node: Node, batch: Shape, other: Shape, inner: readonly string[]): Named {
  const rank = batch.length;
  const kept: string[] = [];
  const shape: number[] = [];
  batch.forEach((n, axis) => {
    const facing = other[other.length - (rank - axis)];
    if (n === 1 && facing !== undefined && facing !== 1) return;
    kept.push(`b${rank - axis}`);
    shape.push(n);
  });
  return { node: g.reshape(node, [...shape, ...node.shape.slice(rank)]), names: [...kept, ...inner] };
}

/**
 * The matrix product. Vectors count as a row on the left and as a column on the right; axes before the last two are a
 * batch and broadcast.
 *
 * @throws ShapeError if the columns of `a` are not as many as the rows of `b`.
 * @example
 * ```ts
 * const a = tensor([[1, 2], [3, 4]]);
 * await matmul(a, tensor([1, 1])).array(); // => [3, 7]
 * ```
 */
export function matmul<A extends Shape, B extends Shape>(
  a: Tensor<A>,
  b: Tensor<B> & CheckMatMul<A, B>,
): Tensor<MatMul<A, B>> {
  const [left, right, dtype] = inCommonDType(a, b);
  const given = `${formatShape(a.shape)} and ${formatShape(b.shape)}`;
  if (a.rank === 0 || b.rank === 0)
    throw new ShapeError(`matmul: ${given} do not multiply: a scalar has no rows and columns`, 'use mul');
  const [columns, rows] = [dim(a.shape, a.rank - 1), dim(b.shape, Math.max(0, b.rank - 2))];
  if (columns !== rows) {
    throw new ShapeError(
      `matmul: ${given} do not multiply: ${columns} columns meet ${rows} rows`,
      'the last axis of the first must be as long as the last but one of the second; see transpose',
    );
  }
  const batchA = a.shape.slice(0, Math.max(0, a.rank - 2));
  const batchB = b.shape.slice(0, Math.max(0, b.rank - 2));
  broadcastShapes(batchA, batchB, `matmul of ${given}`);
  const x = nameBatch(left, batchA, batchB, a.rank === 1 ? ['k'] : ['m', 'k']);
  const y = nameBatch(right, batchB, batchA, b.rank === 1 ? ['k'] : ['k', 'n']);
  const rank = Math.max(batchA.length, batchB.length);
  const names = [
    ...Array.from({ length: rank }, (_, axis) => `b${rank - axis}`),
    ...(a.rank === 1 ? [] : ['m']),
    ...(b.rank === 1 ? [] : ['n']),
  ];
  const product = contractPair(x, y, new Set(names));
  return new Tensor<MatMul<A, B>>(g.cast(arrange(product, names), dtype));
}

/**
 * The sum of products of two vectors.
 *
 * @example
 * ```ts
 * await dot(tensor([1, 2]), tensor([3, 4])).item(); // => 11
 * ```
 */
export function dot(a: Tensor, b: Tensor): Tensor<[]> {
  if (a.rank !== 1 || b.rank !== 1) {
    throw new ShapeError(
      `dot: needs two vectors, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
      'use matmul for matrices',
    );
  }
  return matmul(a as Tensor<[number]>, b as Tensor<[number]>);
}

/**
 * All products of an element of `a` with one of `b`: shape `[...a.shape, ...b.shape]`.
 *
 * @example
 * ```ts
 * await outer(tensor([1, 2]), tensor([3, 4])).array(); // => [[3, 4], [6, 8]]
 * ```
 */
export function outer<A extends Shape, B extends Shape>(a: Tensor<A>, b: Tensor<B>): Tensor<[...A, ...B]> {
  const [left, right, dtype] = inCommonDType(a, b);
  const node = g.mul(
    broadcastTo(g.reshape(left, [...a.shape, ...b.shape.map(() => 1)]), [...a.shape, ...b.shape]),
    broadcastTo(right, [...a.shape, ...b.shape]),
  );
  return new Tensor<[...A, ...B]>(g.cast(node, dtype));
}
