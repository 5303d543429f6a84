import { dim, type Shape } from '../core/shape.js';
import { prelu } from '../tensor/activations.js';
import { reshape } from '../tensor/movement.js';
import type { Tensor } from '../tensor/tensor.js';
import { Parameter } from '../tensor/variable.js';
import { checkInputAxis, checkPositiveInteger } from './arguments.js';
import * as init from './init.js';
import { Module } from './module.js';

/** ReLU with a learned slope on the negative side (He et al. 2015): one for all, or one for each of the channels on axis 1. */
export class PReLU extends Module {
  readonly weight: Parameter;

  /** `slope` is where the slopes start; 0.25 unless told. */
  constructor(channels = 1, slope = 0.25) {
    super();
    checkPositiveInteger('PReLU', 'channels', channels);
    this.weight = new Parameter(init.constant(slope)([channels]));
  }

  forward<S extends Shape>(x: Tensor<S>): Tensor<S> {
    const channels = dim(this.weight.shape, 0);
    if (channels === 1) return prelu(x, this.weight as Tensor);
    checkInputAxis('PReLU', x.shape, 1, channels, 'channels');
    return prelu(
      x,
      reshape(
        this.weight as Tensor,
        x.shape.map((_, axis) => (axis === 1 ? channels : 1)),
      ),
    );
  }
}
