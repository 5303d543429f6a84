import { Plateau, type PlateauOptions, type PlateauState } from '../../optim/plateau.js';
import type { Callback } from '../callback.js';
import { Monitor, type MonitorOptions } from '../monitor.js';

export interface ReduceOnPlateauOptions
  extends Omit<PlateauOptions, 'lr' | 'mode'>, Omit<MonitorOptions, 'minDelta'> {}

/**
 * Lowers the learning rate when a measurement no longer gets better: `optim.Plateau`, fed after each epoch.
 *
 * @throws ArgumentError for options outside their domain, or, in training, if the measurement is not made.
 */
export function reduceOnPlateau(options: ReduceOnPlateauOptions = {}): Callback {
  const monitor = new Monitor('reduceOnPlateau', options);
  const { monitor: _monitor, mode: _mode, ...rest } = options;
  let saved: PlateauState | undefined;
  let plateau: Plateau | undefined;
  return {
    name: 'reduceOnPlateau',
    onEpochEnd: (run, record) => {
      const value = monitor.valueIn(record);
      if (plateau === undefined) {
        const mode = monitor.modeOf(monitor.nameIn(record));
        plateau = new Plateau({ ...rest, lr: run.optimizer.lr, mode });
        if (saved !== undefined) plateau.state = saved;
      }
      run.optimizer.lr = plateau.observe(value);
    },
    state: () => ({ values: plateau === undefined ? (saved ? { ...saved } : null) : { ...plateau.state } }),
    restore: ({ values }) => {
      saved = values === null ? undefined : (values as unknown as PlateauState);
      plateau = undefined;
    },
  };
}
