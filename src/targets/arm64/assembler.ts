/**
 * Words of A64 instructions, after the Arm Architecture Reference Manual (DDI 0487, chapter C4 for the fields). Registers are numbers 0 to 31; 31 is the
 * stack's or zero, as the instruction has it. General instructions are of 32 bits unless they say otherwise: writing 32 bits clears the upper half.
 */
import { InternalError } from '../../core/errors.js';
import { CodeBuffer, JUMP, NEAR, BIT_TEST, type Label } from './code-buffer.js';
import { isArithmeticImmediate, logicalImmediate } from './immediates.js';
import {
  ACCESS,
  ARITHMETIC,
  LOGICAL,
  MOVE_WIDE,
  MULTIPLY,
  negated,
  SELECT,
  TWO_SOURCES,
  type Access,
  type Condition,
} from './instructions.js';
import { VectorAssembler } from './vector-assembler.js';

export const ZERO = 31;
export const STACK = 31;
/** Where a call leaves the place to return to. */
export const LINK = 30;
/** The chain of frames, for those who look at stacks. Generated functions make no frames and leave it alone. */
export const FRAME = 29;

/** [base + offset], or [base + the unsigned 32-bit index]. */
export type Address =
  { readonly base: number; readonly offset: number } | { readonly base: number; readonly index: number };

const WIDE = 0x80000000;

export class Assembler extends VectorAssembler {
  constructor() {
    super(new CodeBuffer());
  }

  get position(): number {
    return this.code.position;
  }

  align(bytes: number): void {
    this.code.align(bytes);
  }

  bind(label: Label): void {
    this.code.bind(label);
  }

  placeLiterals(): void {
    this.code.placeLiterals();
  }

  finish(): Uint8Array {
    return this.code.finish();
  }

  private word(value: number): void {
    this.code.word(value >>> 0);
  }

  // Arithmetic. Register 31 is zero, except as the result or first operand of constants and extended registers: there it is the stack's.

  /** d = n op m · 2^shift. */
  arithmetic(op: keyof typeof ARITHMETIC, d: number, n: number, m: number, shift = 0, wide = false): void {
    this.word(ARITHMETIC[op] | (wide ? WIDE : 0) | (m << 16) | (shift << 10) | (n << 5) | d);
  }

  /** d = n op value, where the value fits: see `isArithmeticImmediate`. */
  arithmeticImmediate(op: keyof typeof ARITHMETIC, d: number, n: number, value: number, wide = false): void {
    if (!isArithmeticImmediate(value)) throw new InternalError(`arm64: ${value} does not fit ${op}`);
    const high = value >= 0x1000;
    const field = (high ? 0x400000 : 0) | ((high ? value >>> 12 : value) << 10);
    this.word((ARITHMETIC[op] ^ 0x1a000000) | (wide ? WIDE : 0) | field | (n << 5) | d);
  }

  /** d = n + m · 2^shift on 64 bits, with the low 32 bits of m as an unsigned or signed number. */
  addExtended(d: number, n: number, m: number, extension: 'uxtw' | 'sxtw', shift = 0): void {
    const option = extension === 'uxtw' ? 2 : 6;
    this.word(0x8b200000 | (m << 16) | (option << 13) | (shift << 10) | (n << 5) | d);
  }

  logical(op: keyof typeof LOGICAL, d: number, n: number, m: number): void {
    this.word(LOGICAL[op] | (m << 16) | (n << 5) | d);
  }

  /** d = n op value; gives whether the value could be held. */
  logicalImmediate(op: 'and' | 'orr' | 'eor', d: number, n: number, value: number): boolean {
    const field = logicalImmediate(value);
    if (field === undefined) return false;
    this.word((LOGICAL[op] ^ 0x18000000) | (field << 10) | (n << 5) | d);
    return true;
  }

  move(d: number, n: number, wide = false): void {
    if (d !== n || !wide) this.word(LOGICAL.orr | (wide ? WIDE : 0) | (n << 16) | (ZERO << 5) | d);
  }

  /** A part of 16 bits. movz clears and movn sets the others, and the part is inverted by the latter. */
  moveWide(op: keyof typeof MOVE_WIDE, d: number, part: number, place: number, wide = false): void {
    this.word(MOVE_WIDE[op] | (wide ? WIDE : 0) | (place << 21) | (part << 5) | d);
  }

  /** d = value, of 32 bits. */
  moveConstant(d: number, value: number): void {
    const low = value & 0xffff;
    const high = value >>> 16;
    if (high === 0xffff) this.moveWide('movn', d, ~low & 0xffff, 0);
    else if (low === 0xffff && high !== 0) this.moveWide('movn', d, ~high & 0xffff, 1);
    else if (low === 0 && high !== 0) this.moveWide('movz', d, high, 1);
    else if (high !== 0 && this.logicalImmediate('orr', d, ZERO, value)) return;
    else {
      this.moveWide('movz', d, low, 0);
      if (high !== 0) this.moveWide('movk', d, high, 1);
    }
  }

  /** d = value, of 64 bits and not negative. */
  moveConstant64(d: number, value: bigint): void {
    this.moveWide('movz', d, Number(value & 0xffffn), 0, true);
    for (let place = 1; place < 4; place++) {
      const part = Number((value >> BigInt(16 * place)) & 0xffffn);
      if (part !== 0) this.moveWide('movk', d, part, place, true);
    }
  }

  twoSources(op: keyof typeof TWO_SOURCES, d: number, n: number, m: number): void {
    this.word(TWO_SOURCES[op] | (m << 16) | (n << 5) | d);
  }

  shiftConstant(op: 'lsl' | 'lsr' | 'asr', d: number, n: number, count: number): void {
    // All three are moves of a field of bits.
    const [base, from, last] =
      op === 'lsl'
        ? [0x53000000, (32 - count) & 31, 31 - count]
        : [op === 'lsr' ? 0x53000000 : 0x13000000, count, 31];
    this.word(base | (from << 16) | (last << 10) | (n << 5) | d);
  }

  /** d = a ± n · m. */
  multiply(op: keyof typeof MULTIPLY, d: number, n: number, m: number, a = ZERO): void {
    this.word(MULTIPLY[op] | (m << 16) | (a << 10) | (n << 5) | d);
  }

  /** The upper 64 of the 128 bits of n · m, unsigned. */
  multiplyHigh64(d: number, n: number, m: number): void {
    this.word(0x9bc07c00 | (m << 16) | (n << 5) | d);
  }

  select(op: keyof typeof SELECT, d: number, n: number, m: number, condition: Condition): void {
    this.word(SELECT[op] | (m << 16) | (condition << 12) | (n << 5) | d);
  }

  /** d = 1 if the condition holds, else 0. */
  setCondition(d: number, condition: Condition): void {
    this.select('csinc', d, ZERO, ZERO, negated(condition));
  }

  // Memory

  /** Loads or stores. An offset must fit: see `fitsOffset`. */
  access(direction: 'load' | 'store', access: Access, register: number, address: Address): void {
    const { size, vector, bytes, [direction]: code } = ACCESS[access];
    this.reach((size << 30) | (vector ? 0x04000000 : 0) | (code << 22) | register, bytes, address);
  }

  /** Fetches a cache line into the nearest cache. An offset must fit as one of 8 bytes does. */
  prefetch(address: Address): void {
    this.reach((3 << 30) | (2 << 22), 8, address);
  }

  private reach(fields: number, bytes: number, address: Address): void {
    const word = 0x38000000 | fields | (address.base << 5);
    if ('index' in address)
      // The index is extended with zeros and not moved.
      this.word(word | 0x200800 | (address.index << 16) | (2 << 13));
    else if (!fitsOffset(address.offset, bytes))
      throw new InternalError(`arm64: an offset of ${address.offset} is too far for ${bytes} bytes`);
    else if (address.offset >= 0 && address.offset % bytes === 0)
      this.word(word | 0x01000000 | ((address.offset / bytes) << 10));
    else this.word(word | ((address.offset & 0x1ff) << 12));
  }

  /** Two registers of 64 bits, at the base plus the offset; 'before' and 'after' leave that sum in the base. */
  pair(
    direction: 'load' | 'store',
    first: number,
    second: number,
    { base, offset }: { readonly base: number; readonly offset: number },
    { update, vector = false }: { readonly update?: 'before' | 'after'; readonly vector?: boolean } = {},
  ): void {
    if (offset % 8 !== 0 || offset < -512 || offset > 504)
      throw new InternalError(`arm64: an offset of ${offset} is too far for a pair`);
    const mode = update === undefined ? 0x01000000 : update === 'before' ? 0x01800000 : 0x00800000;
    const word = (vector ? 0x6c000000 : 0xa8000000) | mode | (direction === 'load' ? 0x400000 : 0);
    this.word(word | (((offset / 8) & 0x7f) << 15) | (second << 10) | (base << 5) | first);
  }

  // Memory that several threads use: words at the address in a register.

  /** Loads, seen before everything that follows. */
  loadAcquire(t: number, base: number): void {
    this.word(0x88dffc00 | (base << 5) | t);
  }

  /** {@link loadAcquire}, for {@link storeExclusive} to go with. */
  loadExclusive(t: number, base: number): void {
    this.word(0x885ffc00 | (base << 5) | t);
  }

  /** Stores, seen after everything before, if nobody has written there since the load; `status` becomes 0 if so, else 1. */
  storeExclusive(status: number, t: number, base: number): void {
    this.word(0x8800fc00 | (status << 16) | (base << 5) | t);
  }

  // Jumps

  jump(label: Label): void {
    this.code.distance(0x14000000, JUMP, label);
  }

  call(label: Label): void {
    this.code.distance(0x94000000, JUMP, label);
  }

  callRegister(n: number): void {
    this.word(0xd63f0000 | (n << 5));
  }

  return(): void {
    this.word(0xd65f0000 | (LINK << 5));
  }

  jumpIf(condition: Condition, label: Label): void {
    this.code.distance(0x54000000 | condition, NEAR, label);
  }

  jumpIfZero(n: number, label: Label): void {
    this.code.distance(0x34000000 | n, NEAR, label);
  }

  jumpUnlessZero(n: number, label: Label): void {
    this.code.distance(0x35000000 | n, NEAR, label);
  }

  /** Of a bit below 32. */
  jumpIfBitClear(n: number, bit: number, label: Label): void {
    this.code.distance(0x36000000 | (bit << 19) | n, BIT_TEST, label);
  }

  // The system

  /** Starts again at the next instruction, which takes some tens of cycles: a pause. */
  instructionBarrier(): void {
    this.word(0xd5033fdf);
  }

  /** All memory accesses before come before all that follow, for the threads of this process. */
  memoryBarrier(): void {
    this.word(0xd5033bbf);
  }

  systemCall(): void {
    this.word(0xd4000001);
  }

  /** The counter that runs evenly and in step on all cores. */
  readClock(d: number): void {
    this.word(0xd53be040 | d);
  }
}

/** Whether an instruction that reaches `bytes` bytes can hold an offset. */
export const fitsOffset = (offset: number, bytes: number): boolean =>
  (offset >= -256 && offset < 256) || (offset >= 0 && offset % bytes === 0 && offset / bytes < 4096);
