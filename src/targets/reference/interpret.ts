/**
 * The meaning of every primitive, evaluated slowly and obviously in float64: the oracle of all other targets. Floats
 * are rounded to their dtype where they enter, where they are cast and where they leave, not in between.
 */
import { isFloat, viewBytes, type TypedArray } from '../../core/dtype.js';
import { InternalError } from '../../core/errors.js';
import { sizeOf } from '../../core/shape.js';
import { threefry2x32 } from '../../core/threefry.js';
import type { BinaryOp, ReduceOp, UnaryOp } from '../../graph/build.js';
import { topologicalOrder, type Node, type Op } from '../../graph/node.js';
import { conv, dot } from './contractions.js';
import { gather, scatterAdd } from './gather-scatter.js';
import * as movement from './movement.js';
import { argReduce, argsort, cumsum, reduce } from './reductions.js';
import { binaryFunction, unaryFunction } from './scalar-functions.js';
import { conversion, fromStorage, narrow, toStorage, type Values } from './storage.js';

/** A node's result from those of its inputs. The result of `scan` is all its results, one after the other. */
type Rule<K extends Op> = (node: Node<K>, inputs: readonly Values[]) => Values;

const NONE: Values = new Float64Array(0);

function first(inputs: readonly Values[]): Values {
  return inputs[0] ?? NONE;
}

function inputShape(node: Node, index: number): readonly number[] {
  return node.inputs[index]?.shape ?? [];
}

function missing(node: Node): never {
  throw new InternalError(`the interpreter was given no value for a ${node.op} (node ${node.id})`);
}

const identity = (_: Node, inputs: readonly Values[]): Values => first(inputs);

function unary(node: Node<UnaryOp>, inputs: readonly Values[]): Values {
  return first(inputs).map(unaryFunction(node.op, node.dtype));
}

function binary(node: Node<BinaryOp>, [a = NONE, b = NONE]: readonly Values[]): Values {
  const f = binaryFunction(node.op, node.inputs[0]?.dtype ?? node.dtype);
  const result = new Float64Array(a.length);
  for (let i = 0; i < result.length; i++) result[i] = f(a[i] ?? 0, b[i] ?? 0);
  return result;
}

function reduction(node: Node<ReduceOp>, inputs: readonly Values[]): Values {
  return reduce(node.op, first(inputs), inputShape(node, 0), node.attributes.axes, node.dtype);
}

function argReduction(node: Node<'argmax' | 'argmin'>, inputs: readonly Values[]): Values {
  return argReduce(node.op, first(inputs), inputShape(node, 0), node.attributes.axis);
}

function runScan(node: Node<'scan'>, inputs: readonly Values[]): Values {
  const { body, carries, sequences, length, reverse } = node.attributes;
  const order = topologicalOrder(body.results, true);
  const stacks = body.results.slice(carries).map((result) => new Float64Array(length * sizeOf(result.shape)));
  let state = inputs.slice(0, carries);
  for (let count = 0; count < length; count++) {
    const step = reverse ? length - 1 - count : count;
    const parameters = body.parameters.map((parameter, i): [Node, Values] => {
      const given = (i < carries ? state[i] : inputs[i]) ?? NONE;
      if (i < carries || i >= carries + sequences) return [parameter, given];
      const size = sizeOf(parameter.shape);
      return [parameter, given.subarray(step * size, (step + 1) * size)];
    });
    const results = evaluate(body.results, order, new Map(parameters));
    state = results.slice(0, carries);
    results.slice(carries).forEach((result, i) => stacks[i]?.set(result, step * result.length));
  }
  return join([...state, ...stacks]);
}

function join(parts: readonly Values[]): Values {
  const all = new Float64Array(parts.reduce((total, part) => total + part.length, 0));
  let position = 0;
  for (const part of parts) {
    all.set(part, position);
    position += part.length;
  }
  return all;
}

function item(node: Node<'item'>, inputs: readonly Values[]): Values {
  const { body, carries, length } = (node.inputs[0] as Node<'scan'>).attributes;
  const sizes = body.results.map((result, i) => sizeOf(result.shape) * (i < carries ? 1 : length));
  const start = sizes.slice(0, node.attributes.index).reduce((total, size) => total + size, 0);
  return first(inputs).slice(start, start + sizeOf(node.shape));
}

function bitcast(node: Node<'bitcast'>, inputs: readonly Values[]): Values {
  const bits = toStorage(first(inputs), node.inputs[0]?.dtype ?? node.dtype);
  return fromStorage(viewBytes(node.dtype, bits.buffer, 0, bits.length), node.dtype);
}

const RULES: { readonly [K in Op]: Rule<K> } = {
  buffer: missing,
  parameter: missing,
  constant: (node) => Float64Array.of(narrow(node.dtype)(node.attributes.value)),
  scalar: (node) => Float64Array.of(narrow(node.dtype)(node.attributes.cell.value)),
  iota: (node) => Float64Array.from({ length: node.attributes.length }, (_, i) => i),
  random: (node, [key = NONE]) =>
    Float64Array.from(
      { length: sizeOf(node.shape) },
      (_, i) => threefry2x32(key[0] ?? 0, key[1] ?? 0, i, 0)[0],
    ),

  neg: unary,
  abs: unary,
  sign: unary,
  floor: unary,
  ceil: unary,
  round: unary,
  trunc: unary,
  sqrt: unary,
  exp: unary,
  expm1: unary,
  log: unary,
  log1p: unary,
  sin: unary,
  cos: unary,
  tan: unary,
  atan: unary,
  tanh: unary,
  sigmoid: unary,
  erf: unary,
  not: unary,
  cast: (node, inputs) => first(inputs).map(conversion(node.inputs[0]?.dtype ?? node.dtype, node.dtype)),
  bitcast,

  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  mod: binary,
  pow: binary,
  max: binary,
  min: binary,
  atan2: binary,
  eq: binary,
  ne: binary,
  lt: binary,
  le: binary,
  and: binary,
  or: binary,
  xor: binary,
  shl: binary,
  shr: binary,
  where: (_, [condition = NONE, a = NONE, b = NONE]) =>
    condition.map((chosen, i) => (chosen === 0 ? b[i] : a[i]) ?? 0),

  sum: reduction,
  prod: reduction,
  reduceMax: reduction,
  reduceMin: reduction,
  argmax: argReduction,
  argmin: argReduction,
  cumsum: (node, inputs) => cumsum(first(inputs), node.shape, node.attributes.axis, node.dtype),
  argsort: (node, inputs) =>
    argsort(first(inputs), node.shape, node.attributes.axis, node.attributes.descending),

  reshape: identity,
  permute: (node, inputs) => movement.permute(first(inputs), inputShape(node, 0), node),
  expand: (node, inputs) => movement.expand(first(inputs), inputShape(node, 0), node),
  pad: (node, inputs) =>
    movement.pad(first(inputs), inputShape(node, 0), node, narrow(node.dtype)(node.attributes.value)),
  slice: (node, inputs) => movement.slice(first(inputs), inputShape(node, 0), node),
  flip: (node, inputs) => movement.flip(first(inputs), node.shape, node.attributes),
  concat: (node, inputs) =>
    movement.concat(
      inputs,
      node.inputs.map((input) => input.shape),
      node,
    ),
  window: (node, inputs) => movement.window(first(inputs), inputShape(node, 0), node),

  dot: (node, [a = NONE, b = NONE]) => dot(a, b, inputShape(node, 0), inputShape(node, 1), node),
  conv: (node, [x = NONE, w = NONE]) => conv(x, w, inputShape(node, 0), inputShape(node, 1), node),
  gather: (node, [data = NONE, indices = NONE]) => gather(data, inputShape(node, 0), indices, node),
  scatterAdd: (node, [indices = NONE, updates = NONE]) => scatterAdd(indices, updates, node),

  scan: runScan,
  item,

  stopGradient: identity,
  barrier: identity,
  custom: identity,
};

/** Runs through `order`, dropping each value after its last use. */
function evaluate(
  outputs: readonly Node[],
  order: readonly Node[],
  given: ReadonlyMap<Node, Values>,
): Values[] {
  const uses = new Map<Node, number>();
  const count = (node: Node): unknown => uses.set(node, (uses.get(node) ?? 0) + 1);
  outputs.forEach(count);
  for (const node of order) if (!given.has(node)) node.inputs.forEach(count);

  const known = new Map(given);
  for (const node of order) {
    if (known.has(node)) continue;
    const inputs = node.inputs.map((input) => known.get(input) ?? NONE);
    const rule = RULES[node.op] as Rule<Op>;
    known.set(node, rule(node, inputs));
    for (const input of node.inputs) {
      const left = (uses.get(input) ?? 1) - 1;
      uses.set(input, left);
      if (left === 0) known.delete(input);
    }
  }
  return outputs.map((output) => known.get(output) ?? missing(output));
}

/**
 * The values of `outputs`, each a new host array of its node's dtype.
 *
 * @param values Host data of buffers and of nodes that were evaluated before; float16 and bfloat16 as raw bits.
 * @throws InternalError when a buffer that is needed has no value.
 */
export function interpret(outputs: readonly Node[], values: ReadonlyMap<Node, TypedArray>): TypedArray[] {
  const order = topologicalOrder(outputs, true);
  const given = new Map<Node, Values>();
  for (const node of order) {
    const array = values.get(node);
    if (array === undefined) continue;
    if (array.length !== sizeOf(node.shape))
      throw new InternalError(
        `node ${node.id} has ${sizeOf(node.shape)} elements, its value ${array.length}`,
      );
    given.set(node, fromStorage(array, node.dtype));
  }
  for (const node of order) if (node.value !== undefined && !given.has(node)) missing(node);
  return evaluate(outputs, order, given).map((result, i) => {
    const { dtype } = outputs[i] as Node;
    return toStorage(isFloat(dtype) ? result : result.map(narrow(dtype)), dtype);
  });
}
