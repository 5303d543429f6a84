/**
 * What the threads of a pool agree on: a block of shared 32-bit words, written and watched by both sides. Plain JavaScript, since
 * worker threads load it as it is.
 *
 * The main thread fills in a worker's order and then advances the worker's SEQUENCE; the worker carries the order out, takes one
 * from REMAINING and says in DONE which order that was. Whoever finds nothing to do watches its word for a while and then sleeps,
 * having said so in ASLEEP: the other side changes the word first and reads ASLEEP afterwards, so that one of the two notices the other.
 */

/** Words of one cache line; each thread has a line of its own, so that they do not take it from each other. */
const LINE = 16;

/** Line 0 belongs to the main thread. */
export const MAIN = Object.freeze({
  /** Workers that have not finished their order. */
  REMAINING: 0,
  ASLEEP: 1,
});

/** Line 1 says what went wrong in a worker: the number of characters, written last, and one more than the number of the worker, written first. */
const FAILURE = Object.freeze({ LENGTH: LINE, WORKER: LINE + 1 });

/** Words of a worker's line, counted from its beginning. */
export const WORKER = Object.freeze({
  SEQUENCE: 0,
  ASLEEP: 1,
  STATE: 2,
  ORDER: 3,
  PROGRAM: 4,
  TABLE: 5,
  THREAD: 6,
  THREADS: 7,
  DONE: 8,
  /** What Linux calls the thread; 0 elsewhere. */
  TASK: 9,
});

export const STATE = Object.freeze({ STARTING: 0, READY: 1 });
export const ORDER = Object.freeze({ LOAD: 1, RUN: 2 });

const FAILURE_CHARACTERS = 480;

/**
 * The index of the first word of worker number `worker`, counted from 0.
 * @param {number} worker
 */
export const lineOf = (worker) => (2 + worker) * LINE;

/**
 * Words for `workers` workers, all 0.
 * @param {number} workers
 */
export function createControlBlock(workers) {
  const words = lineOf(workers) + FAILURE_CHARACTERS;
  return new Int32Array(new SharedArrayBuffer(words * 4));
}

/**
 * Keeps what went wrong for the main thread to read; the first of several failures wins.
 * @param {Int32Array} words
 * @param {number} worker
 * @param {string} message
 */
export function reportFailure(words, worker, message) {
  if (Atomics.compareExchange(words, FAILURE.WORKER, 0, worker + 1) !== 0) return;
  const length = Math.max(1, Math.min(message.length, FAILURE_CHARACTERS));
  const start = words.length - FAILURE_CHARACTERS;
  for (let i = 0; i < length; i++) words[start + i] = message.charCodeAt(i);
  Atomics.store(words, FAILURE.LENGTH, length);
}

/**
 * What a worker has reported since the last time, if anything.
 * @param {Int32Array} words
 * @returns {{ worker: number, message: string } | undefined}
 */
export function takeFailure(words) {
  const length = Atomics.exchange(words, FAILURE.LENGTH, 0);
  if (length === 0) return undefined;
  const start = words.length - FAILURE_CHARACTERS;
  const message = String.fromCharCode(...words.subarray(start, start + length));
  return { worker: Atomics.exchange(words, FAILURE.WORKER, 0) - 1, message };
}

/** Tells the processor that this is a waiting loop, where the engine has a way to say so. */
const pause =
  /** @type {{ pause?: () => void }} */ (/** @type {unknown} */ (Atomics)).pause ?? (() => undefined);

/**
 * Watches a word for `microseconds` at most. Gives its value, which is still `old` if nothing happened.
 * @param {Int32Array} words
 * @param {number} index
 * @param {number} old
 * @param {number} microseconds
 */
export function watch(words, index, old, microseconds) {
  let value = Atomics.load(words, index);
  if (value !== old || microseconds <= 0) return value;
  const end = performance.now() + microseconds / 1000;
  do {
    // Asking for the time costs more than looking at the word.
    for (let i = 0; i < 32; i++) {
      value = Atomics.load(words, index);
      if (value !== old) return value;
      pause();
    }
  } while (performance.now() < end);
  return value;
}
