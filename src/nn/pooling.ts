import { adaptiveAvgPool1d, adaptiveAvgPool2d, globalAvgPool2d } from '../tensor/adaptive-pooling.js';
import { perAxis, type PerAxis } from '../tensor/convolution.js';
import {
  avgPool1d,
  avgPool2d,
  maxPool1d,
  maxPool2d,
  type AvgPoolOptions,
  type MaxPoolOptions,
} from '../tensor/pooling.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkInputRank } from './arguments.js';
import { Module } from './module.js';

type Pool<Options> = (x: Tensor, size: PerAxis, options?: Options) => Tensor;

/** A layer that summarises windows by `pool`. */
abstract class PoolingLayer<Options extends MaxPoolOptions> extends Module {
  readonly size: PerAxis;
  readonly options: Options;
  readonly #pool: Pool<Options>;

  constructor(layer: string, axes: number, pool: Pool<Options>, size: PerAxis, options: Options) {
    super();
    perAxis(size, axes, `${layer}: the window size`, 1);
    if (options.stride !== undefined) perAxis(options.stride, axes, `${layer}: stride`, 1);
    this.size = size;
    this.options = options;
    this.#pool = pool;
  }

  forward(x: Tensor): Tensor {
    return this.#pool(x, this.size, this.options);
  }
}

/** The largest element of each window of a sequence: [N, C, L] gives [N, C, L']. */
export class MaxPool1d extends PoolingLayer<MaxPoolOptions> {
  constructor(size: PerAxis, options: MaxPoolOptions = {}) {
    super('MaxPool1d', 1, maxPool1d, size, options);
  }
}

/**
 * The largest element of each window of an image. Windows do not overlap unless `stride` says so.
 *
 * @example
 * ```ts
 * new nn.MaxPool2d(2).forward(zeros([1, 32, 26, 26])).shape; // => [1, 32, 13, 13]
 * ```
 */
export class MaxPool2d extends PoolingLayer<MaxPoolOptions> {
  constructor(size: PerAxis, options: MaxPoolOptions = {}) {
    super('MaxPool2d', 2, maxPool2d, size, options);
  }
}

/** The mean of each window of a sequence: [N, C, L] gives [N, C, L']. */
export class AvgPool1d extends PoolingLayer<AvgPoolOptions> {
  constructor(size: PerAxis, options: AvgPoolOptions = {}) {
    super('AvgPool1d', 1, avgPool1d, size, options);
  }
}

/** The mean of each window of an image. */
export class AvgPool2d extends PoolingLayer<AvgPoolOptions> {
  constructor(size: PerAxis, options: AvgPoolOptions = {}) {
    super('AvgPool2d', 2, avgPool2d, size, options);
  }
}

/** A layer that averages windows, so many that `size` come out. */
abstract class AdaptivePoolingLayer extends Module {
  readonly size: PerAxis;
  readonly #pool: (x: Tensor, size: PerAxis) => Tensor;

  constructor(layer: string, axes: number, pool: (x: Tensor, size: PerAxis) => Tensor, size: PerAxis) {
    super();
    perAxis(size, axes, `${layer}: the output size`, 1);
    this.size = size;
    this.#pool = pool;
  }

  forward(x: Tensor): Tensor {
    return this.#pool(x, this.size);
  }
}

/** Means over windows of a sequence, so many that `size` come out. */
export class AdaptiveAvgPool1d extends AdaptivePoolingLayer {
  constructor(size: PerAxis) {
    super('AdaptiveAvgPool1d', 1, adaptiveAvgPool1d, size);
  }
}

/**
 * Means over windows of an image, so many that `size` come out whatever the input's size.
 *
 * @example
 * ```ts
 * new nn.AdaptiveAvgPool2d([5, 7]).forward(zeros([1, 64, 10, 9])).shape; // => [1, 64, 5, 7]
 * ```
 */
export class AdaptiveAvgPool2d extends AdaptivePoolingLayer {
  constructor(size: PerAxis) {
    super('AdaptiveAvgPool2d', 2, adaptiveAvgPool2d, size);
  }
}

/** The mean of each channel of an image: [N, C, H, W] gives [N, C]. */
export class GlobalAvgPool extends Module {
  forward(x: Tensor): Tensor {
    checkInputRank('GlobalAvgPool', x.shape, [3, 4], '[batch, channels, height, width]');
    return globalAvgPool2d(x);
  }
}
