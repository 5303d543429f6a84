import { div, where } from '../tensor/elementwise.js';
import { literal } from '../tensor/operands.js';
import { bernoulli, Generator, hostStream } from '../tensor/random.js';
import { zerosLike } from '../tensor/creation.js';
import type { Shape } from '../core/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkFraction } from './arguments.js';
import { Module } from './module.js';

export interface DropoutOptions {
  /** Where the random numbers come from; a stream of the layer's own, which `setSeed` determines, unless told. */
  readonly generator?: Generator;
}

/**
 * While training, sets each element to 0 with probability `p` and divides the others by 1 - p; otherwise does nothing
 * (Srivastava et al. 2014). Each step draws anew, in compiled functions too.
 *
 * @throws ArgumentError for a probability outside [0, 1].
 * @example
 * ```ts
 * const layer = new nn.Dropout(0.5);
 * await layer.eval().forward(ones([3])).array(); // => [1, 1, 1]
 * ```
 */
export class Dropout extends Module {
  readonly p: number;
  readonly generator: Generator;

  constructor(p = 0.5, options: DropoutOptions = {}) {
    super();
    checkFraction('Dropout', 'p', p);
    this.p = p;
    this.generator = options.generator ?? new Generator(hostStream().bits());
  }

  forward<S extends Shape>(x: Tensor<S>): Tensor<S> {
    if (!this.training || this.p === 0) return x;
    if (this.p === 1) return zerosLike(x);
    const kept: Tensor = bernoulli(x.shape as Shape, 1 - this.p, { generator: this.generator });
    const plain: Tensor = x;
    return where(kept, div(plain, literal(plain, 1 - this.p)), literal(plain, 0)) as Tensor<S>;
  }
}
