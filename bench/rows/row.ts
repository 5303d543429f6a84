/** What a row of the benchmark is. */

/** A piece of work that other libraries do too. */
export interface ComparedRow {
  readonly kind: 'compared';
  readonly name: string;
  /** The numbers of threads on which we run it, a line of the table for each. */
  readonly threads: readonly number[];
  /** Floating point operations that nobody can avoid; 0 if memory alone is the limit. */
  readonly flops: number;
  /** Bytes that have to come from memory or go there at the least. */
  readonly bytes: number;
  /** Gives the work, everything in it that a user would do at each step. */
  prepare(): () => unknown;
}

/** A property of this library alone. */
export interface OwnRow {
  readonly kind: 'own';
  readonly name: string;
  /** Rows that take minutes are run when they are asked for by name only. */
  readonly onRequest: boolean;
  /** What the value must not exceed. */
  readonly limit: number | undefined;
  measure(): Promise<OwnResult>;
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
