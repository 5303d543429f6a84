/**
 * Bytes of x64 instructions, after Intel's Software Developer's Manual, volume 2. Registers are numbers 0 to 15 (general, in the
 * machine's own order: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 …) and 0 to 31 (vectors), masks 0 to 7. Vector instructions get the VEX form
 * where that reaches, else the EVEX form.
 */
import { InternalError } from '../../core/errors.js';
import type { VectorOp } from './vector-ops.js';

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;

/** [base + index · 2^scale + displacement]. */
export interface Memory {
  readonly base: number;
  readonly index?: number;
  /** 0 to 3. */
  readonly scale?: number;
  readonly displacement: number;
}

/** Data behind the code, addressed relative to the instruction. */
export interface ConstantMemory {
  readonly constant: number;
}

type Place = number | Memory | ConstantMemory;

/** A place in the code, perhaps not known yet. */
export class Label {
  position = -1;
  /** Where 32-bit distances to this label are to be filled in. */
  readonly uses: number[] = [];
}

/** Vector lengths: 128, 256 and 512 bits. */
export type VectorLength = 0 | 1 | 2;

export interface VectorOptions {
  readonly immediate?: number;
  /** Lanes to write: a mask register from 1 on. */
  readonly mask?: number;
  /** Other lanes become zero instead of staying as they are. */
  readonly zero?: boolean;
  /** One element of memory, for all lanes. */
  readonly broadcast?: boolean;
}

/** add, or, … in the order of their codes. */
export type Arithmetic = 'add' | 'or' | 'adc' | 'sbb' | 'and' | 'sub' | 'xor' | 'cmp';
const ARITHMETIC: readonly Arithmetic[] = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'];

/** Conditions in the order of their codes: o, no, below, … */
export const CONDITION = {
  below: 2,
  aboveOrEqual: 3,
  equal: 4,
  notEqual: 5,
  belowOrEqual: 6,
  above: 7,
  parity: 10,
  noParity: 11,
  less: 12,
  greaterOrEqual: 13,
  lessOrEqual: 14,
  greater: 15,
} as const;
export type Condition = (typeof CONDITION)[keyof typeof CONDITION];

/** The opposite condition. */
export const negated = (condition: Condition): Condition => (condition ^ 1) as Condition;

const fits8 = (value: number): boolean => value >= -128 && value <= 127;

/** The alignment of vectors among the constants, in bytes. */
const CONSTANT_ALIGNMENT = 64;

export class Assembler {
  private buffer = new Uint8Array(1 << 14);
  private view = new DataView(this.buffer.buffer);
  private length = 0;
  /** Constants by their bytes, as 32-bit words; and where the code refers to them. */
  private readonly constants = new Map<string, number>();
  private readonly data: number[][] = [];
  private readonly constantUses: { at: number; constant: number }[] = [];

  get position(): number {
    return this.length;
  }

  // Bytes

  byte(value: number): void {
    if (this.length === this.buffer.length) this.grow();
    this.buffer[this.length++] = value;
  }

  private grow(): void {
    const larger = new Uint8Array(this.buffer.length * 2);
    larger.set(this.buffer);
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }

  private int32(value: number): void {
    while (this.length + 4 > this.buffer.length) this.grow();
    this.view.setInt32(this.length, value | 0, true);
    this.length += 4;
  }

  private fourBytes(first: number, second: number, third: number, fourth: number): void {
    this.int32(first | (second << 8) | (third << 16) | (fourth << 24));
  }

  bytes(values: readonly number[]): void {
    for (const each of values) this.byte(each);
  }

  /** Fills up with instructions that do nothing until the position is a multiple of `to`. */
  align(to: number): void {
    let missing = (to - (this.length % to)) % to;
    while (missing > 0) {
      const size = Math.min(missing, 9);
      this.bytes(NOPS[size - 1] ?? [0x90]);
      missing -= size;
    }
  }

  // Labels and constants

  bind(label: Label): void {
    label.position = this.length;
    for (const at of label.uses) this.view.setInt32(at, label.position - (at + 4), true);
    label.uses.length = 0;
  }

  private distance(label: Label): void {
    if (label.position >= 0) {
      this.int32(label.position - (this.length + 4));
      return;
    }
    label.uses.push(this.length);
    this.int32(0);
  }

  /** Words to be laid down behind the code; equal ones once. */
  constant(words: readonly number[]): ConstantMemory {
    const key = words.join();
    let constant = this.constants.get(key);
    if (constant === undefined) {
      constant = this.data.push([...words]) - 1;
      this.constants.set(key, constant);
    }
    return { constant };
  }

  /** The code with its constants. Nothing may be added afterwards. */
  finish(): Uint8Array {
    const places: number[] = [];
    // Long ones first: each is then aligned to its own length.
    const order = this.data
      .map((_, n) => n)
      .sort((a, b) => (this.data[b]?.length ?? 0) - (this.data[a]?.length ?? 0));
    if (order.length > 0) this.align(CONSTANT_ALIGNMENT);
    for (const n of order) {
      places[n] = this.length;
      for (const word of this.data[n] ?? []) this.int32(word);
    }
    for (const { at, constant } of this.constantUses) {
      const place = places[constant] ?? 0;
      // The displacement counts from the end of the instruction, which it was told when it was written.
      this.view.setInt32(at, place + this.view.getInt32(at, true), true);
    }
    return this.buffer.slice(0, this.length);
  }

  // The parts of an instruction

  /** ModRM, SIB and displacement. `compression` is the unit of one-byte displacements; `behind` the bytes that follow. */
  private operand(reg: number, place: Place, compression: number, behind: number): void {
    const field = (reg & 7) << 3;
    if (typeof place === 'number') {
      this.byte(0xc0 | field | (place & 7));
      return;
    }
    if ('constant' in place) {
      this.byte(field | 5);
      this.constantUses.push({ at: this.length, constant: place.constant });
      this.int32(-(this.length + 4 + behind));
      return;
    }
    const { base, index, scale = 0, displacement } = place;
    const isPlain = displacement === 0 && (base & 7) !== RBP;
    const short = displacement / compression;
    const isShort = Number.isInteger(short) && fits8(short);
    const mode = isPlain ? 0 : isShort ? 0x40 : 0x80;
    if (index === undefined && (base & 7) !== RSP) this.byte(mode | field | (base & 7));
    else {
      this.byte(mode | field | 4);
      this.byte((scale << 6) | (((index ?? 4) & 7) << 3) | (base & 7));
    }
    if (isPlain) return;
    if (isShort) this.byte(short & 0xff);
    else this.int32(displacement);
  }

  /** The prefix of a general instruction. */
  private rex(wide: boolean, reg: number, place: Place, isByte = false): void {
    const rex = (wide ? 8 : 0) | ((reg >> 1) & 4) | extensions(place);
    // Without a prefix, the bytes 4 to 7 would be ah to bh.
    if (rex !== 0 || (isByte && (reg >= 4 || (typeof place === 'number' && place >= 4))))
      this.byte(0x40 | rex);
  }

  /** An instruction of general registers. Its code has one byte or two. */
  private general(code: number, reg: number, place: Place, wide = false, behind = 0): void {
    // Four means none. As a vector, it can be an index.
    if (typeof place !== 'number' && 'index' in place && place.index === RSP)
      throw new InternalError('x64: rsp cannot be an index');
    this.rex(wide, reg, place);
    if (code > 0xff) this.byte(code >> 8);
    this.byte(code & 0xff);
    this.operand(reg, place, 1, behind);
  }

  // General instructions, of 32 bits unless they say otherwise. Writing 32 bits clears the upper half.

  move(to: number, from: number, wide = false): void {
    if (to !== from || !wide) this.general(0x8b, to, from, wide);
  }

  moveConstant(to: number, value: number): void {
    if (value === 0) this.general(0x33, to, to);
    else {
      if (to >= 8) this.byte(0x41);
      this.byte(0xb8 | (to & 7));
      this.int32(value);
    }
  }

  moveConstant64(to: number, value: bigint): void {
    this.byte(0x48 | (to >= 8 ? 1 : 0));
    this.byte(0xb8 | (to & 7));
    this.int32(Number(BigInt.asIntN(32, value)));
    this.int32(Number(BigInt.asIntN(32, value >> 32n)));
  }

  load(to: number, from: Memory, wide = false): void {
    this.general(0x8b, to, from, wide);
  }

  loadByte(to: number, from: Memory, signed: boolean): void {
    this.general(signed ? 0x0fbe : 0x0fb6, to, from);
  }

  loadWord(to: number, from: Memory): void {
    this.general(0x0fb7, to, from);
  }

  store(to: Memory, from: number, wide = false): void {
    this.general(0x89, from, to, wide);
  }

  storeConstant(to: Memory, value: number): void {
    this.general(0xc7, 0, to, false, 4);
    this.int32(value);
  }

  storeByte(to: Memory, from: number): void {
    this.rex(false, from, to, true);
    this.byte(0x88);
    this.operand(from, to, 1, 0);
  }

  storeWord(to: Memory, from: number): void {
    this.byte(0x66);
    this.general(0x89, from, to);
  }

  loadAddress(to: number, from: Memory, wide = false): void {
    this.general(0x8d, to, from, wide);
  }

  arithmetic(op: Arithmetic, to: number, from: number | Memory, wide = false): void {
    this.general((ARITHMETIC.indexOf(op) << 3) | 3, to, from, wide);
  }

  arithmeticConstant(op: Arithmetic, to: number, value: number, wide = false): void {
    const small = fits8(value);
    this.general(small ? 0x83 : 0x81, ARITHMETIC.indexOf(op), to, wide, small ? 1 : 4);
    if (small) this.byte(value & 0xff);
    else this.int32(value);
  }

  test(a: number, b: number): void {
    this.general(0x85, b, a);
  }

  multiply(to: number, from: number): void {
    this.general(0x0faf, to, from);
  }

  multiplyConstant(to: number, from: number, value: number, wide = false): void {
    const small = fits8(value);
    this.general(small ? 0x6b : 0x69, to, from, wide, small ? 1 : 4);
    if (small) this.byte(value & 0xff);
    else this.int32(value);
  }

  negate(to: number, wide = false): void {
    this.general(0xf7, 3, to, wide);
  }

  invert(to: number): void {
    this.general(0xf7, 2, to);
  }

  /** shl 4, shr 5, sar 7. */
  shiftConstant(kind: 4 | 5 | 7, to: number, count: number, wide = false): void {
    this.general(0xc1, kind, to, wide, 1);
    this.byte(count);
  }

  /** Counts in a register, taken modulo 32. */
  shift(kind: 4 | 5 | 7, to: number, from: number, count: number): void {
    this.vexGeneral(0xf7, { 4: 1, 5: 3, 7: 2 }[kind], to, count, from, false);
  }

  /** The lowest `count` bits of `from`, for counts of 0 to 255. */
  lowestBits(to: number, from: number, count: number): void {
    this.vexGeneral(0xf5, 0, to, count, from, false);
  }

  /** The upper half of rdx · from goes to `high`, the lower to `low`. */
  multiplyHigh64(high: number, low: number, from: number): void {
    this.vexGeneral(0xf6, 3, high, low, from, true);
  }

  /** A BMI2 instruction. */
  private vexGeneral(
    code: number,
    prefix: number,
    reg: number,
    vvvv: number,
    rm: number,
    wide: boolean,
  ): void {
    this.byte(0xc4);
    this.byte((reg < 8 ? 0x80 : 0) | 0x40 | (rm < 8 ? 0x20 : 0) | 2);
    this.byte((wide ? 0x80 : 0) | ((~vvvv & 15) << 3) | prefix);
    this.byte(code);
    this.operand(reg, rm, 1, 0);
  }

  /** rax = (rdx:rax) / by and rdx = the remainder; unsigned or signed, of 32 bits. */
  divide(by: number, signed: boolean): void {
    this.general(0xf7, signed ? 7 : 6, by);
  }

  /** edx = the sign of eax. */
  spreadSign(): void {
    this.byte(0x99);
  }

  setCondition(condition: Condition, to: number): void {
    this.rex(false, 0, to, true);
    this.bytes([0x0f, 0x90 | condition]);
    this.operand(0, to, 1, 0);
  }

  /** Clears the bits above the lowest byte. */
  extendByte(to: number, from: number): void {
    this.rex(false, to, from, from >= 4);
    this.bytes([0x0f, 0xb6]);
    this.operand(to, from, 1, 0);
  }

  moveIf(condition: Condition, to: number, from: number): void {
    this.general(0x0f40 | condition, to, from);
  }

  push(register: number): void {
    if (register >= 8) this.byte(0x41);
    this.byte(0x50 | (register & 7));
  }

  pop(register: number): void {
    if (register >= 8) this.byte(0x41);
    this.byte(0x58 | (register & 7));
  }

  jump(label: Label): void {
    this.byte(0xe9);
    this.distance(label);
  }

  jumpIf(condition: Condition, label: Label): void {
    if (label.position >= 0 && fits8(label.position - (this.length + 2))) {
      this.byte(0x70 | condition);
      this.byte((label.position - (this.length + 1)) & 0xff);
      return;
    }
    this.bytes([0x0f, 0x80 | condition]);
    this.distance(label);
  }

  call(label: Label): void {
    this.byte(0xe8);
    this.distance(label);
  }

  callRegister(register: number): void {
    this.general(0xff, 2, register);
  }

  return(): void {
    this.byte(0xc3);
  }

  /** Adds `from` to memory, one processor at a time; `from` becomes what was there before. */
  exchangeAdd(to: Memory, from: number): void {
    this.byte(0xf0);
    this.general(0x0fc1, from, to);
  }

  pause(): void {
    this.bytes([0xf3, 0x90]);
  }

  systemCall(): void {
    this.bytes([0x0f, 0x05]);
  }

  /** edx:eax = the time stamp. */
  readClock(): void {
    this.bytes([0x0f, 0x31]);
  }

  zeroUpper(): void {
    this.bytes([0xc5, 0xf8, 0x77]);
  }

  /** Into the cache: 0 the nearest to 2 the farthest level. */
  prefetch(from: Memory, level: 0 | 1 | 2): void {
    this.general(0x0f18, level === 0 ? 1 : level === 1 ? 2 : 3, from);
  }

  // Vector instructions

  /** reg, source (0 where the instruction has none) and a register or memory. */
  vector(
    op: VectorOp,
    length: VectorLength,
    reg: number,
    source: number,
    place: Place,
    options: VectorOptions = {},
  ): void {
    const { immediate, mask = 0, broadcast = false } = options;
    const behind = immediate === undefined ? 0 : 1;
    const high = reg >= 16 || source >= 16 || (typeof place === 'number' && place >= 16);
    if (op.form === 'evex' || (op.form !== 'vex' && (length === 2 || high || mask > 0 || broadcast))) {
      this.evex(op, length, reg, source, place, options, isGatherIndexHigh(op, place));
      const unit = broadcast
        ? op.element
        : op.bytes === 'vector'
          ? 16 << length
          : typeof op.bytes === 'number'
            ? op.bytes
            : (16 << length) / op.bytes.part;
      this.operand(reg, place, unit, behind);
    } else {
      if (high || length === 2) throw new InternalError('x64: registers beyond what VEX reaches');
      this.vex(op, length, reg, source, place);
      this.operand(reg, place, 1, behind);
    }
    if (immediate !== undefined) this.byte(immediate);
  }

  private vex(
    op: Pick<VectorOp, 'code' | 'prefix' | 'map' | 'wide'>,
    length: 0 | 1,
    reg: number,
    source: number,
    place: Place,
  ): void {
    const extension = extensions(place);
    const last = ((~source & 15) << 3) | (length << 2) | op.prefix;
    if (extension === 0 && !op.wide && op.map === 1) {
      this.byte(0xc5);
      this.byte((reg < 8 ? 0x80 : 0) | last);
      this.byte(op.code);
    } else {
      const second = (reg & 8 ? 0 : 0x80) | ((extension ^ 3) << 5) | op.map;
      this.fourBytes(0xc4, second, (op.wide ? 0x80 : 0) | last, op.code);
    }
  }

  private evex(
    op: VectorOp,
    length: VectorLength,
    reg: number,
    source: number,
    place: Place,
    { mask = 0, zero = false, broadcast = false }: VectorOptions,
    indexHigh: boolean,
  ): void {
    const second = (reg & 8 ? 0 : 0x80) | ((extensions(place) ^ 3) << 5) | (reg & 16 ? 0 : 0x10) | op.map;
    const third = (op.wide ? 0x80 : 0) | ((~source & 15) << 3) | 4 | op.prefix;
    const v5 = indexHigh || (source & 16) !== 0 ? 0 : 8;
    const fourth = (zero ? 0x80 : 0) | (length << 5) | (broadcast ? 0x10 : 0) | v5 | mask;
    this.fourBytes(0x62, second, third, fourth);
    this.byte(op.code);
  }

  /** A VEX instruction of mask registers: code, prefix and so on as the manual has them. */
  maskInstruction(
    code: number,
    prefix: VectorOp['prefix'],
    long: boolean,
    reg: number,
    source: number,
    place: Place,
    wide = false,
  ): void {
    this.vex({ code, prefix, map: 1, wide }, long ? 1 : 0, reg, source, place);
    this.operand(reg, place, 1, 0);
  }
}

/** The bits that do not fit into ModRM and SIB: X · 2 + B. With EVEX, a register has its fifth bit in X. */
function extensions(place: Place): number {
  if (typeof place === 'number') return (place >> 3) & 3;
  if ('constant' in place) return 0;
  return (((place.index ?? 0) >> 2) & 2) | ((place.base >> 3) & 1);
}

const isGatherIndexHigh = (op: VectorOp, place: Place): boolean =>
  op.vectorIndex === true && typeof place !== 'number' && 'index' in place && ((place.index ?? 0) & 16) !== 0;

/** The recommended instructions without effect, of 1 to 9 bytes. */
const NOPS: readonly (readonly number[])[] = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];
