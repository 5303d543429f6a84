import { promote } from '../core/dtype.js';
import type { Fixed, ShapeMismatch, SameSize, ShapeText } from '../core/shape-types.js';
import type { Shape } from '../core/shape.js';
import { cast, dot } from '../graph/build.js';
import { add } from '../tensor/elementwise.js';
import { Tensor } from '../tensor/tensor.js';
import { Parameter } from '../tensor/variable.js';
import { checkInputAxis, checkPositiveInteger } from './arguments.js';
import { defaultBias, defaultWeight, type Initializer } from './init.js';
import { Module } from './module.js';

/** `unknown` where the last axis of `S` has `In` elements (or is not known), else the reason why it does not fit. */
export type CheckFeatures<S extends Shape, In extends number> = S extends readonly [
  ...Shape,
  infer N extends number,
]
  ? [SameSize<N, In>] extends [never]
    ? ShapeMismatch<`Linear: an input of shape ${ShapeText<S>} has ${N} features where ${In} are expected`>
    : unknown
  : unknown;

/** `S` with its last axis of size `Out`. */
export type WithFeatures<S extends Shape, Out extends number> = number extends S['length']
  ? Shape
  : S extends readonly [...infer Batch extends Shape, number]
    ? Fixed<readonly [...Batch, Out]>
    : Shape;

export interface LinearOptions {
  /** Whether there is a bias; true unless told. */
  readonly bias?: boolean;
  readonly weightInit?: Initializer;
  readonly biasInit?: Initializer;
}

/**
 * x Wᵀ + b along the last axis. `weight` has shape `[out, in]`, as in PyTorch, and starts as there: uniform within ±1/√in.
 *
 * @throws ArgumentError for sizes that are no positive integers.
 * @throws ShapeError in `forward` if the last axis does not have `inFeatures` elements.
 * @example
 * ```ts
 * const layer = new nn.Linear(784, 10);
 * layer.forward(zeros([64, 784])).shape; // => [64, 10]
 * ```
 */
export class Linear<In extends number = number, Out extends number = number> extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly inFeatures: In;
  readonly outFeatures: Out;

  constructor(inFeatures: In, outFeatures: Out, options: LinearOptions = {}) {
    super();
    checkPositiveInteger('Linear', 'inFeatures', inFeatures);
    checkPositiveInteger('Linear', 'outFeatures', outFeatures);
    const { bias = true, weightInit = defaultWeight, biasInit = defaultBias(inFeatures) } = options;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(weightInit([outFeatures, inFeatures]));
    this.bias = bias ? new Parameter(biasInit([outFeatures])) : undefined;
  }

  forward<S extends Shape>(x: Tensor<S> & CheckFeatures<S, In>): Tensor<WithFeatures<S, Out>> {
    checkInputAxis('Linear', x.shape, -1, this.inFeatures, 'features');
    const dtype = promote(x.dtype, this.weight.dtype);
    // Contracting the second axis of the weight, not the first of its transpose, gives its gradient in its own layout.
    const pairs = { batchA: [], batchB: [], contractA: [x.rank - 1], contractB: [1] };
    const product: Tensor = new Tensor(dot(cast(x.node, dtype), cast(this.weight.node, dtype), pairs));
    const result: Tensor = this.bias === undefined ? product : add(product, this.bias as Tensor);
    return result as Tensor<WithFeatures<S, Out>>;
  }
}
