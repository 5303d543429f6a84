/** Learning rates over time: pure functions of the step (or epoch), counted from 0. `optimizer.lr = schedule(step)`. */
import { ArgumentError } from '../core/errors.js';

/** The learning rate at a step, counted from 0. */
export type Schedule = (step: number) => number;

function checkCount(schedule: string, name: string, value: number): void {
  if (!(Number.isInteger(value) && value > 0)) {
    throw new ArgumentError(`${schedule}: ${name} is ${value}`, `${name} must be a positive integer`);
  }
}

/** The same rate always. */
export function constantLr(lr: number): Schedule {
  return () => lr;
}

export interface StepLrOptions {
  readonly lr: number;
  /** After how many steps the rate falls. */
  readonly every: number;
  /** What it is multiplied by; 0.1 unless told. */
  readonly factor?: number;
}

/**
 * The rate multiplied by `factor` after each `every` steps.
 *
 * @example
 * ```ts
 * const schedule = optim.stepLr({ lr: 1, every: 10, factor: 0.5 });
 * [schedule(0), schedule(9), schedule(10), schedule(25)]; // => [1, 1, 0.5, 0.25]
 * ```
 */
export function stepLr({ lr, every, factor = 0.1 }: StepLrOptions): Schedule {
  checkCount('stepLr', 'every', every);
  return (step) => lr * factor ** Math.floor(step / every);
}

export interface MultiStepLrOptions {
  readonly lr: number;
  /** The steps at which the rate falls. */
  readonly milestones: readonly number[];
  /** What it is multiplied by; 0.1 unless told. */
  readonly factor?: number;
}

/** The rate multiplied by `factor` at each milestone. */
export function multiStepLr({ lr, milestones, factor = 0.1 }: MultiStepLrOptions): Schedule {
  return (step) => lr * factor ** milestones.filter((milestone) => milestone <= step).length;
}

export interface ExponentialLrOptions {
  readonly lr: number;
  /** What the rate is multiplied by at each step. */
  readonly factor: number;
}

/** lr · factor^step. */
export function exponentialLr({ lr, factor }: ExponentialLrOptions): Schedule {
  return (step) => lr * factor ** step;
}

export interface CosineLrOptions {
  readonly lr: number;
  /** The length of the (first) half wave. */
  readonly steps: number;
  /** What the rate falls to; 0 unless told. */
  readonly minLr?: number;
  /** Begins again after each half wave, each this many times as long as the one before. Without it the rate stays at `minLr`. */
  readonly restarts?: number;
}

/** Down half a cosine wave, with warm restarts if told (Loshchilov and Hutter 2017). */
export function cosineLr({ lr, steps, minLr = 0, restarts }: CosineLrOptions): Schedule {
  checkCount('cosineLr', 'steps', steps);
  if (restarts !== undefined) checkCount('cosineLr', 'restarts', restarts);
  return (step) => {
    let [length, at] = [steps, step];
    while (restarts !== undefined && at >= length) {
      at -= length;
      length *= restarts;
    }
    return minLr + (lr - minLr) * 0.5 * (1 + Math.cos((Math.PI * Math.min(at, length)) / length));
  };
}

export interface WarmupOptions {
  /** How many steps the rate takes to its full size. */
  readonly steps: number;
  /** Where it begins, as a share of the full rate; 0 unless told. */
  readonly from?: number;
}

/**
 * The rate grows along a line to that of `schedule`, which starts when the warm-up ends.
 *
 * @example
 * ```ts
 * const schedule = optim.warmup({ steps: 4 }, optim.constantLr(1));
 * [0, 1, 2, 3, 4, 5].map(schedule); // => [0, 0.25, 0.5, 0.75, 1, 1]
 * ```
 */
export function warmup({ steps, from = 0 }: WarmupOptions, schedule: Schedule): Schedule {
  checkCount('warmup', 'steps', steps);
  return (step) =>
    step < steps ? schedule(0) * (from + ((1 - from) * step) / steps) : schedule(step - steps);
}

export interface OneCycleLrOptions {
  /** The largest rate. */
  readonly lr: number;
  /** The length of the whole cycle. */
  readonly steps: number;
  /** The share of the steps in which the rate grows; 0.3 unless told. */
  readonly rising?: number;
  /** The first rate is the largest divided by this; 25 unless told. */
  readonly startDivisor?: number;
  /** The last rate is the first divided by this; 1e4 unless told. */
  readonly endDivisor?: number;
}

/** Up and down again along cosines, once (Smith and Topin 2018), with PyTorch's turning points. */
export function oneCycleLr(options: OneCycleLrOptions): Schedule {
  const { lr, steps, rising = 0.3, startDivisor = 25, endDivisor = 1e4 } = options;
  checkCount('oneCycleLr', 'steps', steps);
  if (!(rising >= 0 && rising <= 1)) {
    throw new ArgumentError(`oneCycleLr: rising is ${rising}`, 'rising must be between 0 and 1');
  }
  const first = lr / startDivisor;
  const turn = rising * steps - 1;
  const along = (from: number, to: number, share: number): number =>
    to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
  return (step) => {
    if (step <= turn) return along(first, lr, step / turn);
    const share = Math.min(1, (step - turn) / (steps - 1 - turn));
    return along(lr, first / endDivisor, share);
  };
}

/** One schedule after the other, each for its number of steps (counted from its own 0); the last one goes on. */
export function sequentialLr(...parts: readonly (readonly [schedule: Schedule, steps: number])[]): Schedule {
  const last = parts.at(-1);
  if (last === undefined)
    throw new ArgumentError('sequentialLr: no schedules', 'pass pairs [schedule, steps]');
  return (step) => {
    let start = 0;
    for (const [schedule, steps] of parts.slice(0, -1)) {
      if (step < start + steps) return schedule(step - start);
      start += steps;
    }
    return last[0](step - start);
  };
}
