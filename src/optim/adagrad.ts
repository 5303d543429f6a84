import '../tensor/methods.js';
import { literal } from '../tensor/operands.js';
import { checkAmounts, checkRates } from './arguments.js';
import { addDecay, type DecayOptions } from './decay.js';
import { optimizer, type CommonOptions, type OptimizerSpec } from './optimizer.js';
import { averaged, eachParameter, scaled, shifted, stateOf } from './transformation.js';

export interface AdagradOptions extends CommonOptions, DecayOptions {
  /** How fast the learning rate falls: it is divided by 1 + (step - 1) · lrDecay; 0 unless told. */
  readonly lrDecay?: number;
  /** What the sums of squares start from; 0 unless told. */
  readonly initialSum?: number;
  /** Keeps the division finite; 1e-10 unless told. */
  readonly epsilon?: number;
}

/** Adagrad (Duchi, Hazan, Singer 2011): gradients over the root of the sum of all their squares. `lr` is 0.01 unless told. */
export function adagrad(options: AdagradOptions = {}): OptimizerSpec {
  const { lrDecay = 0, initialSum = 0, epsilon = 1e-10, weightDecay } = options;
  checkAmounts('adagrad', { lrDecay, initialSum, epsilon, weightDecay });
  const scale = eachParameter(
    { squares: initialSum },
    ({ step }) => (lrDecay === 0 ? undefined : shifted(scaled(step.sub(literal(step, 1)), lrDecay), 1)),
    (gradient, state, _moment, slowdown) => {
      const squares = stateOf(state, 'squares').add(gradient.square());
      const direction = gradient.div(shifted(squares.sqrt(), epsilon));
      return { direction: slowdown === undefined ? direction : direction.div(slowdown), state: { squares } };
    },
  );
  return optimizer('adagrad', 0.01, options, ...addDecay(options), scale);
}

export interface AdadeltaOptions extends CommonOptions, DecayOptions {
  /** The rate of both averages; 0.9 unless told. */
  readonly rho?: number;
  /** Keeps the first steps from being 0; 1e-6 unless told. */
  readonly epsilon?: number;
}

/** Adadelta (Zeiler 2012): gradients in the units of earlier steps. `lr` is 1 unless told. */
export function adadelta(options: AdadeltaOptions = {}): OptimizerSpec {
  const { rho = 0.9, epsilon = 1e-6, weightDecay } = options;
  checkRates('adadelta', { rho });
  checkAmounts('adadelta', { epsilon, weightDecay });
  const scale = eachParameter(
    { squares: 0, steps: 0 },
    () => undefined,
    (gradient, state) => {
      const squares = averaged(stateOf(state, 'squares'), gradient.square(), rho);
      const root = shifted(stateOf(state, 'steps'), epsilon).sqrt();
      const direction = gradient.mul(root).div(shifted(squares, epsilon).sqrt());
      return {
        direction,
        state: { squares, steps: averaged(stateOf(state, 'steps'), direction.square(), rho) },
      };
    },
  );
  return optimizer('adadelta', 1, options, ...addDecay(options), scale);
}
