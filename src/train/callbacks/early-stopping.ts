import { ArgumentError, FormatError } from '../../core/errors.js';
import type { StoredArray } from '../../core/safetensors.js';
import type { Module } from '../../nn/module.js';
import type { Callback } from '../callback.js';
import { Monitor, type MonitorOptions } from '../monitor.js';

export interface EarlyStoppingOptions extends MonitorOptions {
  /** How many epochs without a new best are borne; 3 when left out. */
  readonly patience?: number;
  /** Whether the model gets the variables of its best epoch back when the run ends; true when left out. */
  readonly restoreBest?: boolean;
}

/**
 * Ends training when a measurement no longer gets better.
 *
 * @throws ArgumentError for a patience that is no integer of at least 0, or, in training, if the measurement is not made.
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  const { patience = 3, restoreBest = true } = options;
  if (!Number.isInteger(patience) || patience < 0)
    throw new ArgumentError(`earlyStopping: patience is ${patience}; it must be an integer of at least 0`);
  const monitor = new Monitor('earlyStopping', options);
  let waited = 0;
  let best: Record<string, StoredArray> | undefined;
  return {
    name: 'earlyStopping',
    onEpochEnd: async (run, record) => {
      if (monitor.improves(record)) {
        waited = 0;
        if (restoreBest) best = await copyVariables(run.model);
        return;
      }
      waited++;
      if (waited > patience)
        run.stop(
          `${monitor.nameIn(record)} has not become better for ${waited} ${waited === 1 ? 'epoch' : 'epochs'} (best ${monitor.best ?? 'none'})`,
        );
    },
    onTrainEnd: (run) => {
      if (best === undefined || run.interrupted) return;
      for (const [name, variable] of Object.entries(run.model.namedVariables())) {
        const array = best[name];
        if (array !== undefined) variable.load(array.data);
      }
    },
    state: () => ({
      values: { waited, best: monitor.best },
      ...(best === undefined ? {} : { tensors: best }),
    }),
    restore: ({ values, tensors }) => {
      const saved = values as { waited?: unknown; best?: unknown } | null;
      if (typeof saved?.waited !== 'number')
        throw new FormatError("the checkpoint's state of earlyStopping is damaged");
      waited = saved.waited;
      monitor.best = typeof saved.best === 'number' ? saved.best : undefined;
      best = tensors === undefined || Object.keys(tensors).length === 0 ? undefined : { ...tensors };
    },
  };
}

async function copyVariables(model: Module): Promise<Record<string, StoredArray>> {
  const copies: Record<string, StoredArray> = {};
  for (const [name, variable] of Object.entries(model.namedVariables())) {
    const { shape, dtype } = variable;
    copies[name] = { data: (await variable.data()).slice(), shape, dtype };
  }
  return copies;
}
