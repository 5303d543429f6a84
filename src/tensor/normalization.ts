/** Normalisation as functions: what the layers of the same names compute. */
import { ArgumentError, ShapeError } from '../core/errors.js';
import { dim, formatShape, normalizeAxes, normalizeAxis, sizeOf, type Shape } from '../core/shape.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { broadcastTo, fractional, fractionalDType } from './operands.js';
import { squaredDistances } from './reductions.js';
import { Tensor } from './tensor.js';

/** Keeps the root away from 0. */
const EPSILON = 1e-5;

const inverseRoot = (variance: Node, epsilon: number): Node =>
  g.div(g.fillLike(variance, 1), g.unary('sqrt', g.plus(variance, epsilon)));

/** x minus its mean over `axes`, divided by its standard deviation. */
function standardize(x: Node, axes: readonly number[], epsilon: number): Node {
  const share = 1 / sizeOf(axes.map((axis) => dim(x.shape, axis)));
  const center = g.times(g.sum(x, axes), share);
  const centered = g.sub(x, g.unreduce(center, axes, x.shape));
  const variance = g.times(squaredDistances(x, axes), share);
  return g.mul(centered, g.unreduce(inverseRoot(variance, epsilon), axes, x.shape));
}

/** x · scale + shift, each a node that fits x after `place`. */
function scaleAndShift(
  x: Node,
  scale: Tensor | undefined,
  shift: Tensor | undefined,
  place: (parameter: Node) => Node,
): Node {
  const scaled = scale === undefined ? x : g.mul(x, place(g.cast(scale.node, x.dtype)));
  return shift === undefined ? scaled : g.add(scaled, place(g.cast(shift.node, x.dtype)));
}

/** Puts one number for each channel on the axis of channels. */
function perChannel(operation: string, shape: Shape, axis: number): (parameter: Node) => Node {
  return (parameter) => {
    const channels = dim(shape, axis);
    if (parameter.shape.length !== 1 || parameter.shape[0] !== channels) {
      throw new ShapeError(
        `${operation}: a parameter of shape ${formatShape(parameter.shape)} for the ${channels} channels of ${formatShape(shape)}`,
        `it needs shape [${channels}], one number for each channel`,
      );
    }
    const placed = shape.map((_, i) => (i === axis ? channels : 1));
    return broadcastTo(g.reshape(parameter, placed), shape);
  };
}

export interface BatchNormOptions {
  /** γ, shape [C]. */
  readonly weight?: Tensor | undefined;
  /** β, shape [C]. */
  readonly bias?: Tensor | undefined;
  readonly epsilon?: number;
  /** The axis of channels (1). */
  readonly axis?: number;
}

/**
 * (x - mean) / √(variance + ε) · weight + bias with one of each for every channel (Ioffe and Szegedy 2015). In training
 * pass the moments of the batch, otherwise the running ones.
 *
 * @example
 * ```ts
 * const x = tensor([[1], [3]]);
 * const { mean, variance } = moments(x, 0);
 * await batchNorm(x, mean, variance, { epsilon: 0 }).array(); // => [[-1], [1]]
 * ```
 */
export function batchNorm<S extends Shape>(
  x: Tensor<S>,
  mean: Tensor,
  variance: Tensor,
  options: BatchNormOptions = {},
): Tensor<S> {
  const { weight, bias, epsilon = EPSILON } = options;
  const axis = normalizeAxis(options.axis ?? 1, x.rank, 'batchNorm');
  const place = perChannel('batchNorm', x.shape, axis);
  const node = fractional(x.node);
  const centered = g.sub(node, place(g.cast(mean.node, node.dtype)));
  const spread = inverseRoot(g.cast(variance.node, node.dtype), epsilon);
  // The two factors are combined before they are stretched: one product per element instead of two.
  const factor = weight === undefined ? spread : g.mul(spread, g.cast(weight.node, node.dtype));
  const result = scaleAndShift(g.mul(centered, place(factor)), undefined, bias, place);
  return new Tensor<S>(g.cast(result, fractionalDType(x.dtype)));
}

export interface NormalizationOptions {
  readonly weight?: Tensor | undefined;
  readonly bias?: Tensor | undefined;
  readonly epsilon?: number;
}

export interface LayerNormOptions extends NormalizationOptions {
  /** What is normalised together (the last axis); weight and bias have the sizes of these axes. */
  readonly axes?: number | readonly number[];
}

/**
 * Each sample normalised by its own mean and variance over `axes` (Ba, Kiros, Hinton 2016).
 *
 * @example
 * ```ts
 * await layerNorm(tensor([[1, 3]]), { epsilon: 0 }).array(); // => [[-1, 1]]
 * ```
 */
export function layerNorm<S extends Shape>(x: Tensor<S>, options: LayerNormOptions = {}): Tensor<S> {
  const { weight, bias, epsilon = EPSILON } = options;
  const axes = normalizeAxes(options.axes ?? -1, x.rank, 'layerNorm');
  const node = fractional(x.node);
  const result = scaleAndShift(
    standardize(node, axes, epsilon),
    weight,
    bias,
    overAxes('layerNorm', x.shape, axes),
  );
  return new Tensor<S>(g.cast(result, fractionalDType(x.dtype)));
}

/** Puts a parameter that has the sizes of some axes on these. */
function overAxes(operation: string, shape: Shape, axes: readonly number[]): (parameter: Node) => Node {
  return (parameter) => {
    const expected = axes.map((axis) => dim(shape, axis));
    if (formatShape(parameter.shape) !== formatShape(expected)) {
      throw new ShapeError(
        `${operation}: a parameter of shape ${formatShape(parameter.shape)} for axes ${formatShape(axes)} of ${formatShape(shape)}`,
        `it needs shape ${formatShape(expected)}`,
      );
    }
    const placed = shape.map((n, axis) => (axes.includes(axis) ? n : 1));
    return broadcastTo(g.reshape(parameter, placed), shape);
  };
}

/** x divided by the root of its mean square over the last axes (Zhang and Sennrich 2019); there is no bias. */
export function rmsNorm<S extends Shape>(
  x: Tensor<S>,
  options: Omit<LayerNormOptions, 'bias'> = {},
): Tensor<S> {
  const { weight, epsilon = EPSILON } = options;
  const axes = normalizeAxes(options.axes ?? -1, x.rank, 'rmsNorm');
  const node = fractional(x.node);
  const meanSquare = g.times(
    g.sum(g.mul(node, node), axes),
    1 / sizeOf(axes.map((axis) => dim(x.shape, axis))),
  );
  const scaled = g.mul(node, g.unreduce(inverseRoot(meanSquare, epsilon), axes, node.shape));
  const result = scaleAndShift(scaled, weight, undefined, overAxes('rmsNorm', x.shape, axes));
  return new Tensor<S>(g.cast(result, fractionalDType(x.dtype)));
}

/** Channels (axis 1) normalised in groups, each sample by itself (Wu and He 2018); weight and bias have shape [C]. */
export function groupNorm<S extends Shape>(
  x: Tensor<S>,
  groups: number,
  options: NormalizationOptions = {},
): Tensor<S> {
  const { weight, bias, epsilon = EPSILON } = options;
  const [batch = 0, channels = 0, ...spatial] = x.shape;
  if (x.rank < 2 || !Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
    throw new ArgumentError(
      `groupNorm: ${groups} groups of the channels of ${formatShape(x.shape)}`,
      'axis 1 must divide into that many groups',
    );
  }
  const node = fractional(x.node);
  const grouped = g.reshape(node, [batch, groups, (channels / groups) * sizeOf(spatial)]);
  const normal = g.reshape(standardize(grouped, [2], epsilon), x.shape);
  const result = scaleAndShift(normal, weight, bias, perChannel('groupNorm', x.shape, 1));
  return new Tensor<S>(g.cast(result, fractionalDType(x.dtype)));
}
