import type { Shape } from '../core/shape.js';
import { layerNorm } from '../tensor/normalization.js';
import type { Tensor } from '../tensor/tensor.js';
import { Parameter } from '../tensor/variable.js';
import { checkInputAxis, checkNonNegative, checkPositiveInteger } from './arguments.js';
import * as init from './init.js';
import { Module } from './module.js';

export interface LayerNormLayerOptions {
  /** Added to the variance; 1e-5 unless told. */
  readonly epsilon?: number;
  /** Whether there are weight and bias; true unless told. */
  readonly affine?: boolean;
}

/**
 * Each sample normalised by its own mean and variance over the last axes, which have the given sizes; then a learned scale and
 * shift (Ba, Kiros, Hinton 2016).
 *
 * @throws ShapeError in `forward` if the last axes have other sizes.
 * @example
 * ```ts
 * new nn.LayerNorm(512).forward(zeros([2, 10, 512])).shape; // => [2, 10, 512]
 * ```
 */
export class LayerNorm extends Module {
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;
  readonly sizes: readonly number[];
  readonly epsilon: number;

  constructor(sizes: number | readonly number[], options: LayerNormLayerOptions = {}) {
    super();
    const { epsilon = 1e-5, affine = true } = options;
    this.sizes = typeof sizes === 'number' ? [sizes] : [...sizes];
    for (const size of this.sizes) checkPositiveInteger('LayerNorm', 'size', size);
    checkNonNegative('LayerNorm', 'epsilon', epsilon);
    this.epsilon = epsilon;
    this.weight = affine ? new Parameter(init.ones(this.sizes)) : undefined;
    this.bias = affine ? new Parameter(init.zeros(this.sizes)) : undefined;
  }

  forward<S extends Shape>(x: Tensor<S>): Tensor<S> {
    const axes = this.sizes.map((_, i) => i - this.sizes.length);
    this.sizes.forEach((size, i) => checkInputAxis('LayerNorm', x.shape, axes[i] ?? -1, size, 'features'));
    const { weight, bias, epsilon } = this;
    return layerNorm(x, { axes, weight, bias, epsilon });
  }
}
