/** Words of the instructions on vector registers: floats, vectors, and what moves between them and general registers. */
import { NEAR, type CodeBuffer } from './code-buffer.js';
import {
  FLOAT_GENERAL,
  FLOAT_ONE,
  FLOAT_TWO,
  VECTOR_ACROSS,
  VECTOR_ELEMENT,
  VECTOR_LOGICAL,
  VECTOR_RESIZE,
  VECTOR_SHIFT,
  VECTOR_THREE,
  VECTOR_TWO,
  type Condition,
} from './instructions.js';

export type Float = 'f32' | 'f64';
/** Bits of a lane of 8, 16, 32 or 64 bits: a place in a register. */
export type LaneSize = 'b' | 'h' | 's' | 'd';

const format = (type: Float): number => (type === 'f64' ? 0x400000 : 0);
/** The lowest bit set tells the size of a lane; the number of the lane stands above it. */
const laneField = (lane: number): number => ((lane << 3) | 4) << 16;

export class VectorAssembler {
  protected readonly code: CodeBuffer;

  constructor(code: CodeBuffer) {
    this.code = code;
  }

  private emit(value: number): void {
    this.code.word(value >>> 0);
  }

  // Scalars

  floatTwo(op: keyof typeof FLOAT_TWO, type: Float, d: number, n: number, m: number): void {
    this.emit(FLOAT_TWO[op] | format(type) | (m << 16) | (n << 5) | d);
  }

  floatOne(op: keyof typeof FLOAT_ONE, type: Float, d: number, n: number): void {
    this.emit(FLOAT_ONE[op] | format(type) | (n << 5) | d);
  }

  /** d = n · m + a, rounded once. */
  floatMultiplyAdd(type: Float, d: number, n: number, m: number, a: number): void {
    this.emit(0x1f000000 | format(type) | (m << 16) | (a << 10) | (n << 5) | d);
  }

  floatCompare(type: Float, n: number, m: number): void {
    this.emit(0x1e202000 | format(type) | (m << 16) | (n << 5));
  }

  floatSelect(type: Float, d: number, n: number, m: number, condition: Condition): void {
    this.emit(0x1e200c00 | format(type) | (m << 16) | (condition << 12) | (n << 5) | d);
  }

  /** A float, from the eight bits that `floatImmediate` gives. */
  floatConstant(type: Float, d: number, field: number): void {
    this.emit(0x1e201000 | format(type) | (field << 13) | d);
  }

  /** Conversions: towards integers they are towards zero, saturate, and give 0 of NaN. */
  floatGeneral(op: keyof typeof FLOAT_GENERAL, type: Float, d: number, n: number, wide = false): void {
    this.emit(FLOAT_GENERAL[op] | format(type) | (wide ? 0x80000000 : 0) | (n << 5) | d);
  }

  widen(d: number, n: number): void {
    this.emit(0x1e22c000 | (n << 5) | d);
  }

  narrow(d: number, n: number): void {
    this.emit(0x1e624000 | (n << 5) | d);
  }

  /** The lowest 32 bits of a vector register; the rest of it becomes 0. */
  fromGeneral(d: number, n: number): void {
    this.emit(0x1e270000 | (n << 5) | d);
  }

  // Vectors

  three(op: keyof typeof VECTOR_THREE, d: number, n: number, m: number): void {
    this.emit(VECTOR_THREE[op] | (m << 16) | (n << 5) | d);
  }

  vectorLogical(op: keyof typeof VECTOR_LOGICAL, d: number, n: number, m: number): void {
    this.emit(VECTOR_LOGICAL[op] | (m << 16) | (n << 5) | d);
  }

  vectorNot(d: number, n: number): void {
    this.emit(0x6e205800 | (n << 5) | d);
  }

  moveVector(d: number, n: number): void {
    if (d !== n) this.vectorLogical('orr', d, n, n);
  }

  /** d = n op lane `lane` of m; fmla adds that to d. */
  byElement(op: keyof typeof VECTOR_ELEMENT, d: number, n: number, m: number, lane: number): void {
    this.emit(VECTOR_ELEMENT[op] | ((lane & 1) << 21) | ((lane >> 1) << 11) | (m << 16) | (n << 5) | d);
  }

  two(op: keyof typeof VECTOR_TWO, d: number, n: number): void {
    this.emit(VECTOR_TWO[op] | (n << 5) | d);
  }

  resize(op: keyof typeof VECTOR_RESIZE, d: number, n: number): void {
    this.emit(VECTOR_RESIZE[op] | (n << 5) | d);
  }

  /** Counts of 0 to 31; to the right from 1. */
  vectorShift(op: keyof typeof VECTOR_SHIFT, d: number, n: number, count: number): void {
    const field = op === 'shl' ? 32 + count : 64 - count;
    this.emit(VECTOR_SHIFT[op] | (field << 16) | (n << 5) | d);
  }

  across(op: keyof typeof VECTOR_ACROSS, d: number, n: number): void {
    this.emit(VECTOR_ACROSS[op] | (n << 5) | d);
  }

  /** The 16 bytes of n, then m, from byte `from` on. */
  extract(d: number, n: number, m: number, from: number): void {
    this.emit(0x6e000000 | (m << 16) | (from << 11) | (n << 5) | d);
  }

  /** One byte, moved by `shift` bytes, in each lane; or its inverse. */
  byteConstant(
    d: number,
    { byte, shift, inverted }: { byte: number; shift: number; inverted: boolean },
  ): void {
    const base = inverted ? 0x6f000400 : 0x4f000400;
    this.emit(base | (shift << 13) | ((byte >> 5) << 16) | ((byte & 31) << 5) | d);
  }

  /** A float in each lane, from the eight bits that `floatImmediate` gives. */
  vectorFloatConstant(d: number, field: number): void {
    this.emit(0x4f00f400 | ((field >> 5) << 16) | ((field & 31) << 5) | d);
  }

  /** A constant of one, two or four words, from behind the code. */
  loadLiteral(d: number, words: readonly number[]): void {
    const size = { 1: 0, 2: 1, 4: 2 }[words.length] ?? 2;
    this.code.distance(((size << 30) | 0x1c000000 | d) >>> 0, NEAR, this.code.literal(words));
  }

  // Lanes

  /** One lane of n in all of d. */
  duplicate(d: number, n: number, lane: number): void {
    this.emit(0x4e000400 | laneField(lane) | (n << 5) | d);
  }

  duplicateGeneral(d: number, n: number): void {
    this.emit(0x4e040c00 | (n << 5) | d);
  }

  /** One lane of n as the lowest one, and zeros above. */
  laneToFloat(d: number, n: number, lane: number): void {
    this.emit(0x5e000400 | laneField(lane) | (n << 5) | d);
  }

  laneToGeneral(d: number, n: number, lane: number): void {
    this.emit(0x0e003c00 | laneField(lane) | (n << 5) | d);
  }

  /** Lane `lane` of d = the lowest lane of n. */
  insertFloat(d: number, lane: number, n: number): void {
    this.emit(0x6e000400 | laneField(lane) | (n << 5) | d);
  }

  insertGeneral(d: number, lane: number, n: number): void {
    this.emit(0x4e001c00 | laneField(lane) | (n << 5) | d);
  }

  /** Lane `lane` of d from memory at a register's address, to which register `step` is added afterwards. */
  loadLane(size: LaneSize, d: number, lane: number, base: number, step?: number): void {
    this.laneAccess(0x0d400000, size, d, lane, base, step);
  }

  storeLane(size: LaneSize, d: number, lane: number, base: number): void {
    this.laneAccess(0x0d000000, size, d, lane, base);
  }

  private laneAccess(
    word: number,
    size: LaneSize,
    d: number,
    lane: number,
    base: number,
    step?: number,
  ): void {
    const update = step === undefined ? 0 : 0x00800000 | (step << 16);
    // The lane's number is spread over Q, S and size; what is not needed of these tells the size.
    const log = 'bhsd'.indexOf(size);
    const number = lane << log;
    const code = size === 'b' ? 0 : size === 'h' ? 0x4000 : 0x8000;
    const field = ((number >> 3) << 30) | ((number & 7) << 10) | (size === 'd' ? 0x400 : 0);
    this.emit(word | update | code | field | (base << 5) | d);
  }
}
