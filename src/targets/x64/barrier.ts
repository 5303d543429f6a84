/** The function in which threads meet. */
import { ATTENDANCE, CLOSED, PATIENCE_MS } from '../cpu/attendance.js';
import { CONDITION, Label, RAX, RBX, RDI, RDX, RSI, RSP, type Assembler, type Memory } from './assembler.js';
import { HEAP } from './selector.js';

/**
 * Rounds of looking at the generation before sleeping. A pause takes from 10 to 140 cycles, depending on the processor: from some microseconds
 * to some tens of them altogether.
 */
const SPINS = 1500;
/** Rounds before the entrance is closed, where threads do not sleep: some tens of milliseconds or some hundreds. */
const PATIENT_SPINS = 1 << 22;

/** Linux's system calls: 202 is futex. */
const FUTEX = 202;
const WAIT_PRIVATE = 128;
const WAKE_PRIVATE = 129;
const TIMED_OUT = -110;

/** Registers that the system calls and the code below use, and functions preserve. */
const SAVED = [RBX, RSI, RDI, 8, 10, 11];

/**
 * barrier(state, threads): `state` is the address of the words in `attendance.ts`. The last thread to arrive sets the count back and starts the next
 * generation; the others watch the generation, which cannot pass by twice since the next one needs them. With `sleeps` (on Linux) they sleep
 * after a while; elsewhere they go on watching. Who has waited for too long closes the entrance.
 */
export function emitBarrier(assembler: Assembler, sleeps: boolean): void {
  const complete = new Label();
  const done = new Label();
  const wait = new Label();
  const spin = new Label();
  const sleep = new Label();
  const parameter = (index: number): Memory => ({
    base: RSP,
    displacement: 8 * SAVED.length + 8 + 8 * index,
  });
  const word = (index: number): Memory => ({ base: RDI, displacement: 4 * index });
  const [count, generation] = [word(ATTENDANCE.count), word(ATTENDANCE.generation)];
  const [sleepers, absent] = [word(ATTENDANCE.sleepers), word(ATTENDANCE.absent)];
  const entered = word(ATTENDANCE.entered);
  const add = (to: Memory, value: number): void => {
    assembler.moveConstant(RAX, value);
    assembler.exchangeAdd(to, RAX);
  };

  for (const each of SAVED) assembler.push(each);
  assembler.load(RDI, parameter(0));
  assembler.load(RSI, parameter(1));
  assembler.arithmeticConstant('cmp', RSI, 1);
  assembler.jumpIf(CONDITION.lessOrEqual, done);
  assembler.loadAddress(RDI, { base: HEAP, index: RDI, displacement: 0 }, true);
  assembler.load(RBX, generation);
  add(count, 1);
  assembler.arithmeticConstant('add', RAX, 1);
  assembler.arithmetic('cmp', RAX, RSI);
  assembler.jumpIf(CONDITION.notEqual, wait);

  assembler.bind(complete);
  assembler.load(RAX, absent);
  assembler.store(count, RAX);
  add(generation, 1);
  if (sleeps) {
    assembler.load(RAX, sleepers);
    assembler.test(RAX, RAX);
    assembler.jumpIf(CONDITION.equal, done);
    wake(assembler);
  }
  assembler.jump(done);

  assembler.bind(wait);
  assembler.moveConstant(8, sleeps ? SPINS : PATIENT_SPINS);
  assembler.bind(spin);
  assembler.arithmetic('cmp', RBX, generation);
  assembler.jumpIf(CONDITION.notEqual, done);
  assembler.pause();
  assembler.arithmeticConstant('sub', 8, 1);
  assembler.jumpIf(CONDITION.notEqual, spin);
  if (sleeps) {
    assembler.bind(sleep);
    add(sleepers, 1);
    sleepWhile(assembler, RBX);
    assembler.move(RDX, RAX);
    add(sleepers, -1);
    assembler.arithmetic('cmp', RBX, generation);
    assembler.jumpIf(CONDITION.notEqual, done);
    assembler.arithmeticConstant('cmp', RDX, TIMED_OUT);
    assembler.jumpIf(CONDITION.notEqual, sleep);
  }
  // Too long. r8 = the others, then those of them who are absent.
  const again = sleeps ? sleep : wait;
  assembler.loadAddress(8, { base: RSI, displacement: -1 });
  assembler.arithmetic('cmp', 8, entered);
  assembler.jumpIf(CONDITION.lessOrEqual, again);
  add(entered, CLOSED);
  assembler.arithmetic('sub', 8, RAX);
  assembler.jumpIf(CONDITION.lessOrEqual, again);
  assembler.store(absent, 8);
  assembler.move(RAX, 8);
  assembler.exchangeAdd(count, RAX);
  assembler.arithmetic('add', RAX, 8);
  assembler.arithmetic('cmp', RAX, RSI);
  assembler.jumpIf(CONDITION.equal, complete);
  assembler.jump(again);

  assembler.bind(done);
  for (const each of [...SAVED].reverse()) assembler.pop(each);
  assembler.return();
}

/** Wakes all who sleep on the generation. */
function wake(assembler: Assembler): void {
  futex(assembler, WAKE_PRIVATE, () => {
    assembler.moveConstant(RDX, 0x7fffffff);
    assembler.moveConstant(10, 0);
  });
}

/** Sleeps while the generation is that of a register, but not for ever. */
function sleepWhile(assembler: Assembler, generation: number): void {
  // The time limit: seconds, then nanoseconds.
  assembler.moveConstant(RAX, PATIENCE_MS * 1e6);
  assembler.push(RAX);
  assembler.moveConstant(RAX, 0);
  assembler.push(RAX);
  assembler.move(10, RSP, true);
  futex(assembler, WAIT_PRIVATE, () => {
    assembler.move(RDX, generation);
  });
  assembler.arithmeticConstant('add', RSP, 16, true);
}

/** rax = futex(generation, operation, rdx, r10 = the time limit, if any). */
function futex(assembler: Assembler, operation: number, setArguments: () => void): void {
  assembler.push(RDI);
  assembler.push(RSI);
  setArguments();
  assembler.arithmeticConstant('add', RDI, 4 * ATTENDANCE.generation, true);
  assembler.moveConstant(RSI, operation);
  assembler.moveConstant(RAX, FUTEX);
  assembler.systemCall();
  assembler.pop(RSI);
  assembler.pop(RDI);
}
