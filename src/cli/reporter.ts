import type { EpochRecord } from '../train/history.js';

/** What a training run is, before it begins. */
export interface RunStart {
  readonly recipe: string;
  readonly description: string;
  readonly trainingSamples: number;
  readonly testSamples: number;
  readonly parameters: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly optimizer: string;
  readonly lr: number;
  readonly seed: number;
  readonly device: string;
  readonly out: string;
  /** Whether an earlier run goes on. */
  readonly resumes: boolean;
}

/** Where a training run is now. */
export interface RunProgress {
  /** Counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Batches of this epoch that are done, and all there are. */
  readonly batch: number;
  readonly batches: number;
  /** Mean over this epoch so far. */
  readonly loss: number;
  readonly accuracy: number | undefined;
  readonly samplesPerSecond: number;
  /** Until the end of the last epoch. */
  readonly secondsLeft: number;
}

/** What a training run came to. */
export interface RunEnd {
  readonly testLoss: number;
  readonly testAccuracy: number | undefined;
  readonly seconds: number;
  readonly out: string;
  readonly files: readonly string[];
  /** Whether the model takes pictures. */
  readonly takesPictures: boolean;
  readonly confusion:
    { readonly counts: readonly (readonly number[])[]; readonly classes: readonly string[] } | undefined;
}

/** Who tells a person, or another program, how a training run goes. */
export interface Reporter {
  /** Something worth a line. */
  note(text: string): void;
  start(run: RunStart): void;
  progress(at: RunProgress): void;
  epoch(record: EpochRecord, epochs: number): void;
  end(result: RunEnd): void;
  /** Leaves the terminal tidy, whatever happened. */
  close(): void;
}
