/** Relatives of Adam. */
import '../tensor/methods.js';
import { maximum } from '../tensor/elementwise.js';
import { literal } from '../tensor/operands.js';
import type { Tensor } from '../tensor/tensor.js';
import type { MomentOptions } from './adam.js';
import { checkAmounts, checkRates } from './arguments.js';
import { addDecay, type DecayOptions } from './decay.js';
import { optimizer, type CommonOptions, type OptimizerSpec } from './optimizer.js';
import {
  averaged,
  biasCorrection,
  eachParameter,
  scaled,
  shifted,
  stateOf,
  type Transformation,
} from './transformation.js';

export interface AdamaxOptions extends CommonOptions, DecayOptions, MomentOptions {}

/** Adam with the largest gradient in place of the mean square (Kingma and Ba 2015, section 7.1). `lr` is 0.002 unless told. */
export function adamax(options: AdamaxOptions = {}): OptimizerSpec {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay } = options;
  checkRates('adamax', { beta1, beta2 });
  checkAmounts('adamax', { epsilon, weightDecay });
  const scale = eachParameter(
    { firstMoment: 0, largest: 0 },
    (clock) => biasCorrection(beta1, clock).reciprocal(),
    (gradient, state, _moment, meanScale) => {
      const firstMoment = averaged(stateOf(state, 'firstMoment'), gradient, beta1);
      const largest = maximum(scaled(stateOf(state, 'largest'), beta2), shifted(gradient.abs(), epsilon));
      return { direction: firstMoment.mul(meanScale).div(largest), state: { firstMoment, largest } };
    },
  );
  return optimizer('adamax', 0.002, options, ...addDecay(options), scale);
}

export interface NadamOptions extends CommonOptions, DecayOptions, MomentOptions {
  /** How fast the momentum grows to its full size; 0.004 unless told. */
  readonly momentumDecay?: number;
}

/** Adam with Nesterov's momentum (Dozat 2016), as PyTorch has it. `lr` is 0.002 unless told. */
export function nadam(options: NadamOptions = {}): OptimizerSpec {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, momentumDecay = 0.004, weightDecay } = options;
  checkRates('nadam', { beta1, beta2 });
  checkAmounts('nadam', { epsilon, momentumDecay, weightDecay });
  /** μ at a step: β₁ (1 - 0.96^(step · momentumDecay) / 2). */
  const momentumAt = (step: Tensor): Tensor =>
    scaled(shifted(scaled(scaled(step, Math.log(0.96) * momentumDecay).exp(), -0.5), 1), beta1);
  const scale: Transformation = {
    state: { firstMoment: 0, secondMoment: 0 },
    shared: { momentumProduct: 1 },
    update(stage, _moments, clock) {
      const now = momentumAt(clock.step);
      const next = momentumAt(shifted(clock.step, 1));
      const product = stateOf(stage.shared, 'momentumProduct').mul(now);
      const one = literal(now, 1);
      const gradientScale = one.sub(now).div(one.sub(product));
      const meanScale = next.div(one.sub(product.mul(next)));
      const rootScale = biasCorrection(beta2, clock).rsqrt();
      const changes = stage.directions.map((gradient, i) => {
        const state = stage.states[i] ?? {};
        const firstMoment = averaged(stateOf(state, 'firstMoment'), gradient, beta1);
        const secondMoment = averaged(stateOf(state, 'secondMoment'), gradient.square(), beta2);
        const root = shifted(secondMoment.sqrt().mul(rootScale), epsilon);
        const direction = gradient.mul(gradientScale).add(firstMoment.mul(meanScale)).div(root);
        return { direction, state: { firstMoment, secondMoment } };
      });
      return {
        directions: changes.map((change) => change.direction),
        states: changes.map((change) => change.state),
        shared: { momentumProduct: product },
      };
    },
  };
  return optimizer('nadam', 0.002, options, ...addDecay(options), scale);
}

export interface LionOptions extends CommonOptions, DecayOptions {
  /** How much of the momentum enters a step; 0.9 unless told. */
  readonly beta1?: number;
  /** The rate of the momentum; 0.99 unless told. */
  readonly beta2?: number;
}

/** Lion (Chen et al. 2023): the sign of an average of gradients, with decoupled weight decay. `lr` is 0.0001 unless told. */
export function lion(options: LionOptions = {}): OptimizerSpec {
  const { beta1 = 0.9, beta2 = 0.99, weightDecay } = options;
  checkRates('lion', { beta1, beta2 });
  checkAmounts('lion', { weightDecay });
  const direct = eachParameter(
    { firstMoment: 0 },
    () => undefined,
    (gradient, state) => {
      const before = stateOf(state, 'firstMoment');
      return {
        direction: averaged(before, gradient, beta1).sign(),
        state: { firstMoment: averaged(before, gradient, beta2) },
      };
    },
  );
  return optimizer('lion', 0.0001, options, direct, ...addDecay(options));
}
