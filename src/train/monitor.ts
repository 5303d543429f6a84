import { ArgumentError } from '../core/errors.js';
import type { EpochRecord } from './history.js';

export interface MonitorOptions {
  /** What is watched: `'valLoss'`, `'valAccuracy'`, `'loss'`, … `'valLoss'` when left out, or `'loss'` without validation data. */
  readonly monitor?: string;
  /** Whether small values are good or large ones; found out from the name when left out: losses and errors should be small. */
  readonly mode?: 'min' | 'max';
  /** By how much a value must be better than the best one to count; 0 when left out. */
  readonly minDelta?: number;
}

/** Watches one number of the records for a new best. */
export class Monitor {
  readonly #options: MonitorOptions;
  /** The best value so far. */
  best: number | undefined;

  constructor(callback: string, options: MonitorOptions) {
    const { minDelta = 0 } = options;
    if (!(minDelta >= 0))
      throw new ArgumentError(`${callback}: minDelta is ${minDelta}; it must be at least 0`);
    this.#options = options;
  }

  /** The name of the number in this record. */
  nameIn(record: EpochRecord): string {
    return this.#options.monitor ?? (record.valLoss === undefined ? 'loss' : 'valLoss');
  }

  /** Whether small values of this number are good. */
  modeOf(name: string): 'min' | 'max' {
    return this.#options.mode ?? (/loss$|mae$|rmse$|error$/i.test(name) ? 'min' : 'max');
  }

  /**
   * The watched number.
   *
   * @throws ArgumentError if the record does not have it.
   */
  valueIn(record: EpochRecord): number {
    const name = this.nameIn(record);
    const value = record[name];
    if (value === undefined)
      throw new ArgumentError(
        `there is no '${name}' to monitor`,
        `measured are ${Object.keys(record).join(', ')}; add a metric or validation data`,
      );
    return value;
  }

  /** Whether the record is the best so far, and takes note of it. A value that is no number is never better. */
  improves(record: EpochRecord): boolean {
    const value = this.valueIn(record);
    if (Number.isNaN(value)) return false;
    const { minDelta = 0 } = this.#options;
    const gain =
      this.modeOf(this.nameIn(record)) === 'min'
        ? (this.best ?? Infinity) - value
        : value - (this.best ?? -Infinity);
    if (!(gain > minDelta)) return false;
    this.best = value;
    return true;
  }
}
