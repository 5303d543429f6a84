import '../tensor/methods.js';
import { checkAmounts, checkRates } from './arguments.js';
import { addDecay, type DecayOptions } from './decay.js';
import { optimizer, type CommonOptions, type OptimizerSpec } from './optimizer.js';
import { withMomentum } from './sgd.js';
import { averaged, eachParameter, shifted, stateOf } from './transformation.js';

export interface RmspropOptions extends CommonOptions, DecayOptions {
  /** The rate of the average of squares; 0.99 unless told. */
  readonly alpha?: number;
  /** Keeps the division finite; 1e-8 unless told. */
  readonly epsilon?: number;
  /** Momentum of the scaled gradients; 0 unless told. */
  readonly momentum?: number;
  /** Divides by the standard deviation instead of the root mean square. */
  readonly centered?: boolean;
}

/**
 * RMSprop (Hinton 2012, lecture 6e): gradients over the root of their squares' moving average. `lr` is 0.01 unless told.
 *
 * @throws ArgumentError for rates outside their range.
 */
export function rmsprop(options: RmspropOptions = {}): OptimizerSpec {
  const { alpha = 0.99, epsilon = 1e-8, momentum = 0, centered = false, weightDecay } = options;
  checkRates('rmsprop', { alpha, momentum });
  checkAmounts('rmsprop', { epsilon, weightDecay });
  const scale = eachParameter(
    { secondMoment: 0, ...(centered ? { firstMoment: 0 } : {}) },
    () => undefined,
    (gradient, state) => {
      const secondMoment = averaged(stateOf(state, 'secondMoment'), gradient.square(), alpha);
      if (!centered)
        return { direction: gradient.div(shifted(secondMoment.sqrt(), epsilon)), state: { secondMoment } };
      const firstMoment = averaged(stateOf(state, 'firstMoment'), gradient, alpha);
      const deviation = secondMoment.sub(firstMoment.square()).sqrt();
      return { direction: gradient.div(shifted(deviation, epsilon)), state: { secondMoment, firstMoment } };
    },
  );
  return optimizer(
    'rmsprop',
    0.01,
    options,
    ...addDecay(options),
    scale,
    ...(momentum === 0 ? [] : [withMomentum(momentum)]),
  );
}
