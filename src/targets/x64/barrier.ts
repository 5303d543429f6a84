/** The function in which threads meet. */
import { CONDITION, Label, RAX, RBX, RDI, RDX, RSI, RSP, type Assembler, type Memory } from './assembler.js';
import { HEAP } from './selector.js';

/**
 * Rounds of looking at the generation before sleeping. A pause takes from 10 to 140 cycles, depending on the processor: from some microseconds
 * to some tens of them altogether.
 */
const SPINS = 1500;

/** Linux's system calls: 202 is futex. */
const FUTEX = 202;
const WAIT_PRIVATE = 128;
const WAKE_PRIVATE = 129;

/** Registers that the system calls and the code below use, and functions preserve. */
const SAVED = [RBX, RSI, RDI, 8, 10, 11];

/**
 * barrier(state, threads): `state` is the address of three words, count, generation and sleepers. The last thread to arrive sets the count back
 * and starts the next generation; the others watch the generation, which cannot pass by twice since the next one needs them. With `sleeps`
 * (on Linux) they sleep after a while; elsewhere they go on watching.
 */
export function emitBarrier(assembler: Assembler, sleeps: boolean): void {
  const done = new Label();
  const wait = new Label();
  const spin = new Label();
  const sleep = new Label();
  const parameter = (index: number): Memory => ({
    base: RSP,
    displacement: 8 * SAVED.length + 8 + 8 * index,
  });
  const count: Memory = { base: RDI, displacement: 0 };
  const generation: Memory = { base: RDI, displacement: 4 };
  const sleepers: Memory = { base: RDI, displacement: 8 };
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
  assembler.storeConstant(count, 0);
  add(generation, 1);
  if (sleeps) {
    assembler.load(RAX, sleepers);
    assembler.test(RAX, RAX);
    assembler.jumpIf(CONDITION.equal, done);
    futex(assembler, WAKE_PRIVATE, 0x7fffffff);
  }
  assembler.jump(done);

  assembler.bind(wait);
  assembler.moveConstant(8, SPINS);
  assembler.bind(spin);
  assembler.arithmetic('cmp', RBX, generation);
  assembler.jumpIf(CONDITION.notEqual, done);
  assembler.pause();
  if (sleeps) {
    assembler.arithmeticConstant('sub', 8, 1);
    assembler.jumpIf(CONDITION.notEqual, spin);
    assembler.bind(sleep);
    add(sleepers, 1);
    futex(assembler, WAIT_PRIVATE, RBX, true);
    add(sleepers, -1);
    assembler.arithmetic('cmp', RBX, generation);
    assembler.jumpIf(CONDITION.equal, sleep);
  } else assembler.jump(spin);

  assembler.bind(done);
  for (const each of [...SAVED].reverse()) assembler.pop(each);
  assembler.return();
}

/** futex(generation, operation, value or the value of a register, no time limit). */
function futex(assembler: Assembler, operation: number, value: number, isRegister = false): void {
  assembler.push(RDI);
  assembler.push(RSI);
  assembler.arithmeticConstant('add', RDI, 4, true);
  assembler.moveConstant(RSI, operation);
  if (isRegister) assembler.move(RDX, value);
  else assembler.moveConstant(RDX, value);
  assembler.moveConstant(10, 0);
  assembler.moveConstant(RAX, FUTEX);
  assembler.systemCall();
  assembler.pop(RSI);
  assembler.pop(RDI);
}
