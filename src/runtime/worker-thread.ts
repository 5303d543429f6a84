/** Threads as the host has them: `worker_threads` in Node, Web Workers in a browser. */
import type { Executable } from './executable.js';
import { lineOf, WORKER } from './pool-protocol.mjs';
import { lifeOf } from './thread-life.js';

/** What a worker is told at its start. */
export interface WorkerStart {
  readonly words: Int32Array;
  readonly worker: number;
  readonly memory: WebAssembly.Memory;
  readonly maySleep: boolean;
  /** Microseconds. */
  readonly spin: number;
}

type Message = { readonly program: number; readonly executable: Executable } | { readonly unload: number };

export interface WorkerThread {
  post(message: Message): void;
  /** Wakes the worker, which sleeps on a word that has just changed. */
  wake(words: Int32Array, index: number): void;
  terminate(): void;
  /** Whether the thread has ended, which is known at once; undefined where the host does not tell. */
  hasEnded(): boolean | undefined;
}

/** Also undefined where there is no `process` at all. */
const { process: host } = globalThis as { process?: NodeJS.Process };

/** Starts a thread that does not keep the process alive. `onFailure` is called if it ends by itself. */
export function startWorker(start: WorkerStart, onFailure: (error: Error) => void): WorkerThread {
  return host === undefined ? startWebWorker(start, onFailure) : startNodeWorker(host, start, onFailure);
}

function startNodeWorker(
  node: NodeJS.Process,
  start: WorkerStart,
  onFailure: (error: Error) => void,
): WorkerThread {
  const { Worker } = node.getBuiltinModule('node:worker_threads');
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
    workerData: start,
    // Loaders and the like that the main thread was started with would only slow the start.
    execArgv: [],
    name: `tensorloom-${start.worker + 1}`,
  });
  let terminated = false;
  worker.on('error', onFailure);
  worker.on('exit', (code) => {
    if (!terminated) onFailure(new Error(`the thread has ended with code ${code}`));
  });
  worker.unref();
  return {
    post: (message) => worker.postMessage(message),
    wake: (words, index) => void Atomics.notify(words, index),
    terminate: () => {
      terminated = true;
      void worker.terminate();
    },
    hasEnded: lifeOf(node, worker, () => Atomics.load(start.words, lineOf(start.worker) + WORKER.TASK)),
  };
}

function startWebWorker(start: WorkerStart, onFailure: (error: Error) => void): WorkerThread {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { type: 'module' });
  worker.onerror = (event) => onFailure(new Error(event.message));
  worker.postMessage(start);
  return {
    post: (message) => worker.postMessage(message),
    wake: () => worker.postMessage({ wake: true }),
    terminate: () => worker.terminate(),
    hasEnded: () => undefined,
  };
}

/** Whether the calling thread may block: always in Node, in a browser not on the main thread. */
export function canBlock(): boolean {
  return (
    host !== undefined ||
    typeof (globalThis as { WorkerGlobalScope?: unknown }).WorkerGlobalScope === 'function'
  );
}

/** Hardware threads that this process may use. */
export function coreCount(): number {
  return host?.getBuiltinModule('node:os').availableParallelism() ?? globalThis.navigator.hardwareConcurrency;
}
