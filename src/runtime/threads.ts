import { ArgumentError } from '../core/errors.js';
import { coreCount } from './worker-thread.js';

let wanted: number | undefined;
const listeners: (() => void)[] = [];

/** How many threads programs run on: by default as many as the machine has cores. */
export function threadCount(): number {
  return wanted ?? coreCount();
}

/** Sets the number of threads for everything that runs from now on. Results do not depend on it. */
export function setThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new ArgumentError(
      `setThreads: ${threads} is not a number of threads`,
      'use a whole number from 1 to 256',
    );
  }
  wanted = threads;
  for (const listener of listeners) listener();
}

/** Calls `listener` whenever the number of threads is set. */
export function onThreadsChanged(listener: () => void): void {
  listeners.push(listener);
}
