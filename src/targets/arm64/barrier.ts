/** The function in which threads meet. */
import { STACK, ZERO, type Address, type Assembler } from './assembler.js';
import { Label } from './code-buffer.js';
import { CONDITION } from './instructions.js';
import { HEAP, SCRATCH, SCRATCH2 } from './selector.js';

/** Rounds of looking at the generation before sleeping. A pause takes some tens of cycles: some tens of microseconds altogether. */
const SPINS = 2000;

/** Linux's system calls: 98 is futex, on this machine. */
const FUTEX = 98;
const WAIT_PRIVATE = 128;
const WAKE_PRIVATE = 129;

/** Registers that the code below uses, and functions preserve. System calls take x0 to x5 and x8, and change x0. */
const SAVED = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const STATE = 5;
const GENERATION = 6;
const THREADS = 7;
const LEFT = 9;

/**
 * barrier(state, threads): `state` is the address of three words, count, generation and sleepers. The last thread to arrive sets the count back
 * and starts the next generation; the others watch the generation, which cannot pass by twice since the next one needs them. With `sleeps`
 * (on Linux) they sleep after a while; elsewhere they go on watching. Additions release what the thread has written and acquire what others have:
 * the last one to count has seen all, and whoever sees the generation has too.
 */
export function emitBarrier(assembler: Assembler, sleeps: boolean): void {
  const done = new Label();
  const wait = new Label();
  const spin = new Label();
  const sleep = new Label();
  const frameBytes = 8 * SAVED.length;
  const parameter = (index: number): Address => ({ base: STACK, offset: frameBytes + 8 * index });
  const pairs = (direction: 'load' | 'store'): void => {
    for (let n = 0; n < SAVED.length; n += 2)
      assembler.pair(direction, SAVED[n] ?? 0, SAVED[n + 1] ?? 0, { base: STACK, offset: 8 * n });
  };
  /** SCRATCH = the address of one of the words. */
  const point = (word: number): void => {
    assembler.arithmeticImmediate('add', SCRATCH, STATE, 4 * word, true);
  };
  /** x0 = a word after adding to it. */
  const add = (word: number, value: 1 | -1): void => {
    const again = new Label();
    point(word);
    assembler.bind(again);
    assembler.loadExclusive(0, SCRATCH);
    assembler.arithmeticImmediate(value > 0 ? 'add' : 'sub', 0, 0, 1);
    assembler.storeExclusive(SCRATCH2, 0, SCRATCH);
    assembler.jumpUnlessZero(SCRATCH2, again);
  };
  const generation = (to: number): void => {
    point(1);
    assembler.loadAcquire(to, SCRATCH);
  };
  /** futex(generation, operation, value, no time limit). */
  const futex = (operation: number, putValue: () => void): void => {
    assembler.arithmeticImmediate('add', 0, STATE, 4, true);
    assembler.moveConstant(1, operation);
    putValue();
    assembler.moveConstant(3, 0);
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
  add(0, 1);
  assembler.arithmetic('subs', ZERO, 0, THREADS);
  assembler.jumpIf(CONDITION.notEqual, wait);
  assembler.access('store', 'w', ZERO, { base: STATE, offset: 0 });
  add(1, 1);
  if (sleeps) {
    // The generation must be seen before the sleepers are looked for: they count themselves before they look at the generation.
    assembler.memoryBarrier();
    point(2);
    assembler.loadAcquire(0, SCRATCH);
    assembler.jumpIfZero(0, done);
    futex(WAKE_PRIVATE, () => {
      assembler.moveConstant(2, 0x7fffffff);
    });
  }
  assembler.jump(done);

  assembler.bind(wait);
  assembler.moveConstant(LEFT, SPINS);
  assembler.bind(spin);
  generation(0);
  assembler.arithmetic('subs', ZERO, 0, GENERATION);
  assembler.jumpIf(CONDITION.notEqual, done);
  assembler.instructionBarrier();
  if (sleeps) {
    assembler.arithmeticImmediate('subs', LEFT, LEFT, 1);
    assembler.jumpIf(CONDITION.notEqual, spin);
    assembler.bind(sleep);
    add(2, 1);
    futex(WAIT_PRIVATE, () => {
      assembler.move(2, GENERATION);
    });
    add(2, -1);
    generation(0);
    assembler.arithmetic('subs', ZERO, 0, GENERATION);
    assembler.jumpIf(CONDITION.equal, sleep);
  } else assembler.jump(spin);

  assembler.bind(done);
  pairs('load');
  assembler.arithmeticImmediate('add', STACK, STACK, frameBytes, true);
  assembler.return();
}
