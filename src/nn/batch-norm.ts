import { ShapeError } from '../core/errors.js';
import { formatShape, type Shape } from '../core/shape.js';
import { add, mul } from '../tensor/elementwise.js';
import { stopGradient } from '../tensor/autograd.js';
import { batchNorm } from '../tensor/normalization.js';
import { literal } from '../tensor/operands.js';
import { moments } from '../tensor/reductions.js';
import type { Tensor } from '../tensor/tensor.js';
import { Parameter, type Variable } from '../tensor/variable.js';
import {
  checkFraction,
  checkInputAxis,
  checkInputRank,
  checkNonNegative,
  checkPositiveInteger,
} from './arguments.js';
import * as init from './init.js';
import { Module, RunningStatistic } from './module.js';

export interface BatchNormLayerOptions {
  /** Added to the variance; 1e-5 unless told. */
  readonly epsilon?: number;
  /** The share of a new batch in the running statistics; 0.1 unless told. */
  readonly momentum?: number;
  /** Whether there are weight and bias; true unless told. */
  readonly affine?: boolean;
}

abstract class BatchNorm extends Module {
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;
  readonly runningMean: RunningStatistic;
  readonly runningVar: RunningStatistic;
  readonly features: number;
  readonly epsilon: number;
  readonly momentum: number;
  readonly #layer: string;
  readonly #ranks: readonly number[];
  readonly #layout: string;

  constructor(
    layer: string,
    ranks: readonly number[],
    layout: string,
    features: number,
    options: BatchNormLayerOptions,
  ) {
    super();
    const { epsilon = 1e-5, momentum = 0.1, affine = true } = options;
    checkPositiveInteger(layer, 'features', features);
    checkNonNegative(layer, 'epsilon', epsilon);
    checkFraction(layer, 'momentum', momentum);
    this.features = features;
    this.epsilon = epsilon;
    this.momentum = momentum;
    this.weight = affine ? new Parameter(init.ones([features])) : undefined;
    this.bias = affine ? new Parameter(init.zeros([features])) : undefined;
    this.runningMean = new RunningStatistic(init.zeros([features]));
    this.runningVar = new RunningStatistic(init.ones([features]));
    this.#layer = layer;
    this.#ranks = ranks;
    this.#layout = layout;
  }

  forward<S extends Shape>(x: Tensor<S>): Tensor<S> {
    checkInputRank(this.#layer, x.shape, this.#ranks, this.#layout);
    checkInputAxis(this.#layer, x.shape, 1, this.features, 'channels');
    const { weight, bias, epsilon } = this;
    if (!this.training)
      return batchNorm(x, this.runningMean as Tensor, this.runningVar as Tensor, { weight, bias, epsilon });
    const count = x.size / this.features;
    if (count < 2) {
      throw new ShapeError(
        `${this.#layer}: an input of shape ${formatShape(x.shape)} has one value per channel, which has no variance`,
        'train with larger batches, or call eval() first',
      );
    }
    const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    const { mean, variance }: { mean: Tensor; variance: Tensor } = moments(x as Tensor, axes);
    this.#follow(this.runningMean, mean);
    // The batch is normalised by its own variance; the running one estimates that of all data.
    this.#follow(this.runningVar, mul(variance, literal(variance, count / (count - 1))));
    return batchNorm(x, mean, variance, { weight, bias, epsilon });
  }

  #follow(statistic: Variable, value: Tensor): void {
    const old: Tensor = mul(statistic as Tensor, literal(statistic, 1 - this.momentum));
    const fresh: Tensor = mul(stopGradient(value), literal(value, this.momentum));
    statistic.assign(add(old, fresh));
  }
}

/**
 * Batch normalisation (Ioffe and Szegedy 2015) of [N, C] or [N, C, L]: each channel gets mean 0 and variance 1 over the batch,
 * then a learned scale and shift. In evaluation mode the running statistics take the batch's place.
 *
 * @throws ShapeError in `forward` for another rank or number of channels, or one value per channel while training.
 */
export class BatchNorm1d extends BatchNorm {
  constructor(features: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm1d', [2, 3], '[batch, channels] or [batch, channels, length]', features, options);
  }
}

/**
 * Batch normalisation of images [N, C, H, W]; see {@link BatchNorm1d}.
 *
 * @example
 * ```ts
 * const layer = new nn.BatchNorm2d(3);
 * layer.forward(ones([8, 3, 4, 4])).shape; // => [8, 3, 4, 4]
 * Object.keys(layer.namedVariables()); // => ['weight', 'bias', 'runningMean', 'runningVar']
 * ```
 */
export class BatchNorm2d extends BatchNorm {
  constructor(features: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm2d', [4], '[batch, channels, height, width]', features, options);
  }
}
