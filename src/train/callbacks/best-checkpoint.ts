import type { Callback } from '../callback.js';
import { saveCheckpoint } from '../checkpoint.js';
import { Monitor, type MonitorOptions } from '../monitor.js';

/**
 * Writes a checkpoint of the model to `path` after each epoch that is the best so far. Node only.
 *
 * @throws FileError, in training, if the file cannot be written.
 * @throws ArgumentError, in training, if the measurement is not made.
 */
export function bestCheckpoint(path: string, options: MonitorOptions = {}): Callback {
  const monitor = new Monitor('bestCheckpoint', options);
  return {
    name: 'bestCheckpoint',
    onEpochEnd: async (run, record) => {
      if (monitor.improves(record))
        await saveCheckpoint(path, { model: run.model, optimizer: run.optimizer });
    },
    state: () => ({ values: { best: monitor.best } }),
    restore: ({ values }) => {
      const { best } = values as { best?: unknown };
      monitor.best = typeof best === 'number' ? best : undefined;
    },
  };
}
