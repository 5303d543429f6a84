import { validationName } from './history.js';
import type { Metric } from './metrics.js';
import type { Measured } from './step.js';

/** The plain numbers of {@link Totals}, as checkpoints hold them. */
export interface TotalsState {
  readonly samples: number;
  readonly weighted: number;
  readonly sums: readonly (readonly number[])[];
}

/** Measurements of many batches added up, in float64. */
export class Totals {
  readonly #metrics: readonly Metric[];
  #samples = 0;
  /** Σ loss · samples. */
  #weighted = 0;
  #sums: number[][];

  constructor(metrics: readonly Metric[], state?: TotalsState) {
    this.#metrics = metrics;
    this.#samples = state?.samples ?? 0;
    this.#weighted = state?.weighted ?? 0;
    this.#sums = metrics.map((_, i) => [...(state?.sums[i] ?? [])]);
  }

  get samples(): number {
    return this.#samples;
  }

  get state(): TotalsState {
    return { samples: this.#samples, weighted: this.#weighted, sums: this.#sums };
  }

  add({ loss, sums }: Measured, samples: number): void {
    this.#samples += samples;
    this.#weighted += loss * samples;
    sums.forEach((batch, i) => {
      const total = (this.#sums[i] ??= []);
      batch.forEach((value, j) => {
        total[j] = (total[j] ?? 0) + value;
      });
    });
  }

  /** The sums of one metric. */
  sumsOf(name: string): readonly number[] {
    return this.#sums[this.#metrics.findIndex((metric) => metric.name === name)] ?? [];
  }

  /** The mean loss and the metrics' values, by name. */
  values(): { loss: number } & Record<string, number> {
    const values = this.#metrics.map(
      (metric, i) => [metric.name, metric.value(this.#sums[i] ?? [])] as const,
    );
    return { loss: this.#weighted / this.#samples, ...Object.fromEntries(values) };
  }
}

/** Measurements under the names that records keep those of the validation data: `valLoss`. */
export function asValidation(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [validationName(name), value]));
}
