/** The function in which threads meet. */
import { ATTENDANCE, CLOSED, PATIENCE_MS } from '../cpu/attendance.js';
import { STACK, ZERO, type Address, type Assembler } from './assembler.js';
import { Label } from './code-buffer.js';
import { CONDITION } from './instructions.js';
import { HEAP, SCRATCH, SCRATCH2 } from './selector.js';

/** Rounds of looking at the generation before sleeping. A pause takes some tens of cycles: some tens of microseconds altogether. */
const SPINS = 2000;
/** Rounds before the entrance is closed, where threads do not sleep: some tens of milliseconds. */
const PATIENT_SPINS = 1 << 22;

/** Linux's system calls: 98 is futex, on this machine. */
const FUTEX = 98;
const WAIT_PRIVATE = 128;
const WAKE_PRIVATE = 129;
const TIMED_OUT = -110;

/** Registers that the code below uses, and functions preserve. System calls take x0 to x5 and x8, and change x0. */
const SAVED = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const STATE = 5;
const GENERATION = 6;
const THREADS = 7;
const LEFT = 9;
const ABSENT = 4;

/** The time limit: seconds, then nanoseconds. */
const TIME_LIMIT_BYTES = 16;

/**
 * barrier(state, threads): `state` is the address of the words in `attendance.ts`. The last thread to arrive sets the count back and starts the next
 * generation; the others watch the generation, which cannot pass by twice since the next one needs them. With `sleeps` (on Linux) they sleep
 * after a while; elsewhere they go on watching. Who has waited for too long closes the entrance. Additions release what the thread has written and
 * acquire what others have: the last one to count has seen all, and whoever sees the generation has too.
 */
export function emitBarrier(assembler: Assembler, sleeps: boolean): void {
  const complete = new Label();
  const done = new Label();
  const wait = new Label();
  const spin = new Label();
  const sleep = new Label();
  const frameBytes = 8 * SAVED.length + TIME_LIMIT_BYTES;
  const timeLimit = 8 * SAVED.length;
  const parameter = (index: number): Address => ({ base: STACK, offset: frameBytes + 8 * index });
  const pairs = (direction: 'load' | 'store'): void => {
    for (let n = 0; n < SAVED.length; n += 2)
      assembler.pair(direction, SAVED[n] ?? 0, SAVED[n + 1] ?? 0, { base: STACK, offset: 8 * n });
  };
  const word = (index: number): Address => ({ base: STATE, offset: 4 * index });
  /** SCRATCH = the address of one of the words. */
  const point = (index: number): void => {
    assembler.arithmeticImmediate('add', SCRATCH, STATE, 4 * index, true);
  };
  /** Changes a word: `addTo` is to add to x0, where its value is. */
  const change = (index: number, addTo: () => void): void => {
    const again = new Label();
    point(index);
    assembler.bind(again);
    assembler.loadExclusive(0, SCRATCH);
    addTo();
    assembler.storeExclusive(SCRATCH2, 0, SCRATCH);
    assembler.jumpUnlessZero(SCRATCH2, again);
  };
  /** x0 = a word after adding to it. */
  const add = (index: number, value: number): void => {
    change(index, () => {
      assembler.arithmeticImmediate(value > 0 ? 'add' : 'sub', 0, 0, Math.abs(value));
    });
  };
  const generation = (to: number): void => {
    point(ATTENDANCE.generation);
    assembler.loadAcquire(to, SCRATCH);
  };
  /** x0 = futex(generation, operation, x2, x3 = the time limit, if any). */
  const futex = (operation: number): void => {
    assembler.arithmeticImmediate('add', 0, STATE, 4 * ATTENDANCE.generation, true);
    assembler.moveConstant(1, operation);
    assembler.moveConstant(8, FUTEX);
    assembler.systemCall();
  };

  assembler.arithmeticImmediate('sub', STACK, STACK, frameBytes, true);
  pairs('store');
  assembler.access('load', 'w', STATE, parameter(0));
  assembler.access('load', 'w', THREADS, parameter(1));
  assembler.arithmeticImmediate('subs', ZERO, THREADS, 1);
  assembler.jumpIf(CONDITION.lessOrEqual, done);
  assembler.addExtended(STATE, HEAP, STATE, 'uxtw');
  generation(GENERATION);
  add(ATTENDANCE.count, 1);
  assembler.arithmetic('subs', ZERO, 0, THREADS);
  assembler.jumpIf(CONDITION.notEqual, wait);

  assembler.bind(complete);
  assembler.access('load', 'w', 0, word(ATTENDANCE.absent));
  assembler.access('store', 'w', 0, word(ATTENDANCE.count));
  add(ATTENDANCE.generation, 1);
  if (sleeps) {
    // The generation must be seen before the sleepers are looked for: they count themselves before they look at the generation.
    assembler.memoryBarrier();
    point(ATTENDANCE.sleepers);
    assembler.loadAcquire(0, SCRATCH);
    assembler.jumpIfZero(0, done);
    assembler.moveConstant(2, 0x7fffffff);
    assembler.moveConstant(3, 0);
    futex(WAKE_PRIVATE);
  }
  assembler.jump(done);

  assembler.bind(wait);
  assembler.moveConstant(LEFT, sleeps ? SPINS : PATIENT_SPINS);
  assembler.bind(spin);
  generation(0);
  assembler.arithmetic('subs', ZERO, 0, GENERATION);
  assembler.jumpIf(CONDITION.notEqual, done);
  assembler.instructionBarrier();
  assembler.arithmeticImmediate('subs', LEFT, LEFT, 1);
  assembler.jumpIf(CONDITION.notEqual, spin);
  if (sleeps) {
    assembler.bind(sleep);
    add(ATTENDANCE.sleepers, 1);
    assembler.moveConstant(0, PATIENCE_MS * 1e6);
    assembler.pair('store', ZERO, 0, { base: STACK, offset: timeLimit });
    assembler.move(2, GENERATION);
    assembler.arithmeticImmediate('add', 3, STACK, timeLimit, true);
    futex(WAIT_PRIVATE);
    assembler.move(2, 0);
    add(ATTENDANCE.sleepers, -1);
    generation(0);
    assembler.arithmetic('subs', ZERO, 0, GENERATION);
    assembler.jumpIf(CONDITION.notEqual, done);
    assembler.arithmeticImmediate('adds', ZERO, 2, -TIMED_OUT);
    assembler.jumpIf(CONDITION.notEqual, sleep);
  }
  // Too long.
  const again = sleeps ? sleep : wait;
  assembler.arithmeticImmediate('sub', ABSENT, THREADS, 1);
  assembler.access('load', 'w', 0, word(ATTENDANCE.entered));
  assembler.arithmetic('subs', ZERO, 0, ABSENT);
  assembler.jumpIf(CONDITION.greaterOrEqual, again);
  add(ATTENDANCE.entered, CLOSED);
  assembler.arithmeticImmediate('sub', 0, 0, CLOSED);
  assembler.arithmetic('subs', ABSENT, ABSENT, 0);
  assembler.jumpIf(CONDITION.lessOrEqual, again);
  assembler.access('store', 'w', ABSENT, word(ATTENDANCE.absent));
  change(ATTENDANCE.count, () => {
    assembler.arithmetic('add', 0, 0, ABSENT);
  });
  assembler.arithmetic('subs', ZERO, 0, THREADS);
  assembler.jumpIf(CONDITION.equal, complete);
  assembler.jump(again);

  assembler.bind(done);
  pairs('load');
  assembler.arithmeticImmediate('add', STACK, STACK, frameBytes, true);
  assembler.return();
}
