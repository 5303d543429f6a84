/** Losses of predictions against targets of the same shape, by PyTorch's definitions. */
import { ArgumentError, ShapeError } from '../core/errors.js';
import { dim, formatShape, sameShape, type Shape } from '../core/shape.js';
import type { SameSize, ShapeMismatch, ShapeText } from '../core/shape-types.js';
import { softplus } from '../tensor/activations.js';
import { customGradient } from '../tensor/autograd.js';
import { where } from '../tensor/elementwise.js';
import { literal } from '../tensor/operands.js';
import type { Tensor } from '../tensor/tensor.js';
import '../tensor/methods.js';
import { reduceLoss, type LossOptions, type LossReduction } from './reduction.js';

/** Whether two known shapes differ. */
type Differ<A extends Shape, B extends Shape> = A extends readonly [
  infer M extends number,
  ...infer RestA extends Shape,
]
  ? B extends readonly [infer N extends number, ...infer RestB extends Shape]
    ? [SameSize<M, N>] extends [never]
      ? true
      : Differ<RestA, RestB>
    : true
  : B extends readonly []
    ? false
    : true;

/** `unknown` where two shapes are, or may be, the same; else the reason why not. */
export type CheckSame<A extends Shape, B extends Shape> = number extends A['length'] | B['length']
  ? unknown
  : Differ<A, B> extends true
    ? ShapeMismatch<`predictions of shape ${ShapeText<A>} meet targets of shape ${ShapeText<B>}`>
    : unknown;

/** A loss that options do not change but for the reduction. */
export interface ElementLoss<Options = LossOptions> {
  <A extends Shape, B extends Shape>(
    prediction: Tensor<A>,
    target: Tensor<B> & CheckSame<A, B>,
    options?: Options & { readonly reduction?: 'mean' | 'sum' },
  ): Tensor<[]>;
  (prediction: Tensor, target: Tensor, options: Options & { readonly reduction: LossReduction }): Tensor;
}

function elementLoss<Options extends LossOptions>(
  name: string,
  compute: (prediction: Tensor, target: Tensor, options: Partial<Options>) => Tensor,
): ElementLoss<Options> {
  return ((prediction: Tensor, target: Tensor, options: Partial<Options> = {}) => {
    checkSameShape(name, prediction, target);
    return reduceLoss(compute(prediction, target, options), options.reduction);
  }) as ElementLoss<Options>;
}

function checkSameShape(name: string, prediction: Tensor, target: Tensor): void {
  if (sameShape(prediction.shape, target.shape)) return;
  throw new ShapeError(
    `${name}: predictions of shape ${formatShape(prediction.shape)} meet targets of shape ${formatShape(target.shape)}`,
    'both must have the same shape; reshape or expand one of them',
  );
}

const squared = (x: Tensor): Tensor => x.mul(x);
const times = (x: Tensor, factor: number): Tensor => x.mul(literal(x, factor));
const plus = (x: Tensor, by: number): Tensor => x.add(literal(x, by));
const atLeast = (x: Tensor, low: number): Tensor => x.maximum(literal(x, low));
const choose: (condition: Tensor, a: Tensor, b: Tensor) => Tensor = where;
const oneMinus = (x: Tensor): Tensor => literal(x, 1).sub(x);

/**
 * The squared error (p - t)².
 *
 * @throws ShapeError if the shapes differ: stretching one would hide a mistake.
 * @example
 * ```ts
 * await nn.mse(tensor([1, 2]), tensor([1, 4])).item(); // => 2
 * ```
 */
export const mse: ElementLoss = elementLoss('mse', (prediction, target) => squared(prediction.sub(target)));

/** The absolute error |p - t|. */
export const l1: ElementLoss = elementLoss('l1', (prediction, target) => prediction.sub(target).abs());

export interface HuberOptions extends LossOptions {
  /** Where the square turns into a line; 1 unless told. */
  readonly delta?: number;
}

/** d² / 2 for errors below `delta`, delta · (|d| - delta / 2) above (Huber 1964). */
export const huber: ElementLoss<HuberOptions> = elementLoss<HuberOptions>(
  'huber',
  (prediction, target, { delta = 1 }) => {
    checkPositive('huber', 'delta', delta);
    const size = prediction.sub(target).abs();
    return choose(
      size.lt(literal(size, delta)),
      times(squared(size), 0.5),
      times(plus(size, -0.5 * delta), delta),
    );
  },
);

export interface SmoothL1Options extends LossOptions {
  /** Where the square turns into a line; 1 unless told. */
  readonly beta?: number;
}

/** {@link huber} divided by `beta`: the slope is 1 for large errors. */
export const smoothL1: ElementLoss<SmoothL1Options> = elementLoss<SmoothL1Options>(
  'smoothL1',
  (prediction, target, { beta = 1 }) => {
    checkPositive('smoothL1', 'beta', beta);
    const size = prediction.sub(target).abs();
    return choose(size.lt(literal(size, beta)), times(squared(size), 0.5 / beta), plus(size, -0.5 * beta));
  },
);

export interface BinaryCrossEntropyOptions extends LossOptions {
  /** A factor for each element; it broadcasts. */
  readonly weight?: Tensor;
}

/** The smallest logarithm that a probability counts with, PyTorch's bound. */
const LOWEST_LOG = -100;
/** The smallest p (1 - p) that gradients are divided by, PyTorch's bound: certain and wrong gets a large gradient, not NaN. */
const LEAST_SPREAD = 1e-12;

const boundedLog = (p: Tensor): Tensor => atLeast(p.log(), LOWEST_LOG);

const crossEntropyOfChances = customGradient(
  (p: Tensor, target: Tensor) =>
    times(target.mul(boundedLog(p)).add(oneMinus(target).mul(boundedLog(oneMinus(p)))), -1),
  (gradient, p, target) => [
    gradient.mul(p.sub(target).div(atLeast(p.mul(oneMinus(p)), LEAST_SPREAD))),
    gradient.mul(boundedLog(oneMinus(p)).sub(boundedLog(p))),
  ],
);

/** -(t log p + (1 - t) log(1 - p)) of probabilities p. Logarithms are held above -100. */
export const binaryCrossEntropy: ElementLoss<BinaryCrossEntropyOptions> =
  elementLoss<BinaryCrossEntropyOptions>('binaryCrossEntropy', (prediction, target, { weight }) => {
    const losses = crossEntropyOfChances(prediction, target.cast(prediction.dtype));
    return weight === undefined ? losses : losses.mul(weight);
  });

export interface BinaryCrossEntropyWithLogitsOptions extends BinaryCrossEntropyOptions {
  /** A factor for the positive targets; it broadcasts. */
  readonly posWeight?: Tensor;
}

/** {@link binaryCrossEntropy} of sigmoid(p), exact for large |p|. */
export const binaryCrossEntropyWithLogits: ElementLoss<BinaryCrossEntropyWithLogitsOptions> =
  elementLoss<BinaryCrossEntropyWithLogitsOptions>(
    'binaryCrossEntropyWithLogits',
    (logits, target, { weight, posWeight }) => {
      // -log sigmoid(x) = softplus(-x), and -log(1 - sigmoid(x)) = x + softplus(-x).
      const negative = softplus(logits.neg());
      const share =
        posWeight === undefined ? negative : plus(target.mul(plus(posWeight, -1)), 1).mul(negative);
      const losses: Tensor = oneMinus(target).mul(logits).add(share);
      return weight === undefined ? losses : losses.mul(weight);
    },
  );

export interface KlDivergenceOptions {
  /** As for other losses, or `'batchMean'`: the sum divided by the size of the first axis, which is the divergence itself. */
  readonly reduction?: LossReduction | 'batchMean';
  /** Whether the targets are log-probabilities too; false unless told. */
  readonly logTarget?: boolean;
}

/** Σ t (log t - q): the Kullback-Leibler divergence of log-probabilities q from probabilities t, element by element. */
export function klDivergence(
  logProbabilities: Tensor,
  target: Tensor,
  options: KlDivergenceOptions = {},
): Tensor {
  checkSameShape('klDivergence', logProbabilities, target);
  const { reduction = 'mean', logTarget = false } = options;
  const losses = logTarget
    ? target.exp().mul(target.sub(logProbabilities))
    : relativeEntropy(target, logProbabilities);
  if (reduction !== 'batchMean') return reduceLoss(losses, reduction);
  const total: Tensor = losses.sum();
  return times(total, 1 / dim(losses.shape, 0));
}

/** t (log t - q), which is 0 where t is. */
function relativeEntropy(target: Tensor, logProbabilities: Tensor): Tensor {
  const positive = target.gt(literal(target, 0));
  const safe = choose(positive, target, literal(target, 1));
  return choose(positive, target.mul(safe.log().sub(logProbabilities)), literal(target, 0));
}

export interface HingeOptions extends LossOptions {
  /** How far beyond 0 a prediction must be to cost nothing; 1 unless told. */
  readonly margin?: number;
}

/** max(0, margin - t p) for targets of -1 and 1: the loss of support vector machines. */
export const hinge: ElementLoss<HingeOptions> = elementLoss<HingeOptions>(
  'hinge',
  (prediction, target, { margin = 1 }) =>
    prediction.mul(target).neg().add(literal(prediction, margin)).relu(),
);

/** p where the target is 1, max(0, margin - p) where it is -1: p is a distance (PyTorch's hinge embedding loss). */
export const hingeEmbedding: ElementLoss<HingeOptions> = elementLoss<HingeOptions>(
  'hingeEmbedding',
  (distance, target, { margin = 1 }) =>
    choose(target.gt(literal(target, 0)), distance, literal(distance, margin).sub(distance).relu()),
);

export interface CosineSimilarityOptions {
  /** The axis along which the vectors lie; the last unless told. */
  readonly axis?: number;
  /** Keeps the division finite; 1e-8 unless told. */
  readonly epsilon?: number;
}

/**
 * The cosine of the angle between vectors along an axis: a·b / max(|a| |b|, ε).
 *
 * @example
 * ```ts
 * await nn.cosineSimilarity(tensor([1, 0]), tensor([0, 2])).item(); // => 0
 * ```
 */
export function cosineSimilarity(a: Tensor, b: Tensor, options: CosineSimilarityOptions = {}): Tensor {
  const { axis = -1, epsilon = 1e-8 } = options;
  const product: Tensor = squared(a).sum(axis).mul(squared(b).sum(axis));
  return a
    .mul(b)
    .sum(axis)
    .div(atLeast(product, epsilon * epsilon).sqrt());
}

export interface CosineEmbeddingOptions extends LossOptions {
  /** The cosine up to which vectors that do not belong together cost nothing; 0 unless told. */
  readonly margin?: number;
}

/** Of pairs of vectors [N, D]: 1 - cos where the target [N] is 1, max(0, cos - margin) where it is -1. */
export function cosineEmbedding(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  options: CosineEmbeddingOptions = {},
): Tensor {
  checkSameShape('cosineEmbedding', a, b);
  const cosine = cosineSimilarity(a, b);
  checkSameShape('cosineEmbedding', cosine, target);
  const { margin = 0, reduction } = options;
  const losses = choose(target.gt(literal(target, 0)), oneMinus(cosine), plus(cosine, -margin).relu());
  return reduceLoss(losses, reduction);
}

function checkPositive(loss: string, name: string, value: number): void {
  if (!(value > 0)) throw new ArgumentError(`${loss}: ${name} is ${value}`, `${name} must be positive`);
}
