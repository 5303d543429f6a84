/** What a pool keeps to itself, for tests of what becomes of its threads. */
import type { Entry } from '../../src/runtime/executable.js';
import { ATTENDANCE } from '../../src/targets/cpu/attendance.js';
import { lineOf, WORKER } from '../../src/runtime/pool-protocol.mjs';
import type { LoadedProgram, ThreadPool } from '../../src/runtime/pool.js';
import type { WorkerThread } from '../../src/runtime/worker-thread.js';

interface Inside {
  readonly workers: { readonly number: number; thread: WorkerThread }[];
  readonly words: Int32Array;
  readonly memory: WebAssembly.Memory;
  readonly programs: ReadonlySet<{ readonly entry: Entry }>;
  readonly present: { readonly program: LoadedProgram; readonly table: number };
}

export const inside = (pool: ThreadPool): Inside => pool as unknown as Inside;

/** What `attendance.ts` says of the present run. */
export function attendanceOf(pool: ThreadPool): (word: keyof typeof ATTENDANCE) => number {
  const { memory, present } = inside(pool);
  const address = present.table + (present.program.attendance ?? 0);
  const words = new Int32Array(memory.buffer, address, ATTENDANCE.words);
  return (word) => Atomics.load(words, ATTENDANCE[word]);
}

/** Puts `thread` in the place of a worker's; it is woken by every order. */
export function replaceThread(pool: ThreadPool, worker: number, thread: WorkerThread): void {
  const { words, workers } = inside(pool);
  const replaced = workers[worker];
  if (replaced === undefined) throw new Error('no such worker');
  replaced.thread = thread;
  // Who sleeps is woken by whoever gives an order.
  Atomics.store(words, lineOf(replaced.number) + WORKER.ASLEEP, 1);
}

/** Calls `act` in this thread when the worker is told to run a program that it has taken in, before the calling thread begins with its own part. */
export function whenOrdered(pool: ThreadPool, worker: number, act: (thread: WorkerThread) => void): void {
  const thread = inside(pool).workers[worker]?.thread;
  if (thread === undefined) throw new Error('no such worker');
  replaceThread(pool, worker, {
    ...thread,
    wake: (...word) => {
      thread.wake(...word);
      act(thread);
    },
  });
}

/** Kills the worker in the middle of the first kernel that it takes part in, which must take some milliseconds. */
export function killInKernel(pool: ThreadPool, worker: number): void {
  whenOrdered(pool, worker, (thread) => {
    const attendance = attendanceOf(pool);
    while (attendance('entered') === 0);
    thread.terminate();
    while (thread.hasEnded() !== true);
    if (attendance('left') + attendance('count') > 0) throw new Error('the kernel was too short');
  });
}
