/**
 * For every primitive, how it works on a whole batch at once. A batched tensor has the batch as axis 0; inputs that are
 * the same for the whole batch stay as they are where the primitive allows it. `scan` is in scan-batching.ts.
 */
import { InternalError } from '../core/errors.js';
import { dim, type Shape } from '../core/shape.js';
import {
  add,
  apply,
  barrier,
  binary,
  concat,
  custom,
  expand,
  fillLike,
  gather,
  iota,
  moveAxis,
  parameter,
  permute,
  placeholder,
  random,
  reshape,
  scan,
  scatterAdd,
  times,
  where,
} from './build.js';
import { batchConv } from './conv-batching.js';
import { contract, labelsOf } from './contract.js';
import type { Attributes, Node, Op } from './node.js';

/** An input: with a batch axis in front, or one and the same for the whole batch. */
export interface Operand {
  readonly node: Node;
  readonly batched: boolean;
}

/** What rules need to know beside their inputs. */
export interface BatchContext {
  readonly size: number;
  /** Batches a graph of its own; `mapped` are its leaves with their batched replacements. */
  readonly batch: (outputs: readonly Node[], mapped: ReadonlyMap<Node, Node>) => Node[];
}

/** The batched result of `node`, given its inputs, of which at least one is batched. */
export type BatchingRule<K extends Op> = (
  node: Node<K>,
  operands: readonly Operand[],
  context: BatchContext,
) => Node;

function operand(operands: readonly Operand[], index: number): Operand {
  const found = operands[index];
  if (found === undefined) throw new InternalError(`a batched operation has no input ${index}`);
  return found;
}

/** The input with a batch axis, stretched along it if it had none. */
export function lift({ node, batched }: Operand, size: number): Node {
  return batched ? node : expand(reshape(node, [1, ...node.shape]), [size, ...node.shape]);
}

const shifted = (axes: readonly number[]): number[] => axes.map((axis) => axis + 1);
const axisOf = (node: Node<'argmax' | 'argmin' | 'cumsum' | 'concat' | 'gather'>): number =>
  node.attributes.axis + 1;

/** Element-wise: nothing changes but the shape. */
function elementwise<K extends Op>(
  node: Node<K>,
  operands: readonly Operand[],
  { size }: BatchContext,
): Node {
  return apply(
    node.op,
    operands.map((each) => lift(each, size)),
    node.attributes,
  );
}

/** One input, whose axes all move up by one: `attributes` says what that makes of the node's own. */
function shift<K extends Op>(attributes: (node: Node<K>, size: number) => Attributes[K]): BatchingRule<K> {
  return (node, operands, { size }) => apply(node.op, [operand(operands, 0).node], attributes(node, size));
}

const reduction = (node: Node<'sum' | 'prod' | 'reduceMax' | 'reduceMin'>): Attributes['sum'] => ({
  axes: shifted(node.attributes.axes),
});
const resized = (node: Node<'reshape' | 'expand'>, size: number): { shape: Shape } => ({
  shape: [size, ...node.shape],
});
const alongAxis = (node: Node<'argmax' | 'argmin' | 'cumsum'>): { axis: number } => ({ axis: axisOf(node) });

function leaf(node: Node): never {
  throw new InternalError(`a ${node.op} has no inputs that could be batched`);
}

/** A batch of keys draws for each of them; one key draws once, numbers for the whole batch. */
const batchRandom: BatchingRule<'random'> = (node, operands, { size }) => {
  const key = operand(operands, 0);
  if (!key.batched) return random(key.node, [size, ...node.shape]);
  const one = parameter(0, [2], 'uint32');
  const body = { parameters: [one], results: [random(one, node.shape)] };
  const keys = reshape(key.node, [size, 2]);
  const [drawn] = scan(body, { carries: [], sequences: [keys], constants: [] }, size);
  return drawn as Node;
};

const batchDot: BatchingRule<'dot'> = (node, operands) => {
  const { a, b, result } = labelsOf(node);
  const batch = -1;
  const [left, right] = [operand(operands, 0), operand(operands, 1)];
  return contract(
    left.node,
    left.batched ? [batch, ...a] : a,
    right.node,
    right.batched ? [batch, ...b] : b,
    [batch, ...result],
  );
};

/** For each sample, `indices` moved to where the sample's part of a flattened axis begins. */
function offsetIndices(indices: Node, size: number, each: number): Node {
  const starts = times(iota(size), each);
  const column = reshape(starts, [size, ...indices.shape.slice(1).map(() => 1)]);
  return add(indices, expand(column, indices.shape));
}

const batchGather: BatchingRule<'gather'> = (node, operands, { size }) => {
  const [data, indices] = [operand(operands, 0), operand(operands, 1)];
  const axis = axisOf(node);
  if (!indices.batched) return gather(data.node, indices.node, axis);
  if (!data.batched) return moveAxis(gather(data.node, indices.node, axis - 1), axis - 1, 0);
  // Samples and their indexed axes become one axis. Clamping must come first: each sample has bounds of its own.
  const n = dim(data.node.shape, axis);
  const low = fillLike(indices.node, 0);
  const high = fillLike(indices.node, n - 1);
  const clamped = binary('min', binary('max', indices.node, low), high);
  const front = moveAxis(data.node, axis, 1);
  const flat = reshape(front, [size * n, ...front.shape.slice(2)]);
  const found = gather(flat, offsetIndices(clamped, size, n), 0);
  // [batch, indices…, before…, after…] → [batch, before…, indices…, after…]
  const count = indices.node.shape.length - 1;
  const axes = found.shape.map((_, i) => i);
  const moved = axes.splice(1, count);
  axes.splice(axis, 0, ...moved);
  return permute(found, axes);
};

const batchScatterAdd: BatchingRule<'scatterAdd'> = (node, operands, { size }) => {
  const indices = operand(operands, 0);
  const updates = lift(operand(operands, 1), size);
  const axis = node.attributes.axis + 1;
  const n = node.attributes.size;
  if (!indices.batched) return scatterAdd(indices.node, updates, axis, n);
  // As in gather; what is out of range must stay so instead of landing in another sample.
  const at = indices.node;
  const inside = binary('and', binary('le', fillLike(at, 0), at), binary('lt', at, fillLike(at, n)));
  const flat = where(inside, offsetIndices(at, size, n), fillLike(at, -1));
  const count = at.shape.length - 1;
  const axes = updates.shape.map((_, i) => i);
  const moved = axes.splice(axis, count);
  axes.splice(1, 0, ...moved);
  const summed = scatterAdd(flat, permute(updates, axes), 0, size * n);
  return moveAxis(reshape(summed, [size, n, ...summed.shape.slice(1)]), 1, axis);
};

const batchCustom: BatchingRule<'custom'> = (node, operands, { size, batch }) => {
  const [result, ...primals] = operands.map((each) => lift(each, size));
  if (result === undefined) throw new InternalError('a custom gradient has no result');
  const { rule } = node.attributes;
  return custom(result, primals, (gradient, values) => {
    // The user's rule is for one sample: record it once, then batch the record.
    const one = placeholder(node.shape, gradient.dtype);
    const samples = node.inputs.slice(1).map((input) => placeholder(input.shape, input.dtype));
    const recorded = rule(one, samples);
    const mapped = new Map<Node, Node>([[one, gradient]]);
    samples.forEach((sample, i) => mapped.set(sample, values[i] as Node));
    const given = recorded.filter((each) => each !== undefined);
    const found = new Map(batch(given, mapped).map((each, i) => [given[i], each]));
    return recorded.map((each) => (each === undefined ? undefined : found.get(each)));
  });
};

/** See the top of this file. `scan` and `item` are left to the walk. */
export const BATCHING_RULES: { readonly [K in Exclude<Op, 'scan' | 'item'>]: BatchingRule<K> } = {
  buffer: leaf,
  constant: leaf,
  scalar: leaf,
  iota: leaf,
  parameter: leaf,
  random: batchRandom,

  neg: elementwise,
  abs: elementwise,
  sign: elementwise,
  floor: elementwise,
  ceil: elementwise,
  round: elementwise,
  trunc: elementwise,
  sqrt: elementwise,
  exp: elementwise,
  expm1: elementwise,
  log: elementwise,
  log1p: elementwise,
  sin: elementwise,
  cos: elementwise,
  tan: elementwise,
  atan: elementwise,
  tanh: elementwise,
  sigmoid: elementwise,
  erf: elementwise,
  not: elementwise,
  cast: elementwise,
  bitcast: elementwise,

  add: elementwise,
  sub: elementwise,
  mul: elementwise,
  div: elementwise,
  mod: elementwise,
  pow: elementwise,
  max: elementwise,
  min: elementwise,
  atan2: elementwise,
  eq: elementwise,
  ne: elementwise,
  lt: elementwise,
  le: elementwise,
  and: elementwise,
  or: elementwise,
  xor: elementwise,
  shl: elementwise,
  shr: elementwise,
  where: elementwise,

  sum: shift(reduction),
  prod: shift(reduction),
  reduceMax: shift(reduction),
  reduceMin: shift(reduction),
  argmax: shift(alongAxis),
  argmin: shift(alongAxis),

  reshape: shift(resized),
  permute: shift(({ attributes }) => ({ axes: [0, ...shifted(attributes.axes)] })),
  expand: shift(resized),
  pad: shift(({ attributes: { low, high, interior, value } }) => ({
    low: [0, ...low],
    high: [0, ...high],
    interior: [0, ...interior],
    value,
  })),
  slice: shift(({ attributes: { start, stop, step } }, size) => ({
    start: [0, ...start],
    stop: [size, ...stop],
    step: [1, ...step],
  })),
  flip: shift(({ attributes }) => ({ axes: shifted(attributes.axes) })),
  concat: (node, operands, { size }) =>
    concat(
      operands.map((each) => lift(each, size)),
      axisOf(node),
    ),
  window: shift(({ attributes }) => ({ ...attributes, axis: attributes.axis + 1 })),

  dot: batchDot,
  conv: (node, operands, { size }) =>
    batchConv(operand(operands, 0), operand(operands, 1), node.attributes, size),
  gather: batchGather,
  scatterAdd: batchScatterAdd,
  cumsum: shift(alongAxis),
  argsort: shift(({ attributes }) => ({ ...attributes, axis: attributes.axis + 1 })),

  stopGradient: elementwise,
  barrier: (_, operands, { size }) =>
    barrier(
      lift(operand(operands, 0), size),
      operands.slice(1).map(({ node }) => node),
    ),
  custom: batchCustom,
};
