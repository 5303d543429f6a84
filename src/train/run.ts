import type { StoredArray } from '../core/safetensors.js';
import type { DataLoader } from '../data/loader.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/optimizer.js';
import type { Callback, TrainingRun } from './callback.js';
import type { EpochRecord } from './history.js';
import type { Json } from './json.js';
import type { Metric } from './metrics.js';
import { orderOf, type Position } from './position.js';
import type { Measured } from './step.js';
import { Totals } from './totals.js';

/** What a run starts from. */
export interface RunSetup {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly loader: DataLoader;
  readonly epochs: number;
  readonly metrics: readonly Metric[];
  readonly callbacks: readonly Callback[];
  readonly signal: AbortSignal | undefined;
  /** Where an earlier run was. */
  readonly position: Position | undefined;
}

type HookName = 'onTrainBegin' | 'onEpochBegin' | 'onBatchEnd' | 'onTrainEnd';

/** The state of a run: where it is and what it has measured. Callbacks see it as a {@link TrainingRun}. */
export class Run implements TrainingRun {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly loader: DataLoader;
  readonly epochs: number;
  readonly #metrics: readonly Metric[];
  readonly #callbacks: readonly Callback[];
  readonly #signal: AbortSignal | undefined;
  readonly #history: EpochRecord[];
  #batch: number;
  #totals: Totals;
  /** Time that the present epoch took before this run resumed it. */
  #secondsBefore: number;
  #epochStart = performance.now();
  #samplesAtStart: number;
  /** Time spent in training steps of the present epoch, batches included. */
  #trainingEnd: number | undefined;
  stopped: string | undefined;

  constructor(setup: RunSetup) {
    const { position } = setup;
    this.model = setup.model;
    this.optimizer = setup.optimizer;
    this.loader = setup.loader;
    this.epochs = setup.epochs;
    this.#metrics = setup.metrics;
    this.#callbacks = setup.callbacks;
    this.#signal = setup.signal;
    this.#history = [...(position?.history ?? [])];
    this.#batch = position?.batch ?? 0;
    this.#totals = new Totals(setup.metrics, position?.totals);
    this.#samplesAtStart = this.#totals.samples;
    this.#secondsBefore = position?.seconds ?? 0;
    this.stopped = position?.stopped;
  }

  get history(): readonly EpochRecord[] {
    return this.#history;
  }

  get epoch(): number {
    return this.#history.length + 1;
  }

  get batch(): number {
    return this.#batch;
  }

  get samples(): number {
    return this.#totals.samples;
  }

  get interrupted(): boolean {
    return this.#signal?.aborted === true;
  }

  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#epochStart) / 1000;
  }

  get samplesPerSecond(): number {
    const milliseconds = (this.#trainingEnd ?? performance.now()) - this.#epochStart;
    return milliseconds === 0 ? 0 : ((this.samples - this.#samplesAtStart) * 1000) / milliseconds;
  }

  measured(): { loss: number } & Record<string, number> {
    return this.#totals.values();
  }

  stop(reason: string): void {
    this.stopped ??= reason;
  }

  /** Whether the present epoch should go no further. */
  get isOver(): boolean {
    return this.interrupted || this.stopped !== undefined;
  }

  startEpoch(): void {
    this.#epochStart = performance.now();
    this.#trainingEnd = undefined;
    this.#samplesAtStart = this.samples;
  }

  addBatch(measured: Measured, samples: number): void {
    this.#totals.add(measured, samples);
    this.#batch++;
  }

  /** Training of the present epoch is done; what follows does not count for its speed. */
  endTraining(): void {
    this.#trainingEnd = performance.now();
  }

  endEpoch(record: EpochRecord): void {
    this.#history.push(record);
    this.#batch = 0;
    this.#totals = new Totals(this.#metrics);
    this.#secondsBefore = 0;
    this.#epochStart = performance.now();
  }

  async call(hook: HookName): Promise<void> {
    for (const callback of this.#callbacks) await callback[hook]?.(this);
  }

  async callEpochEnd(record: EpochRecord): Promise<void> {
    for (const callback of this.#callbacks) await callback.onEpochEnd?.(this, record);
  }

  /** Where the run is, and the arrays that callbacks keep. */
  async position(): Promise<{ position: Position; extras: Record<string, StoredArray> }> {
    const callbacks: Record<string, Json> = {};
    const extras: Record<string, StoredArray> = {};
    for (const callback of this.#callbacks) {
      const state = await callback.state?.();
      if (state === undefined) continue;
      callbacks[callback.name] = state.values;
      for (const [name, array] of Object.entries(state.tensors ?? {}))
        extras[callbackArray(callback.name, name)] = array;
    }
    const position = {
      epoch: this.#history.length,
      batch: this.#batch,
      totals: this.#totals.state,
      seconds: this.#batch === 0 ? 0 : this.seconds,
      history: this.#history,
      ...(this.stopped === undefined ? {} : { stopped: this.stopped }),
      order: orderOf(this.loader),
      callbacks,
    };
    return { position, extras };
  }

  /** Gives callbacks back what {@link position} took from them. */
  restoreCallbacks(position: Position, extras: Readonly<Record<string, StoredArray>>): void {
    for (const callback of this.#callbacks) {
      if (!Object.hasOwn(position.callbacks, callback.name)) continue;
      const prefix = callbackArray(callback.name, '');
      const own = Object.entries(extras).filter(([name]) => name.startsWith(prefix));
      callback.restore?.({
        values: position.callbacks[callback.name] ?? null,
        tensors: Object.fromEntries(own.map(([name, array]) => [name.slice(prefix.length), array])),
      });
    }
  }
}

const callbackArray = (callback: string, name: string): string => `callbacks.${callback}.${name}`;
