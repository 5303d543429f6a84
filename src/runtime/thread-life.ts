/** Whether the thread of a Node worker has ended, asked by a thread that does not get to its event loop. */
import type { Worker } from 'node:worker_threads';

/**
 * A function that tells; it gives undefined as long as it cannot know. `task` gives the number that Linux has for the thread: 0 elsewhere, or while the
 * worker has not said it.
 *
 * Linux lists the threads of a process. For other systems, Node measures how long a worker's event loop has been idle: -1, or only zeros, if the thread has
 * ended. It does so only once the event loop of the calling thread has turned since the worker's start, and gives zeros until then.
 */
export function lifeOf(node: NodeJS.Process, worker: Worker, task: () => number): () => boolean | undefined {
  const { statSync } = node.getBuiltinModule('node:fs');
  const isThere = (path: string): boolean => {
    try {
      return statSync(path, { throwIfNoEntry: false }) !== undefined;
    } catch {
      // Out of memory, say: nothing that tells.
      return true;
    }
  };
  const isMeasured = (): boolean => {
    const { idle, active } = worker.performance.eventLoopUtilization();
    return idle >= 0 && active !== 0;
  };
  let wasMeasured = false;
  worker.once('online', () => {
    wasMeasured = isMeasured();
  });
  return () => {
    const number = task();
    if (number > 0 && isThere(TASKS)) return !isThere(`${TASKS}/${number}`);
    return wasMeasured ? !isMeasured() : undefined;
  };
}

const TASKS = '/proc/self/task';
