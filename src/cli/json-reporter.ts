import type { EpochRecord } from '../train/history.js';
import type { Reporter, RunEnd } from './reporter.js';

/** One JSON object a line on stdout and nothing else there: other programs read it. Notes go to stderr. */
export class JsonReporter implements Reporter {
  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  start(): void {
    // The lines that are promised begin with the first epoch.
  }

  progress(): void {
    // As above.
  }

  epoch(record: EpochRecord, epochs: number): void {
    write(epochEvent(record, epochs));
  }

  end(result: RunEnd): void {
    const { testLoss, testAccuracy, seconds, out } = result;
    write({ event: 'end', testLoss, testAccuracy, seconds: rounded(seconds), out });
  }

  close(): void {
    // Nothing is open.
  }
}

/** An epoch as a line of `--json`, which is also its line in metrics.jsonl. */
export function epochEvent(record: EpochRecord, epochs: number): Readonly<Record<string, unknown>> {
  const { epoch, loss, accuracy, valLoss, valAccuracy, seconds, samplesPerSecond } = record;
  return {
    event: 'epoch',
    epoch,
    epochs,
    loss,
    accuracy,
    valLoss,
    valAccuracy,
    seconds: rounded(seconds),
    samplesPerSecond: Math.round(samplesPerSecond),
  };
}

const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000;

function write(event: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
