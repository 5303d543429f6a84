/**
 * Which threads take part in a run. All are called, but one may be late, or may have died on its way. Work is taken from counters and thread 0, which
 * starts the run, does what only one may do: so whoever is not there can be left out, with the same results.
 *
 * A thread enters before its first piece of work and leaves after its last. Those who have waited for another for too long close the entrance: who has not
 * entered by then is absent for the whole run, and returns at once when it comes after all. Thread 0 takes part in any case and is not counted. Machine code
 * cannot be ended from outside, so that who has entered comes to every meeting. WebAssembly can be, and then the others wait until thread 0 learns of it
 * (`pool.ts`).
 *
 * The barriers of the targets close the entrance as follows, besides what {@link haveAllLeft} does from outside:
 * - If fewer than `threads` - 1 have entered, add CLOSED. Who finds that it is the first to do so knows the number of those absent: they can be no more and
 *   no fewer. If there are none, since the last one has just entered, it goes on waiting.
 * - Store the number as `absent`, then add it to `count`, as if they had arrived. Whoever brings the count to `threads`, by this or by arriving, lets all
 *   pass: one addition alone does so. Until the absent are added nobody can, so that none sets the count back meanwhile, and who does it later knows `absent`.
 * - From then on the count is set back to `absent` instead of 0: at later meetings they have arrived already.
 */
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';

/** Words of the state of a barrier, in words from its address. All are 0 when a run starts. */
export const ATTENDANCE = {
  /** Threads that have arrived at the present meeting. */
  count: 0,
  /** Meetings that are over. */
  generation: 1,
  /** Threads that sleep until the next generation. */
  sleepers: 2,
  absent: 3,
  /** Threads other than 0 that have entered; CLOSED is added when no more may. */
  entered: 4,
  /** Threads other than 0 that have done all their work. */
  left: 5,
  words: 6,
} as const;

/** More than there are threads. */
export const CLOSED = 1 << 16;

/** How long threads wait for others before they close the entrance. Waking takes some tens of microseconds, and much longer on busy machines. */
export const PATIENCE_MS = 100;

/** Emits `work`, done only if `thread` comes while the entrance is open. `state` is the address of the words. */
export function attend(b: Builder, thread: Expr, state: Expr, work: () => void): void {
  const word = (index: number): Expr => ir.add(state, ir.i32(4 * index));
  const isOther = b.let(ir.compare('ne', thread, ir.i32(0)), 'isOther');
  const addOne = (index: number): Expr => ir.atomicAdd(word(index), ir.i32(1));
  // Thread 0 does not look: others that wait for it may have closed the entrance.
  const before = b.variable(ir.i32(0), 'before');
  b.if(isOther, () => {
    b.set(before, addOne(ATTENDANCE.entered));
  });
  b.if(ir.compare('lt', ir.get(before), ir.i32(CLOSED)), () => {
    work();
    b.if(isOther, () => {
      b.let(addOne(ATTENDANCE.left), 'left');
    });
  });
}

/**
 * How many of the other threads are absent from a run on `threads` threads. Undefined while that is open: as long as not all have entered, and nobody has
 * closed the entrance and said how many there are.
 */
export function absentees(words: Int32Array, threads: number): number | undefined {
  const others = threads - 1;
  const entered = Atomics.load(words, ATTENDANCE.entered);
  if (entered === others) return 0;
  if (entered < CLOSED) return undefined;
  // If it is 0, the entrance was closed just when the last one had entered, or the number is about to be written.
  const absent = Atomics.load(words, ATTENDANCE.absent);
  return absent > 0 || entered === CLOSED + others ? absent : undefined;
}

/**
 * Whether all work of a run on `threads` threads is done. To be asked when thread 0 has come to its end; closes the entrance, so that from the first
 * positive answer on no thread can begin.
 */
export function haveAllLeft(words: Int32Array, threads: number): boolean {
  const others = threads - 1;
  if (Atomics.load(words, ATTENDANCE.entered) < CLOSED) {
    // No barrier can do so at the same time: thread 0 has passed them all, and where all have entered they never do.
    const entered = Atomics.add(words, ATTENDANCE.entered, CLOSED);
    Atomics.store(words, ATTENDANCE.absent, others - entered);
  }
  return Atomics.load(words, ATTENDANCE.left) === others - Atomics.load(words, ATTENDANCE.absent);
}
