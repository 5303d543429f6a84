/**
 * What optimizers are made of, after the idea of Optax: small pure functions from gradients to directions, composed one after
 * the other. At the end the optimizer moves each parameter by -lr times its direction.
 */
import { where } from '../tensor/elementwise.js';
import { literal } from '../tensor/operands.js';
import type { Tensor } from '../tensor/tensor.js';

/** Numbers or tensors by name. */
export type Named<T> = Readonly<Record<string, T>>;

/** What is known of one parameter at one step. */
export interface Moment {
  /** The parameter's value before the step. */
  readonly parameter: Tensor;
  readonly path: string;
}

/** What is known of the step. */
export interface Clock {
  /** The number of this step as float32, counted from 1. */
  readonly step: Tensor;
}

/** All parameters' directions and states at one stage. */
export interface Stage {
  readonly directions: readonly Tensor[];
  /** One record for each parameter, with the names of `state`. */
  readonly states: readonly Named<Tensor>[];
  /** The state that is kept once, with the names of `shared`. */
  readonly shared: Named<Tensor>;
}

/** One stage of an update. */
export interface Transformation {
  /** State for each parameter, of its shape: names and first values. */
  readonly state?: Named<number>;
  /** State that is kept once for all parameters, a single number each. */
  readonly shared?: Named<number>;
  update(stage: Stage, moments: readonly Moment[], clock: Clock): Stage;
}

/** What a stage that treats each parameter by itself gives back. */
export interface Change {
  readonly direction: Tensor;
  readonly state?: Named<Tensor>;
}

/** A stage that treats each parameter by itself, with scalars that are computed once per step. */
export function eachParameter<Scalars>(
  state: Named<number>,
  scalars: (clock: Clock) => Scalars,
  update: (direction: Tensor, state: Named<Tensor>, moment: Moment, scalars: Scalars) => Change,
): Transformation {
  return {
    state,
    update(stage, moments, clock) {
      const values = scalars(clock);
      const changes = moments.map((moment, i) =>
        update(stage.directions[i] as Tensor, stage.states[i] ?? {}, moment, values),
      );
      return {
        directions: changes.map((change) => change.direction),
        states: changes.map((change) => change.state ?? {}),
        shared: stage.shared,
      };
    },
  };
}

/** A stage without state. */
export function stateless(update: (direction: Tensor, moment: Moment) => Tensor): Transformation {
  return eachParameter(
    {},
    () => undefined,
    (direction, _state, moment) => ({ direction: update(direction, moment) }),
  );
}

/** A tensor of the state; it exists since the transformation declared it. */
export function stateOf(state: Named<Tensor>, name: string): Tensor {
  return state[name] as Tensor;
}

/** x times a number of the program. */
export function scaled(x: Tensor, factor: number): Tensor {
  return factor === 1 ? x : x.mul(literal(x, factor));
}

/** x plus a number of the program. */
export function shifted(x: Tensor, by: number): Tensor {
  return x.add(literal(x, by));
}

/**
 * Averages below this are 0. The average of a gradient that has become 0 would otherwise shrink to a subnormal number and stay one,
 * and processors take a hundred times as long for those.
 */
const SMALLEST_AVERAGE = 1e-37;

/** The moving average `rate` · average + (1 - rate) · value. */
export function averaged(average: Tensor, value: Tensor, rate: number): Tensor {
  const next = scaled(average, rate).add(scaled(value, 1 - rate));
  return where(next.abs().lt(literal(next, SMALLEST_AVERAGE)), literal(next, 0), next);
}

/** 1 - rate^step, exact also where the power is nearly 1. */
export function biasCorrection(rate: number, { step }: Clock): Tensor {
  return rate === 0 ? literal(step, 1) : scaled(scaled(step, Math.log(rate)).expm1(), -1);
}

/** `first` in the first step, `later` afterwards. */
export function atFirst(first: Tensor, later: Tensor, { step }: Clock): Tensor {
  return where(step.le(literal(step, 1)), first, later);
}
