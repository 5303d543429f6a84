import type { Callback } from '../train/callback.js';
import type { Reporter } from './reporter.js';
import { writeMetrics } from './run-folder.js';

/** Tells a reporter how training goes, and keeps metrics.jsonl up to date. */
export function reportTo(reporter: Reporter, folder: string): Callback {
  let start = performance.now();
  let done = 0;
  return {
    name: 'loom',
    onTrainBegin: (run) => {
      start = performance.now();
      if (run.history.length > 0) reporter.note(`Going on after epoch ${run.history.length}.`);
    },
    onBatchEnd: (run) => {
      done++;
      const { epoch, epochs, batch, samplesPerSecond } = run;
      const batches = run.loader.length;
      const left = (epochs - epoch + 1) * batches - batch;
      const { loss, accuracy } = run.measured();
      reporter.progress({
        epoch,
        epochs,
        batch,
        batches,
        loss,
        accuracy,
        samplesPerSecond,
        // Validation is part of the time that batches take on average.
        secondsLeft: ((performance.now() - start) / 1000 / done) * left,
      });
    },
    onEpochEnd: async (run, record) => {
      await writeMetrics(folder, run.history, run.epochs);
      reporter.epoch(record, run.epochs);
    },
  };
}
