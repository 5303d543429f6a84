/**
 * A thread of the pool (see pool.ts): waits for orders and carries them out. Plain JavaScript, because Node loads workers from the
 * sources in tests and from the built package otherwise.
 */
import { entryOf } from './executable-entry.mjs';
import { MAIN, ORDER, STATE, WORKER, lineOf, reportFailure, watch } from './pool-protocol.mjs';

/**
 * @typedef {{ words: Int32Array, worker: number, memory: WebAssembly.Memory, maySleep: boolean, spin: number }} Start
 * @typedef {{ program: number, executable: import('./executable.js').Executable } | { unload: number } | { wake: true }} Message
 */

/**
 * Programs that have arrived and are not loaded yet.
 * @type {Map<number, import('./executable.js').Executable>}
 */
const arrived = new Map();
/** @type {Map<number, import('./executable.js').Entry>} */
const entries = new Map();

/** @param {Message} message */
function receive(message) {
  if ('executable' in message) {
    arrived.set(message.program, message.executable);
  } else if ('unload' in message) {
    arrived.delete(message.unload);
    entries.delete(message.unload);
  }
}

/**
 * @param {Start} start
 * @param {number} program
 */
function load({ memory, maySleep }, program) {
  const executable = arrived.get(program);
  if (executable === undefined) throw new Error(`program ${program} has not arrived`);
  arrived.delete(program);
  entries.set(program, entryOf(executable, memory, maySleep));
}

/**
 * Carries out the order in this worker's line, and reports.
 * @param {Start} start
 */
function obey(start) {
  const { words, worker } = start;
  const line = lineOf(worker);
  const word = (/** @type {number} */ index) => words[line + index] ?? 0;
  const program = word(WORKER.PROGRAM);
  const sequence = word(WORKER.SEQUENCE);
  try {
    if (word(WORKER.ORDER) === ORDER.LOAD) {
      load(start, program);
    } else {
      const run = entries.get(program);
      if (run === undefined) throw new Error(`program ${program} is not loaded`);
      run(word(WORKER.THREAD), word(WORKER.THREADS), word(WORKER.TABLE));
    }
  } catch (error) {
    reportFailure(words, worker, String(error));
  }
  const left = Atomics.sub(words, MAIN.REMAINING, 1) - 1;
  if (left === 0 && Atomics.load(words, MAIN.ASLEEP) === 1) Atomics.notify(words, MAIN.REMAINING);
  Atomics.store(words, line + WORKER.DONE, sequence);
}

/**
 * Node: this thread never returns to its event loop; it fetches messages when an order needs one.
 * @param {Start} start
 * @param {() => Message | undefined} nextMessage
 */
function serveBlocking(start, nextMessage) {
  const { words, spin } = start;
  const line = lineOf(start.worker);
  let done = 0;
  for (;;) {
    let sequence = watch(words, line + WORKER.SEQUENCE, done, spin);
    if (sequence === done) {
      Atomics.store(words, line + WORKER.ASLEEP, 1);
      Atomics.wait(words, line + WORKER.SEQUENCE, done);
      Atomics.store(words, line + WORKER.ASLEEP, 0);
      sequence = Atomics.load(words, line + WORKER.SEQUENCE);
      if (sequence === done) continue;
    }
    if (words[line + WORKER.ORDER] === ORDER.LOAD) {
      for (let message = nextMessage(); message !== undefined; message = nextMessage()) receive(message);
    }
    done = sequence;
    obey(start);
  }
}

/**
 * Browsers: messages arrive only in the event loop, so this thread returns there whenever it needs one or has nothing to do.
 * Gives the function that goes on serving, to be called after each message.
 * @param {Start} start
 */
function serveEvents(start) {
  const { words, spin } = start;
  const line = lineOf(start.worker);
  let done = 0;
  return () => {
    Atomics.store(words, line + WORKER.ASLEEP, 0);
    for (;;) {
      let sequence = watch(words, line + WORKER.SEQUENCE, done, spin);
      if (sequence === done) {
        Atomics.store(words, line + WORKER.ASLEEP, 1);
        sequence = Atomics.load(words, line + WORKER.SEQUENCE);
        if (sequence === done) return;
        Atomics.store(words, line + WORKER.ASLEEP, 0);
      }
      const isMissing =
        words[line + WORKER.ORDER] === ORDER.LOAD && !arrived.has(words[line + WORKER.PROGRAM] ?? 0);
      // The program is on its way; its arrival calls this function again.
      if (isMissing) return;
      done = sequence;
      obey(start);
    }
  };
}

/** @param {Start} start */
function sayReady({ words, worker }) {
  Atomics.store(words, lineOf(worker) + WORKER.STATE, STATE.READY);
}

const { process } = /** @type {{ process?: NodeJS.Process }} */ (globalThis);
if (process === undefined) {
  /** @type {(() => void) | undefined} */
  let serve;
  globalThis.onmessage = (/** @type {MessageEvent<unknown>} */ { data }) => {
    if (serve === undefined) {
      const start = /** @type {Start} */ (data);
      serve = serveEvents(start);
      sayReady(start);
    } else {
      receive(/** @type {Message} */ (data));
    }
    serve();
  };
} else {
  const threads = process.getBuiltinModule('node:worker_threads');
  const { readlinkSync } = process.getBuiltinModule('node:fs');
  const { parentPort } = threads;
  if (parentPort === null) throw new Error('worker.mjs is for worker threads');
  /** @type {unknown} */
  const data = threads.workerData;
  const start = /** @type {Start} */ (data);
  try {
    const [task] = /\d+$/.exec(readlinkSync('/proc/thread-self')) ?? [];
    Atomics.store(start.words, lineOf(start.worker) + WORKER.TASK, Number(task ?? 0));
  } catch {
    // Not Linux: the main thread has to ask Node.
  }
  sayReady(start);
  serveBlocking(
    start,
    () => /** @type {{ message: Message } | undefined} */ (threads.receiveMessageOnPort(parentPort))?.message,
  );
}
