/** Functions that summarise axes. `axes` is one axis, several, or (left out) all; negative ones count from the end. */
import { isFloat, type DType } from '../core/dtype.js';
import { ArgumentError, ShapeError } from '../core/errors.js';
import { formatShape, normalizeAxes, normalizeAxis, sizeOf, type Shape } from '../core/shape.js';
import type { AxesArgument, Reduce } from '../core/shape-types.js';
import * as g from '../graph/build.js';
import type { ReduceOp } from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { computable, fractional, fractionalDType } from './operands.js';
import { Tensor } from './tensor.js';

export interface ReduceOptions<Keep extends boolean = boolean> {
  /** Whether reduced axes stay, with size 1. */
  readonly keepDims?: Keep;
}

/** A function that summarises axes. */
export type Reduction = <
  S extends Shape,
  const Axes extends AxesArgument = undefined,
  const Keep extends boolean = false,
>(
  x: Tensor<S>,
  axes?: Axes,
  options?: ReduceOptions<Keep>,
) => Tensor<Reduce<S, Axes, Keep>>;

type Compute = (x: Node, axes: readonly number[]) => Node;

/** Wraps a reduction of nodes: takes axes in any form, and keeps the reduced ones if asked to. */
function reduction(
  operation: string,
  prepare: (x: Node) => Node,
  compute: Compute,
  result: (dtype: DType) => DType,
): Reduction {
  return (x, axes, options) => {
    const list = normalizeAxes(axes, x.rank, operation);
    const reduced = g.cast(compute(prepare(x.node), list), result(x.dtype));
    return new Tensor(options?.keepDims === true ? keepDims(reduced, x.shape, list) : reduced);
  };
}

/** Puts reduced axes back, with size 1. */
function keepDims(reduced: Node, shape: Shape, axes: readonly number[]): Node {
  return g.reshape(
    reduced,
    shape.map((n, axis) => (axes.includes(axis) ? 1 : n)),
  );
}

/** The number of elements that are summarised to one. */
function countOf(x: Node, axes: readonly number[]): number {
  return sizeOf(axes.map((axis) => x.shape[axis] ?? 1));
}

const same = (dtype: DType): DType => dtype;
/** Small integers would soon overflow in their own dtype. */
const wider = (dtype: DType): DType =>
  dtype === 'bool' || dtype === 'uint8' || dtype === 'int8' ? 'int32' : dtype;
const widened = (x: Node): Node =>
  g.cast(computable(x), isFloat(x.dtype) ? computable(x).dtype : wider(x.dtype));
const toBool = (x: Node): Node => g.cast(x, 'bool');

function meanOf(x: Node, axes: readonly number[]): Node {
  return g.times(g.sum(x, axes), 1 / countOf(x, axes));
}

/**
 * The sum of squared distances from the mean over `axes`. How the mean moves makes no difference to it, as the distances add up to 0: so gradients take
 * the mean as given, and loops over the data need not sum what is 0.
 */
export function squaredDistances(x: Node, axes: readonly number[]): Node {
  const distances = (values: Node): Node =>
    g.sub(values, g.unreduce(meanOf(values, axes), axes, values.shape));
  const centered = distances(x);
  return g.custom(g.sum(g.mul(centered, centered), axes), [x], (gradient, [values = x]) => [
    g.mul(distances(values), g.unreduce(g.times(gradient, 2), axes, values.shape)),
  ]);
}

/** The mean of squared distances from the mean, with `correction` taken off the count. */
function varianceOf(x: Node, axes: readonly number[], correction: number): Node {
  return g.times(squaredDistances(x, axes), 1 / Math.max(0, countOf(x, axes) - correction));
}

function extremum(operation: string, op: ReduceOp): Reduction {
  return reduction(
    operation,
    computable,
    (x, axes) => {
      if (countOf(x, axes) === 0) {
        throw new ShapeError(
          `${operation}: there is nothing to compare along axes ${formatShape(axes)} of shape ${formatShape(x.shape)}`,
          'reduce over axes that are not empty',
        );
      }
      return g.reduce(op, x, axes);
    },
    same,
  );
}

/**
 * The sum. bool and 8-bit integers are summed as int32.
 *
 * @example
 * ```ts
 * const x = tensor([[1, 2], [3, 4]]);
 * await sum(x).item(); // => 10
 * await sum(x, 0).array(); // => [4, 6]
 * await sum(x, 1, { keepDims: true }).array(); // => [[3], [7]]
 * ```
 */
export const sum: Reduction = reduction('sum', widened, g.sum, wider);

/** The product. bool and 8-bit integers are multiplied as int32. */
export const prod: Reduction = reduction('prod', widened, (x, axes) => g.reduce('prod', x, axes), wider);

/** The mean; integers give float32. */
export const mean: Reduction = reduction('mean', fractional, meanOf, fractionalDType);

/** The largest element; NaN if there is one. */
export const max: Reduction = extremum('max', 'reduceMax');

/** The smallest element; NaN if there is one. */
export const min: Reduction = extremum('min', 'reduceMin');

/** Whether any element is not 0. */
export const any: Reduction = reduction(
  'any',
  toBool,
  (x, axes) => g.reduce('reduceMax', x, axes),
  () => 'bool',
);

/** Whether no element is 0. */
export const all: Reduction = reduction(
  'all',
  toBool,
  (x, axes) => g.reduce('reduceMin', x, axes),
  () => 'bool',
);

/** log Σ e^x without overflow. */
export const logSumExp: Reduction = reduction(
  'logSumExp',
  fractional,
  (x, axes) => {
    const largest = g.stopGradient(g.reduce('reduceMax', x, axes));
    // A row of -∞ alone, or one with ∞, must not become ∞ - ∞.
    const finite = g.binary('lt', g.unary('abs', largest), g.fillLike(largest, Infinity));
    const shift = g.where(finite, largest, g.fillLike(largest, 0));
    const total = g.sum(g.unary('exp', g.sub(x, g.unreduce(shift, axes, x.shape))), axes);
    return g.add(g.unary('log', total), shift);
  },
  fractionalDType,
);

export interface VarianceOptions<Keep extends boolean = boolean> extends ReduceOptions<Keep> {
  /** What is taken off the number of elements: 1 (the default, as in PyTorch) estimates without bias, 0 is the plain mean. */
  readonly correction?: number;
}

/**
 * The variance. Divides by n - 1 unless `correction` says otherwise.
 *
 * @example
 * ```ts
 * await variance(tensor([1, 2, 3, 4]), 0, { correction: 0 }).item(); // => 1.25
 * ```
 */
export function variance<
  S extends Shape,
  const Axes extends AxesArgument = undefined,
  const Keep extends boolean = false,
>(x: Tensor<S>, axes?: Axes, options: VarianceOptions<Keep> = {}): Tensor<Reduce<S, Axes, Keep>> {
  const { correction = 1 } = options;
  return reduction(
    'var',
    fractional,
    (node, list) => varianceOf(node, list, correction),
    fractionalDType,
  )(x, axes, options);
}

/** The standard deviation: the square root of {@link variance}. */
export function std<
  S extends Shape,
  const Axes extends AxesArgument = undefined,
  const Keep extends boolean = false,
>(x: Tensor<S>, axes?: Axes, options: VarianceOptions<Keep> = {}): Tensor<Reduce<S, Axes, Keep>> {
  const { correction = 1 } = options;
  const deviation: Compute = (node, list) => g.unary('sqrt', varianceOf(node, list, correction));
  return reduction('std', fractional, deviation, fractionalDType)(x, axes, options);
}

/**
 * Mean and variance (by default the plain mean of squares, as normalisation layers use it) from one pass over the graph.
 */
export function moments<
  S extends Shape,
  const Axes extends AxesArgument = undefined,
  const Keep extends boolean = false,
>(
  x: Tensor<S>,
  axes?: Axes,
  options: VarianceOptions<Keep> = {},
): { mean: Tensor<Reduce<S, Axes, Keep>>; variance: Tensor<Reduce<S, Axes, Keep>> } {
  const { correction = 0 } = options;
  const list = normalizeAxes(axes, x.rank, 'moments');
  const node = fractional(x.node);
  const center = meanOf(node, list);
  const spread = varianceOf(node, list, correction);
  const finish = (result: Node): Node => {
    const typed = g.cast(result, fractionalDType(x.dtype));
    return options.keepDims === true ? keepDims(typed, x.shape, list) : typed;
  };
  return { mean: new Tensor(finish(center)), variance: new Tensor(finish(spread)) };
}

export interface NormOptions<Keep extends boolean = boolean> extends ReduceOptions<Keep> {
  /** 2 (the default), 1, Infinity (the largest size), or any other p of (Σ |x|^p)^(1/p). */
  readonly ord?: number;
}

/**
 * The length of vectors along `axes`. The gradient at 0 is 0.
 *
 * @example
 * ```ts
 * await norm(tensor([3, 4])).item(); // => 5
 * ```
 */
export function norm<
  S extends Shape,
  const Axes extends AxesArgument = undefined,
  const Keep extends boolean = false,
>(x: Tensor<S>, axes?: Axes, options: NormOptions<Keep> = {}): Tensor<Reduce<S, Axes, Keep>> {
  const { ord = 2 } = options;
  if (!(ord > 0)) throw new ArgumentError(`norm: ord is ${ord}`, 'use a positive number, or Infinity');
  return reduction(
    'norm',
    fractional,
    (node, list) => normOf(node, list, ord),
    fractionalDType,
  )(x, axes, options);
}

function normOf(x: Node, axes: readonly number[], ord: number): Node {
  const size = (): Node => g.unary('abs', x);
  if (ord === Infinity) return g.reduce('reduceMax', size(), axes);
  if (ord === 1) return g.sum(size(), axes);
  const power = (base: Node, exponent: number): Node => g.binary('pow', base, g.fillLike(base, exponent));
  const total = g.sum(ord === 2 ? g.mul(x, x) : power(size(), ord), axes);
  // The root has no slope at 0; computing it elsewhere keeps the gradient from becoming NaN.
  const empty = g.binary('eq', total, g.fillLike(total, 0));
  const safe = g.where(empty, g.fillLike(total, 1), total);
  return g.where(empty, g.fillLike(total, 0), ord === 2 ? g.unary('sqrt', safe) : power(safe, 1 / ord));
}

/** The position of an extremum along one axis (of all elements in row-major order when left out). */
export type ArgReduction = <
  S extends Shape,
  const Axis extends number | undefined = undefined,
  const Keep extends boolean = false,
>(
  x: Tensor<S>,
  axis?: Axis,
  options?: ReduceOptions<Keep>,
) => Tensor<Reduce<S, Axis, Keep>>;

function argReduction(operation: string, compute: (x: Node, axis: number) => Node): ArgReduction {
  return (x, axis, options) => {
    const node = computable(x.node);
    if (axis === undefined) {
      const position = compute(g.reshape(node, [x.size]), 0);
      const shape = options?.keepDims === true ? x.shape.map(() => 1) : [];
      return new Tensor(g.reshape(position, shape));
    }
    const at = normalizeAxis(axis, x.rank, operation);
    const position = compute(node, at);
    return new Tensor(options?.keepDims === true ? keepDims(position, x.shape, [at]) : position);
  };
}

/**
 * The position (int32) of the first largest element; NaN counts as largest.
 *
 * @example
 * ```ts
 * await argmax(tensor([[1, 5, 2], [9, 0, 9]]), 1).array(); // => [1, 0]
 * ```
 */
export const argmax: ArgReduction = argReduction('argmax', g.argmax);

/** The position (int32) of the first smallest element; NaN counts as smallest. */
export const argmin: ArgReduction = argReduction('argmin', g.argmin);

/**
 * Running sums along one axis. bool and 8-bit integers are summed as int32.
 *
 * @example
 * ```ts
 * await cumsum(tensor([1, 2, 3]), 0).array(); // => [1, 3, 6]
 * ```
 */
export function cumsum<S extends Shape>(x: Tensor<S>, axis: number): Tensor<S> {
  const at = normalizeAxis(axis, x.rank, 'cumsum');
  return new Tensor<S>(g.cast(g.cumsum(widened(x.node), at), wider(x.dtype)));
}
