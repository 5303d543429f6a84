import { isFloat } from '../core/dtype.js';
import { ArgumentError, ShapeError } from '../core/errors.js';
import { dim, formatShape, sameShape, type Shape } from '../core/shape.js';
import type { SameSize, ShapeMismatch } from '../core/shape-types.js';
import { arange } from '../tensor/creation.js';
import {
  add,
  cast,
  div,
  eq,
  ge,
  logicalAnd,
  logicalOr,
  lt,
  mul,
  ne,
  sub,
  where,
} from '../tensor/elementwise.js';
import { reshape } from '../tensor/movement.js';
import { literal } from '../tensor/operands.js';
import { logSumExp, mean, sum } from '../tensor/reductions.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkFraction } from './arguments.js';
import { reduceLoss, type LossOptions, type LossReduction } from './reduction.js';

/** `unknown` where as many targets as logits are known to be there, or where that is not known; else the reason. */
export type CheckBatch<Logits extends Shape, Target extends Shape> = Logits extends readonly [
  infer N extends number,
  infer _Classes extends number,
  ...Shape,
]
  ? Target extends readonly [infer M extends number, ...Shape]
    ? [SameSize<N, M>] extends [never]
      ? ShapeMismatch<`a batch of ${N} logits meets ${M} targets`>
      : unknown
    : unknown
  : unknown;

export interface CrossEntropyOptions extends LossOptions {
  /** How much of the target's weight is spread evenly over all classes (Szegedy et al. 2016); 0 unless told. */
  readonly labelSmoothing?: number;
  /** A factor for each class, shape [C]. The mean is taken over the factors. */
  readonly weight?: Tensor;
  /** Targets of this index count for nothing. None unless told (PyTorch's default is -100). */
  readonly ignoreIndex?: number;
}

/**
 * The cross-entropy of softmax(logits) with respect to targets. Classes lie along axis 1 of `logits` (`[N, C]` or
 * `[N, C, …]`; axis 0 of `[C]`). Targets are class indices (`[N]` or `[N, …]`, of any dtype, in [0, C): the loss is NaN with any
 * other) or probabilities (the shape of `logits`).
 *
 * @throws ShapeError if the targets fit in neither way.
 * @throws ArgumentError for a labelSmoothing outside [0, 1], or an unknown reduction.
 * @example
 * ```ts
 * const logits = zeros([2, 4]);
 * const labels = tensor([3, 0], { dtype: 'int32' });
 * const loss = nn.crossEntropy(logits, labels);
 * Math.abs((await loss.item()) - Math.log(4)) < 1e-6; // => true
 * ```
 */
export function crossEntropy<L extends Shape, T extends Shape>(
  logits: Tensor<L>,
  target: Tensor<T> & CheckBatch<L, T>,
  options?: CrossEntropyOptions & { readonly reduction?: 'mean' | 'sum' },
): Tensor<[]>;
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  options: CrossEntropyOptions & { readonly reduction: LossReduction },
): Tensor;
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { labelSmoothing = 0 } = options;
  checkFraction('crossEntropy', 'labelSmoothing', labelSmoothing);
  const axis = classAxis('crossEntropy', logits);
  if (sameShape(logits.shape, target.shape) && isFloat(target.dtype)) {
    if (options.ignoreIndex !== undefined) {
      throw new ArgumentError(
        'crossEntropy: ignoreIndex has no meaning for probabilities',
        'pass class indices, or leave it out',
      );
    }
    return fromProbabilities(logits, target, axis, options);
  }
  const labels = classIndices('crossEntropy', logits, target, axis);
  // log Σ e^x - x[target]: one pass over each row, and the gradient is softmax minus the one-hot target.
  const total = logSumExp(logits, axis);
  const losses = sub(total, pick(logits, labels, axis, options.ignoreIndex));
  const spread = labelSmoothing === 0 ? undefined : spreadLoss(logits, total, axis, options.weight);
  return reduceIndexed(losses, labels, axis, dim(logits.shape, axis), options, spread);
}

/**
 * The negative log-likelihood of class indices under log-probabilities (the result of `logSoftmax`); shapes and options as in
 * {@link crossEntropy}.
 */
export function nll(
  logProbabilities: Tensor,
  target: Tensor,
  options: Omit<CrossEntropyOptions, 'labelSmoothing'> = {},
): Tensor {
  const axis = classAxis('nll', logProbabilities);
  const labels = classIndices('nll', logProbabilities, target, axis);
  const picked = pick(logProbabilities, labels, axis, options.ignoreIndex);
  return reduceIndexed(
    sub(literal(picked, 0), picked),
    labels,
    axis,
    dim(logProbabilities.shape, axis),
    options,
    undefined,
  );
}

function classAxis(loss: string, logits: Tensor): number {
  if (logits.rank === 0) {
    throw new ShapeError(`${loss}: a scalar has no classes`, 'pass logits of shape [N, C]');
  }
  return logits.rank === 1 ? 0 : 1;
}

function classIndices(loss: string, logits: Tensor, target: Tensor, axis: number): Tensor {
  const expected = logits.shape.filter((_, i) => i !== axis);
  if (!sameShape(target.shape, expected)) {
    throw new ShapeError(
      `${loss}: targets of shape ${formatShape(target.shape)} do not belong to logits of shape ${formatShape(logits.shape)}`,
      `pass class indices of shape ${formatShape(expected)}, or probabilities of shape ${formatShape(logits.shape)}`,
    );
  }
  return cast(target, 'int32');
}

/** The class numbers along `axis`, in the shape that broadcasts with tensors of `rank`. */
function classNumbers(classes: number, axis: number, rank: number): Tensor {
  return reshape(
    arange(classes),
    Array.from({ length: rank }, (_, i) => (i === axis ? classes : 1)),
  );
}

/**
 * Of each row along `axis` the element of the given class; NaN for a class that does not exist, unless it is the ignored one: a
 * wrong label must not pass for a small loss, and a program cannot throw.
 */
function pick(values: Tensor, labels: Tensor, axis: number, ignoreIndex: number | undefined): Tensor {
  const classes = dim(values.shape, axis);
  const exists = logicalAnd(ge(labels, literal(labels, 0)), lt(labels, literal(labels, classes)));
  const known =
    ignoreIndex === undefined ? exists : logicalOr(exists, eq(labels, literal(labels, ignoreIndex)));
  const asked = reshape(labels, [...labels.shape.slice(0, axis), 1, ...labels.shape.slice(axis)]);
  const hit: Tensor = eq(classNumbers(classes, axis, values.rank), asked);
  const picked: Tensor = sum(where(hit, values, literal(values, 0)), axis);
  return where(known, picked, literal(picked, Number.NaN));
}

/** The factors of the classes, in the shape that broadcasts with tensors of `rank`. */
function classWeights(weight: Tensor, classes: number, axis: number, rank: number): Tensor {
  if (!sameShape(weight.shape, [classes])) {
    throw new ShapeError(
      `crossEntropy: weights of shape ${formatShape(weight.shape)} for ${classes} classes`,
      `pass one weight for each class: shape [${classes}]`,
    );
  }
  return reshape(
    weight,
    Array.from({ length: rank }, (_, i) => (i === axis ? classes : 1)),
  );
}

/** What label smoothing mixes in: the mean over all classes of their (weighted) losses. */
function spreadLoss(logits: Tensor, total: Tensor, axis: number, weight: Tensor | undefined): Tensor {
  if (weight === undefined) return sub(total, mean(logits, axis));
  const factors = classWeights(weight, dim(logits.shape, axis), axis, logits.rank);
  const totals = reshape(
    total,
    logits.shape.map((n, i) => (i === axis ? 1 : n)),
  );
  return mean(mul(factors, sub(totals, logits)), axis);
}

/** Weighs, masks and reduces the losses of class indices, by PyTorch's rule: the mean is over the targets' weights. */
function reduceIndexed(
  losses: Tensor,
  labels: Tensor,
  axis: number,
  classes: number,
  options: CrossEntropyOptions,
  spread: Tensor | undefined,
): Tensor {
  const { weight, ignoreIndex, labelSmoothing = 0, reduction } = options;
  const rank = losses.rank + 1;
  const zero = literal(losses, 0);
  const counted: Tensor | undefined =
    ignoreIndex === undefined ? undefined : ne(labels, literal(labels, ignoreIndex));
  let factors: Tensor | undefined;
  if (weight !== undefined) {
    const table = classWeights(cast(weight, losses.dtype), classes, axis, rank);
    const shape = [...labels.shape.slice(0, axis), 1, ...labels.shape.slice(axis)];
    const hit: Tensor = eq(classNumbers(classes, axis, rank), reshape(labels, shape));
    factors = sum(where(hit, table, zero), axis);
  }
  if (counted !== undefined) {
    factors = factors === undefined ? cast(counted, losses.dtype) : where(counted, factors, zero);
  }
  let result = weight === undefined ? losses : mul(losses, factors as Tensor);
  if (spread !== undefined) {
    result = add(
      mul(result, literal(result, 1 - labelSmoothing)),
      mul(spread, literal(spread, labelSmoothing)),
    );
  }
  if (counted !== undefined) result = where(counted, result, zero);
  if (reduction !== undefined && reduction !== 'mean') return reduceLoss(result, reduction);
  return factors === undefined ? mean(result) : div(sum(result), sum(factors));
}

function fromProbabilities(
  logits: Tensor,
  target: Tensor,
  axis: number,
  options: CrossEntropyOptions,
): Tensor {
  const { labelSmoothing = 0, weight, reduction } = options;
  const classes = dim(logits.shape, axis);
  const smooth =
    labelSmoothing === 0
      ? target
      : add(mul(target, literal(target, 1 - labelSmoothing)), literal(target, labelSmoothing / classes));
  const factors =
    weight === undefined ? smooth : mul(smooth, classWeights(weight, classes, axis, logits.rank));
  const total = logSumExp(logits, axis, { keepDims: true });
  const losses = sum(mul(factors, sub(total, logits)), axis);
  return reduceLoss(losses, reduction);
}
