import { CheckpointError, FormatError } from '../core/errors.js';
import type { DataLoader } from '../data/loader.js';
import type { EpochRecord } from './history.js';
import type { Json } from './json.js';
import type { TotalsState } from './totals.js';

/** Where a training run is. With the variables of a checkpoint it is all that `fit` needs to go on. */
export interface Position {
  /** Epochs that are done. */
  readonly epoch: number;
  /** Batches of the present epoch that are done. */
  readonly batch: number;
  /** What was measured in the present epoch. */
  readonly totals: TotalsState;
  /** Time that the present epoch has taken. */
  readonly seconds: number;
  readonly history: readonly EpochRecord[];
  /** Why the run ended before its last epoch, if it did. */
  readonly stopped?: string;
  /** What decides which samples a batch has. */
  readonly order: BatchOrder;
  /** The callbacks' states by name. */
  readonly callbacks: Readonly<Record<string, Json>>;
}

/** What decides which samples a batch has. */
export type BatchOrder = Readonly<
  Record<'samples' | 'batchSize' | 'seed', number> & Record<'shuffle' | 'dropLast', boolean>
>;

export function orderOf({ dataset, batchSize, seed, shuffle, dropLast }: DataLoader): BatchOrder {
  return { samples: dataset.length, batchSize, seed, shuffle, dropLast };
}

const ORDER_NAMES: Readonly<Record<keyof BatchOrder, string>> = {
  samples: 'training samples',
  batchSize: 'batchSize',
  seed: 'seed',
  shuffle: 'shuffle',
  dropLast: 'dropLast',
};

/**
 * Throws unless batches have the samples that they had when the checkpoint was made: the numbers would not be those of an
 * uninterrupted run.
 *
 * @throws CheckpointError naming what is different.
 */
export function checkSameOrder(saved: BatchOrder, present: BatchOrder, file: string): void {
  for (const key of Object.keys(ORDER_NAMES) as (keyof BatchOrder)[]) {
    if (saved[key] !== present[key])
      throw new CheckpointError(
        `${file} was made with ${ORDER_NAMES[key]} ${String(saved[key])}, but this run has ${String(present[key])}`,
        'resume with the data and settings that the run was started with',
      );
  }
}

/**
 * The position that a checkpoint holds.
 *
 * @throws CheckpointError if it has none.
 * @throws FormatError if it is damaged.
 */
export function readPosition(value: unknown, file: string): Position {
  if (value === undefined)
    throw new CheckpointError(
      `${file} does not say where its training was`,
      'resume from a checkpoint that fit has written',
    );
  const position = value as Partial<Position>;
  const isRecord = (x: unknown): boolean => typeof x === 'object' && x !== null && !Array.isArray(x);
  const isCount = (x: unknown): boolean => Number.isSafeInteger(x) && Number(x) >= 0;
  const isNumbers = (x: unknown): boolean => Array.isArray(x) && x.every((each) => typeof each === 'number');
  const sound: Readonly<Record<string, boolean>> = {
    position: isRecord(value),
    epoch: isCount(position.epoch),
    batch: isCount(position.batch),
    totals:
      isRecord(position.totals) &&
      isCount(position.totals?.samples) &&
      typeof position.totals?.weighted === 'number' &&
      Array.isArray(position.totals.sums) &&
      position.totals.sums.every(isNumbers),
    seconds: typeof position.seconds === 'number',
    history: Array.isArray(position.history) && position.history.every(isRecord),
    stopped: position.stopped === undefined || typeof position.stopped === 'string',
    order: isRecord(position.order),
    callbacks: isRecord(position.callbacks),
  };
  for (const [field, isSound] of Object.entries(sound)) {
    if (!isSound)
      throw new FormatError(
        `${file}: the field '${field}' of its position is missing or damaged`,
        'start anew',
      );
  }
  return value as Position;
}
