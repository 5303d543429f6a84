import '../tensor/methods.js';
import { maximum } from '../tensor/elementwise.js';
import { checkAmounts, checkRates } from './arguments.js';
import { addDecay, addL1, type DecayOptions } from './decay.js';
import { optimizer, type CommonOptions, type OptimizerSpec } from './optimizer.js';
import {
  averaged,
  biasCorrection,
  eachParameter,
  shifted,
  stateOf,
  type Transformation,
} from './transformation.js';

export interface MomentOptions {
  /** The rate of the average of gradients; 0.9 unless told. */
  readonly beta1?: number;
  /** The rate of the average of their squares; 0.999 unless told. */
  readonly beta2?: number;
  /** Keeps the division finite; 1e-8 unless told. */
  readonly epsilon?: number;
}

export interface AdamOptions extends CommonOptions, DecayOptions, MomentOptions {
  /** Divides by the largest average of squares so far (AMSGrad; Reddi, Kale, Kumar 2018). */
  readonly amsgrad?: boolean;
  /** L1 regularisation; 0 unless told. */
  readonly l1?: number;
}

/**
 * Adam (Kingma and Ba 2015): each element's step is the average of its gradients over the root of the average of their
 * squares. `weightDecay` is added to the gradient; see {@link adamw} for the decoupled kind. `lr` is 0.001 unless told.
 *
 * @throws ArgumentError for rates outside their range.
 * @example
 * ```ts
 * const model = new nn.Linear(3, 1);
 * const optimizer = optim.adam({ lr: 1e-2 }).for(model);
 * const step = compile((x: Tensor) => {
 *   const loss = model.forward(x).square().mean();
 *   optimizer.step(grad(loss, model.parameters()));
 *   return loss;
 * });
 * const before = await step(ones([4, 3])).item();
 * const after = await step(ones([4, 3])).item();
 * after <= before; // => true
 * ```
 */
export function adam(options: AdamOptions = {}): OptimizerSpec {
  return optimizer(
    'adam',
    0.001,
    options,
    ...addDecay(options),
    ...addL1(options),
    byMoments('adam', options),
  );
}

/** {@link adam} with decoupled weight decay (Loshchilov and Hutter 2019), 0.01 unless told. */
export function adamw(options: AdamOptions = {}): OptimizerSpec {
  const { weightDecay = 0.01 } = options;
  return optimizer(
    'adamw',
    0.001,
    options,
    ...addL1(options),
    byMoments('adamw', options),
    ...addDecay({ ...options, weightDecay }),
  );
}

function byMoments(name: string, options: AdamOptions): Transformation {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay, l1, amsgrad = false } = options;
  checkRates(name, { beta1, beta2 });
  checkAmounts(name, { epsilon, weightDecay, l1 });
  return eachParameter(
    { firstMoment: 0, secondMoment: 0, ...(amsgrad ? { largestMoment: 0 } : {}) },
    (clock) => ({
      // Both corrections are single numbers: the elements only see two factors.
      meanScale: biasCorrection(beta1, clock).reciprocal(),
      rootScale: biasCorrection(beta2, clock).rsqrt(),
    }),
    (gradient, state, _moment, { meanScale, rootScale }) => {
      const firstMoment = averaged(stateOf(state, 'firstMoment'), gradient, beta1);
      const secondMoment = averaged(stateOf(state, 'secondMoment'), gradient.square(), beta2);
      const largestMoment = amsgrad ? maximum(stateOf(state, 'largestMoment'), secondMoment) : undefined;
      const root = (largestMoment ?? secondMoment).sqrt().mul(rootScale);
      return {
        direction: firstMoment.mul(meanScale).div(shifted(root, epsilon)),
        state: { firstMoment, secondMoment, ...(largestMoment === undefined ? {} : { largestMoment }) },
      };
    },
  );
}
