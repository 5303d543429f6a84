/** The activations as layers, for models that are lists of layers only. Functions (`nn.relu`) do the same in a Sequential. */
import * as functions from '../tensor/activations.js';
import { sigmoid, tanh } from '../tensor/elementwise.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** A class of layers that apply `apply`, with the arguments that the constructor was given. */
function activation<Options extends readonly unknown[]>(
  name: string,
  apply: (x: Tensor, ...options: Options) => Tensor,
): new (...options: Options) => Module {
  const layer = class extends Module {
    readonly options: Options;

    constructor(...options: Options) {
      super();
      this.options = options;
    }

    forward(x: Tensor): Tensor {
      return apply(x, ...this.options);
    }
  };
  // `summary` shows the name.
  Object.defineProperty(layer, 'name', { value: name });
  return layer;
}

export const ReLU = activation('ReLU', (x) => functions.relu(x));
export const ReLU6 = activation('ReLU6', (x) => functions.relu6(x));
/** x where it is positive, `slope` (0.01 unless told) times x elsewhere. */
export const LeakyReLU = activation('LeakyReLU', (x, slope?: number) => functions.leakyRelu(x, slope));
/** x where it is positive, `alpha` (1 unless told) times e^x - 1 elsewhere. */
export const ELU = activation('ELU', (x, alpha?: number) => functions.elu(x, alpha));
/** `alpha` is 1 unless told. */
export const CELU = activation('CELU', (x, alpha?: number) => functions.celu(x, alpha));
export const SELU = activation('SELU', (x) => functions.selu(x));
/** Exact, or `{ approximate: 'tanh' }`. */
export const GELU = activation('GELU', (x, options?: functions.GeluOptions) => functions.gelu(x, options));
export const SiLU = activation('SiLU', (x) => functions.silu(x));
export const Mish = activation('Mish', (x) => functions.mish(x));
export const Softplus = activation('Softplus', (x) => functions.softplus(x));
export const Softsign = activation('Softsign', (x) => functions.softsign(x));
export const Sigmoid = activation('Sigmoid', (x) => sigmoid(x));
export const LogSigmoid = activation('LogSigmoid', (x) => functions.logSigmoid(x));
export const Tanh = activation('Tanh', (x) => tanh(x));
/** x between `low` (-1 unless told) and `high` (1 unless told). */
export const HardTanh = activation('HardTanh', (x, low?: number, high?: number) =>
  functions.hardTanh(x, low, high),
);
export const HardSigmoid = activation('HardSigmoid', (x) => functions.hardSigmoid(x));
export const HardSwish = activation('HardSwish', (x) => functions.hardSwish(x));
/** 0 where |x| is at most `threshold` (0.5 unless told). */
export const HardShrink = activation('HardShrink', (x, threshold?: number) =>
  functions.hardShrink(x, threshold),
);
/** x moved towards 0 by `threshold` (0.5 unless told). */
export const SoftShrink = activation('SoftShrink', (x, threshold?: number) =>
  functions.softShrink(x, threshold),
);
/** Along `axis`, the last unless told. */
export const Softmax = activation('Softmax', (x, axis?: number) => functions.softmax(x, axis));
/** Along `axis`, the last unless told. */
export const LogSoftmax = activation('LogSoftmax', (x, axis?: number) => functions.logSoftmax(x, axis));
