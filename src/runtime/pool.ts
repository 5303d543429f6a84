import { ArgumentError, DeviceError, InternalError, TensorloomError } from '../core/errors.js';
import { absentees, ATTENDANCE, haveAllLeft } from '../targets/cpu/attendance.js';
import type { Entry, Executable } from './executable.js';
import { entryOf } from './executable-entry.mjs';
import {
  createControlBlock,
  lineOf,
  MAIN,
  ORDER,
  STATE,
  takeFailure,
  watch,
  WORKER,
} from './pool-protocol.mjs';
import { canBlock, coreCount, startWorker, type WorkerThread } from './worker-thread.js';

/** How long a thread watches for the next order, or for the end of the others' work, before it sleeps. Waking costs about 20 µs. */
const SPIN_MICROSECONDS = 50;

/**
 * For so long the calling thread waits before it asks whether waiting is of any use. It gives up after a number of such turns rather than at a time: a
 * process that was stopped meanwhile has not waited.
 */
const TURN_MS = 100;
const TURNS = {
  /** For workers to take a program in. */
  load: 50,
  /** For workers to report when all work is done. */
  report: 10,
  /** For workers to finish a program that has failed in the calling thread. */
  failed: 5,
};

/** The calling thread looks so often, after so many milliseconds each time, whether workers that it has dismissed are gone. */
const FAREWELL = { looks: 1000, milliseconds: 2 };

/** A worker cannot take a program in, so that nothing has run. */
export class LoadError extends DeviceError {}

/** A thread ended in the middle of a run. What the run was to write may be written in part. */
export class LostThreadError extends DeviceError {
  constructor() {
    super(
      'a thread has ended in the middle of a program: it was terminated, or out of memory',
      'variables that the program assigns may be half written: go on from a checkpoint; other threads have taken its place',
    );
  }
}

/** A program with its entry in the calling thread. Workers make theirs when they first take part in a run. */
export class LoadedProgram {
  readonly id: number;
  readonly executable: Executable;
  readonly entry: Entry;
  /** Where in its table threads say that they take part (see `attendance.ts`), in bytes; undefined if they do not. */
  readonly attendance: number | undefined;
  /** The workers that have an entry. */
  readonly holders = new Set<PoolWorker>();

  constructor(id: number, executable: Executable, entry: Entry, attendance?: number) {
    this.id = id;
    this.executable = executable;
    this.entry = entry;
    this.attendance = attendance;
  }
}

interface PoolWorker {
  /** Which line of the control block is its own. */
  readonly number: number;
  readonly thread: WorkerThread;
  sequence: number;
}

/**
 * Threads that run programs side by side over one shared memory.
 *
 * A program's results must not depend on the number of threads: workers take 35 to 60 ms to start, do so when a run first asks for them, and
 * until then runs go on with fewer. They do not keep the process alive.
 *
 * A worker may die: out of memory, say. Runs have fewer threads once the host has told so, which it does between runs only. A worker that has died before
 * its part of a run, or between its work and its report, is left out with the same results, if the program's threads say when they take part
 * (`attendance.ts`): the run takes a second longer at the most, and the next one starts other workers. One that dies while it takes a program in costs a run
 * five seconds at the most, which goes on in the calling thread alone. Machine code cannot be interrupted, not even where threads wait for each other: with
 * it there is no other time to die.
 *
 * A worker that is killed in the middle of WebAssembly leaves work undone, and the others wait for it. The calling thread looks around whenever it has
 * waited for long, and asks the host whether threads have ended (`thread-life.ts`): those that live may take as long as they like. If one has, the run throws
 * a LostThreadError, and the next one starts other workers. Where the host does not tell, as in browsers, it waits forever.
 *
 * If a program fails in a worker, the run throws when the calling thread waits for that worker, at a barrier of the program's own or at the end. If others may
 * be waiting at a barrier then, the pool replaces its workers.
 */
export class ThreadPool {
  /** The number of threads when all are up, the calling one included. */
  readonly threads: number;

  private readonly memory: WebAssembly.Memory;
  private readonly spin: number;
  private readonly programs = new Set<LoadedProgram>();
  private programCount = 0;
  private words: Int32Array | undefined;
  private workers: PoolWorker[] = [];
  /** Those who got the last order. */
  private ordered: readonly PoolWorker[] = [];
  /** What runs on several threads, or did last. */
  private present: { readonly program: LoadedProgram; readonly table: number } | undefined;
  private startFailure: Error | undefined;
  private closed = false;

  /** Programs work on `memory`. If it is not shared, there is one thread whatever is asked for. */
  constructor(memory: WebAssembly.Memory, threads: number) {
    if (!Number.isInteger(threads) || threads < 1) {
      throw new ArgumentError(`a pool of ${threads} threads`, 'pass a whole number of at least 1');
    }
    this.memory = memory;
    this.threads = isShared(memory) ? threads : 1;
    // With fewer cores than threads, a thread that watches keeps the one it waits for from running.
    this.spin = this.threads <= coreCount() ? SPIN_MICROSECONDS : 0;
  }

  /** The number of threads that a run has now: those that have started and live. */
  get readyThreads(): number {
    return 1 + this.readyWorkers().length;
  }

  /**
   * Takes a program in. Throws if it lacks what a program must have. If its threads say when they take part, `attendance` tells where: the words of
   * `attendance.ts`, so many bytes behind the start of its table.
   */
  load(executable: Executable, attendance?: number): LoadedProgram {
    let entry;
    try {
      entry = entryOf(executable, this.memory, canBlock(), () => this.lookAround());
    } catch (error) {
      throw new InternalError(`a program cannot be loaded: ${String(error)}`);
    }
    const program = new LoadedProgram(this.programCount++, executable, entry, attendance);
    this.programs.add(program);
    return program;
  }

  /**
   * Runs a program on up to `threads` threads and returns when all have finished. `table` is handed to the program: the address of its
   * arguments, as a rule. Throws a LoadError, before anything has run, if a thread cannot take the program in, and a LostThreadError if one ends in the
   * middle of it.
   */
  run(program: LoadedProgram, table: number, threads = this.threads): void {
    if (!this.programs.has(program)) throw new InternalError('a program is run that was unloaded');
    const helpers = threads > 1 ? this.helpersFor(program, threads - 1) : [];
    if (helpers.length === 0) {
      runEntry(program, 0, 1, table);
      return;
    }
    const words = this.controlBlock();
    this.present = { program, table };
    this.order(helpers, ORDER.RUN, program.id, table);
    try {
      runEntry(program, 0, helpers.length + 1, table);
    } catch (error) {
      // The workers may be waiting for this thread inside the program.
      this.join(TURNS.failed);
      takeFailure(words);
      throw error;
    }
    const isDone = (): boolean => this.isDone(program, table, helpers.length + 1);
    const haveReported = this.join(TURNS.report, isDone);
    throwFailure(words);
    if (!haveReported && !isDone()) throw new LostThreadError();
  }

  /** Forgets a program, here and in the workers. */
  unload(program: LoadedProgram): void {
    if (!this.programs.delete(program)) throw new InternalError('a program is unloaded that was not loaded');
    for (const worker of program.holders) worker.thread.post({ unload: program.id });
    program.holders.clear();
  }

  /** Starts the workers, if that has not been done, and waits for them. For measurements and tests; runs need not wait. */
  async ready(): Promise<void> {
    if (this.threads > 1) this.startWorkers();
    while (this.readyThreads < this.threads && !this.closed) {
      if (this.startFailure !== undefined) {
        throw new DeviceError(
          `a thread could not be started: ${this.startFailure.message}`,
          'programs run with fewer threads; set the number of threads to 1 to start none',
          { cause: this.startFailure },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Ends the workers. Programs can still be run, by the calling thread alone. */
  close(): void {
    this.closed = true;
    this.dismissWorkers();
  }

  /** Up to `count` workers that have taken the program in. */
  private helpersFor(program: LoadedProgram, count: number): readonly PoolWorker[] {
    this.startWorkers();
    let helpers = this.readyWorkers();
    if (helpers.length > count) helpers = helpers.slice(0, count);
    const fresh = helpers.filter((worker) => !program.holders.has(worker));
    if (fresh.length > 0) {
      for (const { thread } of fresh) thread.post({ program: program.id, executable: program.executable });
      this.order(fresh, ORDER.LOAD, program.id, 0);
      // Nothing has run yet: the calling thread can do it alone.
      if (!this.join(TURNS.load)) return [];
      const failure = takeFailure(this.controlBlock());
      if (failure !== undefined) throw new LoadError(`a thread cannot load a program: ${failure.message}`);
      for (const worker of fresh) program.holders.add(worker);
    }
    return helpers;
  }

  /** Gives each worker its part of an order; it begins at once. */
  private order(workers: readonly PoolWorker[], order: number, program: number, table: number): void {
    const words = this.controlBlock();
    this.ordered = workers;
    Atomics.store(words, MAIN.REMAINING, workers.length);
    workers.forEach((worker, i) => {
      const line = lineOf(worker.number);
      words[line + WORKER.ORDER] = order;
      words[line + WORKER.PROGRAM] = program;
      words[line + WORKER.TABLE] = table;
      words[line + WORKER.THREAD] = i + 1;
      words[line + WORKER.THREADS] = workers.length + 1;
      worker.sequence = (worker.sequence + 1) | 0;
      Atomics.store(words, line + WORKER.SEQUENCE, worker.sequence);
      if (Atomics.load(words, line + WORKER.ASLEEP) === 1) worker.thread.wake(words, line + WORKER.SEQUENCE);
    });
  }

  /** Whether nothing is left to do in a run that the calling thread has finished, whoever has not reported. */
  private isDone(program: LoadedProgram, table: number, threads: number): boolean {
    const words = this.attendanceIn(program, table);
    return words !== undefined && haveAllLeft(words, threads);
  }

  /** Where the threads of a run say that they take part. */
  private attendanceIn({ attendance }: LoadedProgram, table: number): Int32Array | undefined {
    if (attendance === undefined) return undefined;
    return new Int32Array(this.memory.buffer, table + attendance, ATTENDANCE.words);
  }

  /** The calling thread has waited for others in the midst of a program. Throws if they cannot come. */
  private lookAround(): void {
    const { words, present, ordered } = this;
    if (words === undefined || present === undefined) return;
    throwFailure(words);
    const missing = this.missingWorkers();
    const ended = missing.filter(({ thread }) => thread.hasEnded() === true);
    if (ended.length === 0) return;
    const attendance = this.attendanceIn(present.program, present.table);
    const absent = attendance === undefined ? undefined : absentees(attendance, ordered.length + 1);
    // Who is absent may have ended, as long as it has not come after all and reported that there was nothing to do.
    if (absent !== undefined && ended.length > absent - (ordered.length - missing.length))
      throw new LostThreadError();
  }

  /** Those who have not reported that they have carried out the last order. */
  private missingWorkers(): PoolWorker[] {
    const words = this.controlBlock();
    return this.ordered.filter(
      ({ number, sequence }) => Atomics.load(words, lineOf(number) + WORKER.DONE) !== sequence,
    );
  }

  /**
   * Waits until all orders are carried out; gives whether they were. If those who are still silent have ended, or after so many turns at whose end `isVain`
   * was true, all workers are dismissed.
   */
  private join(turns: number, isVain = () => true): boolean {
    for (let vain = 0; vain < turns;) {
      if (this.waitForOrders()) return true;
      const missing = this.missingWorkers();
      // None at all: the last report has just come.
      if (missing.length > 0 && missing.every(({ thread }) => thread.hasEnded() === true)) break;
      if (isVain()) vain++;
    }
    const { workers } = this;
    this.dismissWorkers();
    waitForEnd(workers);
    return false;
  }

  /** Waits a turn for all orders to be carried out; gives whether they were. */
  private waitForOrders(): boolean {
    const words = this.controlBlock();
    let end: number | undefined;
    for (;;) {
      let remaining = Atomics.load(words, MAIN.REMAINING);
      if (remaining !== 0) remaining = watch(words, MAIN.REMAINING, remaining, this.spin);
      if (remaining === 0) return true;
      const now = performance.now();
      end ??= now + TURN_MS;
      if (now >= end) return false;
      if (!canBlock()) continue;
      Atomics.store(words, MAIN.ASLEEP, 1);
      Atomics.wait(words, MAIN.REMAINING, remaining, end - now);
      Atomics.store(words, MAIN.ASLEEP, 0);
    }
  }

  private startWorkers(): void {
    if (this.words !== undefined || this.closed) return;
    const words = createControlBlock(this.threads - 1);
    this.words = words;
    this.startFailure = undefined;
    for (let number = 0; number < this.threads - 1; number++) {
      const onFailure = (error: Error): void => {
        // Others have taken the place of workers that were dismissed.
        if (this.words !== words) return;
        this.startFailure = error;
        this.workers = this.workers.filter((worker) => worker.number !== number);
      };
      const start = { words, worker: number, memory: this.memory, maySleep: true, spin: this.spin };
      try {
        this.workers.push({ number, thread: startWorker(start, onFailure), sequence: 0 });
      } catch (error) {
        onFailure(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  private readyWorkers(): PoolWorker[] {
    const { words } = this;
    if (words === undefined) return [];
    return this.workers.filter(
      ({ number }) => Atomics.load(words, lineOf(number) + WORKER.STATE) === STATE.READY,
    );
  }

  /** Ends the workers, whatever they do. The next run starts others, unless the pool is closed. */
  private dismissWorkers(): void {
    for (const { thread } of this.workers) thread.terminate();
    for (const program of this.programs) program.holders.clear();
    this.workers = [];
    this.words = undefined;
  }

  private controlBlock(): Int32Array {
    if (this.words === undefined) throw new InternalError('the pool has no workers');
    return this.words;
  }
}

function runEntry(program: LoadedProgram, thread: number, threads: number, table: number): void {
  try {
    program.entry(thread, threads, table);
  } catch (error) {
    if (error instanceof TensorloomError) throw error;
    throw new InternalError(`a program failed while running: ${String(error)}`);
  }
}

/** Throws what a worker has reported to have failed, if one has. */
function throwFailure(words: Int32Array): void {
  const failure = takeFailure(words);
  if (failure === undefined) return;
  throw new InternalError(`worker thread ${failure.worker + 1} failed to run a program: ${failure.message}`);
}

/** Waits until workers that were dismissed write no more into memory that others get next. */
function waitForEnd(workers: readonly PoolWorker[]): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let looks = 0; looks < FAREWELL.looks && canBlock(); looks++) {
    if (!workers.some(({ thread }) => thread.hasEnded() === false)) return;
    Atomics.wait(nothing, 0, 0, FAREWELL.milliseconds);
  }
}

function isShared(memory: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer;
}
