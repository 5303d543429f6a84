/** What a row of the benchmark is. */
import type { Bars } from '../bars.js';
import type { Work } from '../limits/limit.js';

/** A piece of work that other libraries do too. */
export interface ComparedRow extends Work {
  readonly kind: 'compared';
  readonly name: string;
  /** The number of threads that the bars are about. */
  readonly threads: number;
  readonly bars: Bars;
  /** Gives the work, everything in it that a user would do at each step. */
  readonly prepare: () => () => unknown;
}

/** A property of this library alone. */
export interface OwnRow {
  readonly kind: 'own';
  readonly name: string;
  /** Rows that take minutes are run when they are asked for by name only. */
  readonly onRequest: boolean;
  /** What the value must not exceed. */
  readonly limit: number | undefined;
  /** On the device that is set, which `target` names. */
  measure(target: string): Promise<OwnResult>;
}

export interface OwnResult {
  /** Milliseconds, or bytes for memory. */
  readonly unit: 'ms' | 'bytes';
  readonly median: number;
  readonly min: number;
  /** What to know about the figure. */
  readonly note: string;
}

export type Row = ComparedRow | OwnRow;
