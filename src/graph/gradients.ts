/**
 * The gradient of every primitive, composed of primitives, so that gradients have gradients. A gradient has the shape
 * of what it belongs to, and the dtype in which that is computed (float32 for float16 and bfloat16).
 */
import { computeDType, isFloat } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { dim } from '../core/shape.js';
import {
  add,
  binary,
  cast,
  cumsum,
  div,
  expand,
  fillLike,
  flip,
  gather,
  mul,
  neg,
  pad,
  permute,
  plus,
  reshape,
  scatterAdd,
  slice,
  sub,
  sum,
  times,
  unary,
  unreduce,
  where,
} from './build.js';
import { convInputGradient, convWeightGradient } from './conv-gradients.js';
import { contract, labelsOf } from './contract.js';
import {
  concatGradient,
  expandGradient,
  padGradient,
  sliceGradient,
  windowGradient,
} from './movement-gradients.js';
import type { Node, Op } from './node.js';

/** From the gradient of a result to those of the inputs; undefined where none flows. */
export type GradientRule<K extends Op> = (gradient: Node, node: Node<K>) => readonly (Node | undefined)[];

function input(node: Node, index: number): Node {
  const found = node.inputs[index];
  if (found === undefined) throw new InternalError(`${node.op} has no input ${index}`);
  return found;
}

const zerosLike = (node: Node): Node => fillLike(node, 0);
const square = (x: Node): Node => mul(x, x);
/** 1 - x. */
const complement = (x: Node): Node => sub(fillLike(x, 1), x);

/** A rule for one input, given the gradient, the input and the result. */
function ofOne(rule: (gradient: Node, x: Node, y: Node) => Node): GradientRule<Op> {
  return (gradient, node) => [rule(gradient, input(node, 0), node)];
}

/** A rule for two inputs, given the gradient, the inputs and the result. */
function ofTwo(rule: (gradient: Node, a: Node, b: Node, y: Node) => [Node, Node]): GradientRule<Op> {
  return (gradient, node) => rule(gradient, input(node, 0), input(node, 1), node);
}

/** Constant almost everywhere, or made of integers: nothing flows. */
const none = (): readonly undefined[] => [];

/** The larger (smaller) input gets the gradient; equal ones share it. */
function chosen(loses: (a: Node, b: Node) => Node): GradientRule<'max' | 'min'> {
  return ofTwo((gradient, a, b) => {
    const tie = binary('eq', a, b);
    const half = times(gradient, 0.5);
    const zero = zerosLike(gradient);
    const share = (mine: Node, other: Node): Node =>
      where(tie, half, where(loses(mine, other), zero, gradient));
    return [share(a, b), share(b, a)];
  });
}

/** d(a^b)/da = b a^(b-1), and 0 for b = 0; d(a^b)/db = a^b ln a, and 0 for a = 0 <= b (the limit). */
const pow = ofTwo((gradient, base, exponent, y) => {
  const zero = zerosLike(gradient);
  const flat = binary('eq', exponent, zero);
  // Masked inside as well as outside: else an infinity of the unused branch would turn up in second derivatives.
  const safeExponent = where(flat, fillLike(exponent, 1), exponent);
  const toBase = mul(mul(gradient, exponent), binary('pow', base, plus(safeExponent, -1)));
  const atZero = binary('and', binary('eq', base, zero), binary('le', zero, exponent));
  const safeBase = where(atZero, fillLike(base, 1), base);
  const toExponent = mul(mul(gradient, y), unary('log', safeBase));
  return [where(flat, zero, toBase), where(atZero, zero, toExponent)];
});

const atan2 = ofTwo((gradient, y, x) => {
  const scaled = div(gradient, add(square(x), square(y)));
  return [mul(scaled, x), neg(mul(scaled, y))];
});

/** The product of all elements before each one along an axis, in log2(n) doubling steps (Hillis and Steele 1986). */
function productBefore(x: Node, axis: number): Node {
  const n = dim(x.shape, axis);
  const shift = (from: Node, by: number): Node => {
    const only = (value: number, other: number): number[] =>
      x.shape.map((_, i) => (i === axis ? value : other));
    const kept = x.shape.map((size, i) => (i === axis ? n - by : size));
    return pad(slice(from, only(0, 0), kept), only(by, 0), only(0, 0), undefined, 1);
  };
  let products = shift(x, Math.min(1, n));
  for (let by = 1; by < n; by *= 2) products = mul(products, shift(products, by));
  return products;
}

/** The product of all other elements, without division: exact where elements are zero. */
const prod: GradientRule<'prod'> = (gradient, node) => {
  const x = input(node, 0);
  const { axes } = node.attributes;
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const order = [...kept, ...axes];
  const last = kept.length;
  const moved = permute(x, order);
  const flat = reshape(moved, [
    ...moved.shape.slice(0, last),
    moved.shape.slice(last).reduce((a, b) => a * b, 1),
  ]);
  const before = productBefore(flat, last);
  const after = flip(productBefore(flip(flat, [last]), last), [last]);
  const others = permute(reshape(mul(before, after), moved.shape), inverse(order));
  return [mul(unreduce(gradient, axes, x.shape), others)];
};

/** Equal extremes share the gradient. */
const extreme: GradientRule<'reduceMax' | 'reduceMin'> = (gradient, node) => {
  const x = input(node, 0);
  const { axes } = node.attributes;
  const winners = binary('eq', x, unreduce(node, axes, x.shape));
  const count = sum(cast(winners, gradient.dtype), axes);
  const share = unreduce(div(gradient, count), axes, x.shape);
  return [where(winners, share, zerosLike(share))];
};

/** The permutation that undoes `axes`. */
function inverse(axes: readonly number[]): number[] {
  return axes.map((_, axis) => axes.indexOf(axis));
}

const dot: GradientRule<'dot'> = (gradient, node) => {
  const { a, b, result } = labelsOf(node);
  return [contract(gradient, result, input(node, 1), b, a), contract(gradient, result, input(node, 0), a, b)];
};

const gatherGradient: GradientRule<'gather'> = (gradient, node) => {
  const indices = input(node, 1);
  const { axis } = node.attributes;
  const n = dim(input(node, 0).shape, axis);
  // gather clamps, scatterAdd drops.
  const clamped = binary('min', binary('max', indices, zerosLike(indices)), fillLike(indices, n - 1));
  return [scatterAdd(clamped, gradient, axis, n)];
};

const scatterAddGradient: GradientRule<'scatterAdd'> = (gradient, node) => {
  const indices = input(node, 0);
  const { axis, size } = node.attributes;
  const inside = binary(
    'and',
    binary('le', zerosLike(indices), indices),
    binary('lt', indices, fillLike(indices, size)),
  );
  const found = gather(gradient, indices, axis);
  const covers = found.shape.map((n, i) => (i >= axis && i < axis + indices.shape.length ? n : 1));
  return [undefined, where(expand(reshape(inside, covers), found.shape), found, zerosLike(found))];
};

/**
 * For each primitive, how its gradient flows to its inputs. `item` and `scan` are tuples, which the walk takes apart
 * itself (see differentiate.ts).
 */
export const GRADIENT_RULES: { readonly [K in Exclude<Op, 'scan' | 'item'>]: GradientRule<K> } = {
  buffer: none,
  constant: none,
  scalar: none,
  iota: none,
  parameter: none,
  random: none,

  neg: ofOne((gradient) => neg(gradient)),
  abs: ofOne((gradient, x) => mul(gradient, unary('sign', x))),
  sign: none,
  floor: none,
  ceil: none,
  round: none,
  trunc: none,
  sqrt: ofOne((gradient, _, y) => div(gradient, times(y, 2))),
  exp: ofOne((gradient, _, y) => mul(gradient, y)),
  expm1: ofOne((gradient, _, y) => mul(gradient, plus(y, 1))),
  log: ofOne((gradient, x) => div(gradient, x)),
  log1p: ofOne((gradient, x) => div(gradient, plus(x, 1))),
  sin: ofOne((gradient, x) => mul(gradient, unary('cos', x))),
  cos: ofOne((gradient, x) => neg(mul(gradient, unary('sin', x)))),
  tan: ofOne((gradient, _, y) => mul(gradient, plus(square(y), 1))),
  atan: ofOne((gradient, x) => div(gradient, plus(square(x), 1))),
  tanh: ofOne((gradient, _, y) => mul(gradient, complement(square(y)))),
  sigmoid: ofOne((gradient, _, y) => mul(gradient, mul(y, complement(y)))),
  erf: ofOne((gradient, x) => mul(gradient, times(unary('exp', neg(square(x))), 2 / Math.sqrt(Math.PI)))),
  not: none,
  cast: (gradient, node) => {
    const { dtype } = input(node, 0);
    return isFloat(dtype) ? [cast(gradient, computeDType(dtype))] : [];
  },
  bitcast: none,

  add: ofTwo((gradient) => [gradient, gradient]),
  sub: ofTwo((gradient) => [gradient, neg(gradient)]),
  mul: ofTwo((gradient, a, b) => [mul(gradient, b), mul(gradient, a)]),
  div: ofTwo((gradient, _, b, y) => [div(gradient, b), neg(div(mul(gradient, y), b))]),
  mod: ofTwo((gradient, a, b) => [gradient, neg(mul(gradient, unary('trunc', div(a, b))))]),
  pow,
  max: chosen((mine, other) => binary('lt', mine, other)),
  min: chosen((mine, other) => binary('lt', other, mine)),
  atan2,
  eq: none,
  ne: none,
  lt: none,
  le: none,
  and: none,
  or: none,
  xor: none,
  shl: none,
  shr: none,
  where: (gradient, node) => {
    const condition = input(node, 0);
    const zero = zerosLike(gradient);
    return [undefined, where(condition, gradient, zero), where(condition, zero, gradient)];
  },

  sum: (gradient, node) => [unreduce(gradient, node.attributes.axes, input(node, 0).shape)],
  prod,
  reduceMax: extreme,
  reduceMin: extreme,
  argmax: none,
  argmin: none,

  reshape: ofOne((gradient, x) => reshape(gradient, x.shape)),
  permute: (gradient, node) => [permute(gradient, inverse(node.attributes.axes))],
  expand: (gradient, node) => [expandGradient(gradient, input(node, 0).shape)],
  pad: (gradient, node) => [padGradient(gradient, input(node, 0).shape, node.attributes)],
  slice: (gradient, node) => [sliceGradient(gradient, input(node, 0).shape, node.attributes)],
  flip: (gradient, node) => [flip(gradient, node.attributes.axes)],
  concat: (gradient, node) =>
    concatGradient(
      gradient,
      node.inputs.map((each) => each.shape),
      node.attributes.axis,
    ),
  window: (gradient, node) => [windowGradient(gradient, input(node, 0).shape, node.attributes)],

  dot,
  conv: (gradient, node) => [
    convInputGradient(gradient, input(node, 0).shape, input(node, 1), node.attributes),
    convWeightGradient(gradient, input(node, 0), input(node, 1).shape, node.attributes),
  ],
  gather: gatherGradient,
  scatterAdd: scatterAddGradient,
  cumsum: (gradient, node) => {
    const { axis } = node.attributes;
    return [flip(cumsum(flip(gradient, [axis]), axis), [axis])];
  },
  argsort: none,

  stopGradient: none,
  barrier: (gradient) => [gradient],
  custom: (gradient, node) => [undefined, ...node.attributes.rule(gradient, node.inputs.slice(1))],
};
