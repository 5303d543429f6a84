import { ArgumentError } from '../core/errors.js';
import '../tensor/methods.js';
import { literal } from '../tensor/operands.js';
import { checkAmounts, checkRates } from './arguments.js';
import { addDecay, addL1, type DecayOptions } from './decay.js';
import { optimizer, type CommonOptions, type OptimizerSpec } from './optimizer.js';
import { atFirst, eachParameter, scaled, stateOf, type Transformation } from './transformation.js';

export interface SgdOptions extends CommonOptions, DecayOptions {
  /** How much of the last step goes on (Polyak 1964); 0 unless told. */
  readonly momentum?: number;
  /** Looks ahead along the momentum (Nesterov 1983, in the form of Sutskever et al. 2013). */
  readonly nesterov?: boolean;
  /** How much of a gradient does not enter the momentum; 0 unless told. */
  readonly dampening?: number;
  /** L1 regularisation; 0 unless told. */
  readonly l1?: number;
}

/**
 * Gradient descent, stochastic if the batches are, with momentum if told: w -= lr · (momentum's average of g + decay · w).
 * `lr` is 0.01 unless told.
 *
 * @throws ArgumentError for rates outside their range, or `nesterov` without momentum or with dampening.
 * @example
 * ```ts
 * const w = new Parameter(tensor([1]));
 * const optimizer = optim.sgd({ lr: 0.25 }).for([w]);
 * optimizer.step([tensor([2])]);
 * await w.array(); // => [0.5]
 * ```
 */
export function sgd(options: SgdOptions = {}): OptimizerSpec {
  const { momentum = 0, nesterov = false, dampening = 0, weightDecay, l1 } = options;
  checkRates('sgd', { momentum });
  checkAmounts('sgd', { weightDecay, l1, dampening });
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new ArgumentError('sgd: nesterov needs momentum and no dampening', 'pass momentum: 0.9 with it');
  }
  const average = momentum === 0 ? [] : [withMomentum(momentum, dampening, nesterov)];
  return optimizer('sgd', 0.01, options, ...addDecay(options), ...addL1(options), ...average);
}

/** The sum of all directions so far, each `momentum` times weaker than the next. The first one is not dampened, as in PyTorch. */
export function withMomentum(momentum: number, dampening = 0, nesterov = false): Transformation {
  return eachParameter(
    { momentum: 0 },
    (clock) =>
      dampening === 0
        ? undefined
        : atFirst(literal(clock.step, 1), literal(clock.step, 1 - dampening), clock),
    (direction, state, _moment, share) => {
      const fresh = share === undefined ? direction : direction.mul(share);
      const next = scaled(stateOf(state, 'momentum'), momentum).add(fresh);
      return {
        direction: nesterov ? direction.add(scaled(next, momentum)) : next,
        state: { momentum: next },
      };
    },
  );
}
