/** Makes nodes. Nothing here broadcasts or converts: shapes and dtypes must fit (the tensor functions see to that). */
import type { DType } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { sameShape, sizeOf, type Shape } from '../core/shape.js';
import type { BinaryOp, UnaryOp } from './elementwise-ops.js';
import {
  Node,
  type Attributes,
  type Cell,
  type Op,
  type ScanBody,
  type Storage,
  type CustomRule,
} from './node.js';
import { SHAPE_RULES, type Result } from './shapes.js';

/** A node for `op`; its shape and dtype follow from the inputs. */
export function apply<K extends Op>(op: K, inputs: readonly Node[], attributes: Attributes[K]): Node<K> {
  const rule = SHAPE_RULES[op] as (inputs: readonly Node[], attributes: Attributes[K]) => Result;
  const { shape, dtype } = rule(inputs, attributes);
  return new Node(op, inputs, attributes, shape, dtype);
}

const NOTHING = {};

export function buffer(value: Storage, shape: Shape): Node<'buffer'> {
  const node = new Node('buffer', [], NOTHING, shape, value.dtype);
  node.value = value;
  return node;
}

/** An input whose value comes with each run of a compiled function. */
export function placeholder(shape: Shape, dtype: DType): Node<'buffer'> {
  return new Node('buffer', [], NOTHING, shape, dtype);
}

export function parameter(index: number, shape: Shape, dtype: DType): Node<'parameter'> {
  return new Node('parameter', [], { index }, shape, dtype);
}

/** A literal of the program. */
export function constant(value: number, dtype: DType): Node<'constant'> {
  return new Node('constant', [], { value }, [], dtype);
}

/** A number read at each run. */
export function scalar(cell: Cell, dtype: DType): Node<'scalar'> {
  return new Node('scalar', [], { cell }, [], dtype);
}

/** A literal stretched to `shape`. */
export function fill(value: number, shape: Shape, dtype: DType): Node {
  return stretch(constant(value, dtype), shape);
}

/** A literal of the shape and dtype of `node`. */
export function fillLike(node: Node, value: number): Node {
  return fill(value, node.shape, node.dtype);
}

/** A scalar stretched to `shape`. */
export function stretch(node: Node, shape: Shape): Node {
  if (shape.length === 0) return node;
  return expand(
    reshape(
      node,
      shape.map(() => 1),
    ),
    shape,
  );
}

export const iota = (length: number): Node => apply('iota', [], { length });
export const random = (key: Node, shape: Shape): Node => apply('random', [key], { shape });

export const unary = (op: UnaryOp, x: Node): Node => apply(op, [x], NOTHING);
export const binary = (op: BinaryOp, a: Node, b: Node): Node => apply(op, [a, b], NOTHING);

export const neg = (x: Node): Node => unary('neg', x);
export const add = (a: Node, b: Node): Node => binary('add', a, b);
export const sub = (a: Node, b: Node): Node => binary('sub', a, b);
export const mul = (a: Node, b: Node): Node => binary('mul', a, b);
export const div = (a: Node, b: Node): Node => binary('div', a, b);

/** x + value and x · value, where the number is part of the program. */
export const plus = (x: Node, value: number): Node => add(x, fillLike(x, value));
export const times = (x: Node, value: number): Node => mul(x, fillLike(x, value));

export const where = (condition: Node, a: Node, b: Node): Node => apply('where', [condition, a, b], NOTHING);

export const cast = (x: Node, dtype: DType): Node => (x.dtype === dtype ? x : apply('cast', [x], { dtype }));
export const bitcast = (x: Node, dtype: DType): Node =>
  x.dtype === dtype ? x : apply('bitcast', [x], { dtype });

export type ReduceOp = 'sum' | 'prod' | 'reduceMax' | 'reduceMin';
/** Reduces over `axes` (sorted), which disappear. */
export const reduce = (op: ReduceOp, x: Node, axes: readonly number[]): Node =>
  axes.length === 0 ? x : apply(op, [x], { axes });
export const sum = (x: Node, axes: readonly number[]): Node => reduce('sum', x, axes);
export const argmax = (x: Node, axis: number): Node => apply('argmax', [x], { axis });
export const argmin = (x: Node, axis: number): Node => apply('argmin', [x], { axis });

export const reshape = (x: Node, shape: Shape): Node =>
  sameShape(x.shape, shape) ? x : apply('reshape', [x], { shape });
export const permute = (x: Node, axes: readonly number[]): Node =>
  axes.every((axis, i) => axis === i) ? x : apply('permute', [x], { axes });

/** `x` with one axis taken to another place. */
export function moveAxis(x: Node, from: number, to: number): Node {
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== from);
  axes.splice(to, 0, from);
  return permute(x, axes);
}

export const expand = (x: Node, shape: Shape): Node =>
  sameShape(x.shape, shape) ? x : apply('expand', [x], { shape });

/** Pads with `value`; `interior` (default none) goes between neighbours. */
export function pad(
  x: Node,
  low: readonly number[],
  high: readonly number[],
  interior?: readonly number[],
  value = 0,
): Node {
  const between = interior ?? x.shape.map(() => 0);
  if ([...low, ...high, ...between].every((n) => n === 0)) return x;
  return apply('pad', [x], { low, high, interior: between, value });
}

export function slice(
  x: Node,
  start: readonly number[],
  stop: readonly number[],
  step?: readonly number[],
): Node {
  const by = step ?? x.shape.map(() => 1);
  if (start.every((n) => n === 0) && sameShape(stop, x.shape) && by.every((n) => n === 1)) return x;
  return apply('slice', [x], { start, stop, step: by });
}

export const flip = (x: Node, axes: readonly number[]): Node =>
  axes.length === 0 ? x : apply('flip', [x], { axes });

export function concat(parts: readonly Node[], axis: number): Node {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = apply('concat', parts, { axis });
  // Nothing next to nothing: the first part is all there is.
  return whole.shape[axis] === 0 && only !== undefined ? only : whole;
}

export const windows = (x: Node, axis: number, size: number, stride: number, dilation: number): Node =>
  apply('window', [x], { axis, size, stride, dilation });

export const dot = (a: Node, b: Node, attributes: Attributes['dot']): Node =>
  apply('dot', [a, b], attributes);
export const conv = (x: Node, w: Node, attributes: Attributes['conv']): Node =>
  apply('conv', [x, w], attributes);
export const gather = (data: Node, indices: Node, axis: number): Node =>
  apply('gather', [data, indices], { axis });
export const scatterAdd = (indices: Node, updates: Node, axis: number, size: number): Node =>
  apply('scatterAdd', [indices, updates], { axis, size });
export const cumsum = (x: Node, axis: number): Node => apply('cumsum', [x], { axis });
export const argsort = (x: Node, axis: number, descending: boolean): Node =>
  apply('argsort', [x], { axis, descending });

/** What a scan computes: `carries` threaded from step to step, `sequences` sliced, `constants` the same at each step. */
export interface ScanInputs {
  readonly carries: readonly Node[];
  readonly sequences: readonly Node[];
  readonly constants: readonly Node[];
}

/** Runs `body` `length` times; gives the last carries, then the stacked results. */
export function scan(body: ScanBody, inputs: ScanInputs, length: number, reverse = false): Node[] {
  const { carries, sequences, constants } = inputs;
  const all = [...carries, ...sequences, ...constants];
  if (all.length !== body.parameters.length)
    throw new InternalError(`a scan of ${all.length} inputs has ${body.parameters.length} parameters`);
  body.parameters.forEach((formal, i) => {
    const given = all[i] as Node;
    const expected =
      i >= carries.length && i < carries.length + sequences.length ? [length, ...formal.shape] : formal.shape;
    if (!sameShape(given.shape, expected) || given.dtype !== formal.dtype)
      throw new InternalError(`scan input ${i} does not fit its parameter`);
  });
  const loop = apply('scan', all, {
    body,
    carries: carries.length,
    sequences: sequences.length,
    length,
    reverse,
  });
  return body.results.map((_, index) => apply('item', [loop], { index }));
}

export const stopGradient = (x: Node): Node => apply('stopGradient', [x], NOTHING);
export const barrier = (x: Node, after: readonly Node[] = []): Node =>
  apply('barrier', [x, ...after], NOTHING);
export const custom = (result: Node, primals: readonly Node[], rule: CustomRule): Node =>
  apply('custom', [result, ...primals], { rule });

/** Reshapes `x`, one axis per kept axis, back to the rank before the reduction over `axes`, and stretches it. */
export function unreduce(x: Node, axes: readonly number[], shape: Shape): Node {
  return expand(
    reshape(
      x,
      shape.map((n, axis) => (axes.includes(axis) ? 1 : n)),
    ),
    shape,
  );
}

/** Number of elements of a node's result. */
export const elements = (node: Node): number => sizeOf(node.shape);

export type { BinaryOp, UnaryOp } from './elementwise-ops.js';
