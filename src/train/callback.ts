import type { StoredArray } from '../core/safetensors.js';
import type { DataLoader } from '../data/loader.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/optimizer.js';
import type { EpochRecord } from './history.js';
import type { Json } from './json.js';

/** A training run as callbacks see it. */
export interface TrainingRun {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly loader: DataLoader;
  /** How many epochs there are to be. */
  readonly epochs: number;
  /** The present epoch, counted from 1. */
  readonly epoch: number;
  /** Batches of the present epoch that are done. */
  readonly batch: number;
  /** Samples of the present epoch that are done. */
  readonly samples: number;
  /** Training samples a second in the present epoch, so far. */
  readonly samplesPerSecond: number;
  /** The records of the epochs that are done, those before a resumed checkpoint included. */
  readonly history: readonly EpochRecord[];
  /** Why the run ends before its last epoch, once that was decided. */
  readonly stopped: string | undefined;
  /** Whether the run was asked to end early by its signal: it is going to be resumed. */
  readonly interrupted: boolean;
  /** The mean loss of the present epoch so far, and the metrics. */
  measured(): { readonly loss: number } & Readonly<Record<string, number>>;
  /** Ends the run after the present batch or epoch; `reason` goes into the history. */
  stop(reason: string): void;
}

/** What a callback must remember to go on after a resume. */
export interface CallbackState {
  readonly values: Json;
  readonly tensors?: Readonly<Record<string, StoredArray>>;
}

type Hook<Extra extends readonly unknown[] = []> = (
  run: TrainingRun,
  ...extra: Extra
) => void | Promise<void>;

/**
 * What is to happen in the course of a training run. All hooks are optional, and awaited.
 *
 * @example
 * ```ts
 * const rates: number[] = [];
 * const recordRates: train.Callback = {
 *   name: 'recordRates',
 *   onEpochEnd: (run) => void rates.push(run.optimizer.lr),
 * };
 * recordRates.name; // => 'recordRates'
 * ```
 */
export interface Callback {
  /** Tells callbacks apart in checkpoints. */
  readonly name: string;
  readonly onTrainBegin?: Hook;
  readonly onEpochBegin?: Hook;
  /** Called very often: it should be quick. */
  readonly onBatchEnd?: Hook;
  readonly onEpochEnd?: Hook<[record: EpochRecord]>;
  /** Called in any case, after an error too. */
  readonly onTrainEnd?: Hook;
  /** For checkpoints. */
  readonly state?: () => CallbackState | Promise<CallbackState>;
  /** Called before `onTrainBegin` with what {@link state} gave. */
  readonly restore?: (state: CallbackState) => void;
}
