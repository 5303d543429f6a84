import { deviceNames, setDevice } from '../runtime/devices.js';
import { setThreads } from '../runtime/threads.js';
import { setTuning } from '../runtime/tuning.js';
import { nearestName } from './nearest-name.js';
import { UsageError } from './usage-error.js';

export interface DeviceOptions {
  readonly device?: string;
  readonly threads?: number;
  readonly tune?: boolean;
}

/** Reads `--device`. */
export function deviceName(text: string): string {
  const names = deviceNames();
  if (names.includes(text)) return text;
  const nearest = nearestName(text, names);
  throw new UsageError(
    `unknown device '${text}'`,
    `${nearest === undefined ? '' : `did you mean ${nearest}? `}the devices are ${names.join(', ')}`,
  );
}

/** Makes everything from now on run where the command line says. */
export function applyDevice({ device, threads, tune }: DeviceOptions): void {
  if (threads !== undefined) setThreads(threads);
  if (device !== undefined) setDevice(device);
  if (tune === true) setTuning(true);
}
