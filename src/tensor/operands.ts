/** How operations take their arguments: numbers become cells, dtypes are promoted, shapes are stretched to fit. */
import { computeDType, isFloat, promote, type DType } from '../core/dtype.js';
import { broadcastShapes, sameShape, type Shape } from '../core/shape.js';
import { cast, constant, expand, reshape, scalar, stretch } from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { isTensor, Tensor } from './tensor.js';

/** What element-wise functions accept: a tensor, or a number that takes the tensor's dtype. */
export type Operand = Tensor | number;

/** The shape of an operand as the type checker knows it. */
export type ShapeOf<T> = T extends Tensor<infer S> ? S : T extends number ? [] : Shape;

/**
 * The dtype of a tensor of `dtype` combined with a number: the tensor's own, unless it could not hold the number
 * (a fraction with integers, anything but a truth value with bool).
 */
function promoteWithNumber(dtype: DType, value: number): DType {
  if (isFloat(dtype)) return dtype;
  if (!Number.isInteger(value)) return 'float32';
  return dtype === 'bool' ? 'int32' : dtype;
}

/** The dtype that several operands are promoted to. */
export function commonDType(operands: readonly Operand[]): DType {
  let dtype: DType | undefined;
  for (const each of operands) {
    if (isTensor(each)) dtype = dtype === undefined ? each.dtype : promote(dtype, each.dtype);
  }
  for (const each of operands) {
    if (typeof each === 'number' && dtype !== undefined) dtype = promoteWithNumber(dtype, each);
  }
  return dtype ?? 'float32';
}

/** The node of an operand in `dtype`; a number becomes a cell that programs read at run time. */
export function operandNode(operand: Operand, dtype: DType): Node {
  return isTensor(operand) ? cast(operand.node, dtype) : scalar({ value: operand }, dtype);
}

/** `node` stretched to `shape`, with axes of size 1 put in front where it has fewer. */
export function broadcastTo(node: Node, shape: Shape): Node {
  if (sameShape(node.shape, shape)) return node;
  if (node.shape.length === 0) return stretch(node, shape);
  const missing = shape.length - node.shape.length;
  const padded = [...new Array<number>(missing).fill(1), ...node.shape];
  return expand(reshape(node, padded), shape);
}

/** All operands in one dtype that can be computed in, and of one shape. `dtype` is the one to cast the result to. */
export function alignOperands(
  operation: string,
  operands: readonly Operand[],
  wanted?: DType,
): { nodes: Node[]; dtype: DType } {
  const dtype = wanted ?? commonDType(operands);
  const nodes = operands.map((each) => operandNode(each, computeDType(dtype)));
  const shape = nodes.map((node) => node.shape).reduce((a, b) => broadcastShapes(a, b, operation));
  return { nodes: nodes.map((node) => broadcastTo(node, shape)), dtype };
}

/** A node in the dtype in which its values are computed. */
export function computable(node: Node): Node {
  return cast(node, computeDType(node.dtype));
}

/** A node in the float dtype nearest to its own: what functions with fractional results compute in. */
export function fractional(node: Node): Node {
  return isFloat(node.dtype) ? computable(node) : cast(node, 'float32');
}

/** The dtype of results of functions with fractional results. */
export function fractionalDType(dtype: DType): DType {
  return isFloat(dtype) ? dtype : 'float32';
}

/** A number that is part of the program, as an operand for `like`. Library code uses it for its own constants. */
export function literal(like: Tensor, value: number): Tensor<[]> {
  return new Tensor<[]>(constant(value, like.dtype));
}
