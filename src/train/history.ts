/** What one epoch of training came to. Metrics stand under their names, those of the validation data as `valName`. */
export interface EpochRecord {
  /** Counted from 1. */
  readonly epoch: number;
  /** Mean over the epoch's samples, measured while the model changed. */
  readonly loss: number;
  readonly accuracy?: number;
  readonly valLoss?: number;
  readonly valAccuracy?: number;
  /** Time for the whole epoch, validation included. */
  readonly seconds: number;
  /** Training samples a second, validation not included. */
  readonly samplesPerSecond: number;
  /** The learning rate of the epoch's last step. */
  readonly lr: number;
  readonly [metric: string]: number | undefined;
}

/** What a training run came to. */
export interface History {
  /** One record for each epoch that was finished, in order. */
  readonly epochs: readonly EpochRecord[];
  /** Why training ended before its last epoch; undefined if it did not. */
  readonly stopped: string | undefined;
  /** Whether the signal stopped it. */
  readonly interrupted: boolean;
  /** Wall time of this call. */
  readonly seconds: number;
}

/** `accuracy` → `valAccuracy`: the name under which a record keeps a metric of the validation data. */
export function validationName(metric: string): string {
  return `val${metric.charAt(0).toUpperCase()}${metric.slice(1)}`;
}
