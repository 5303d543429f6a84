/** The body of one WebAssembly function while it is written: its locals, its constants, and instructions with their operands. */
import type { Expr, Local, Type } from '../cpu/ir.js';
import { ByteWriter, EMPTY_BLOCK, VALUE_TYPE } from './binary.js';
import { OPCODES, type Opcode } from './opcodes.js';

/** Lanes of a v128 of 32-bit elements. */
export const LANES = 4;

const VALUE_TYPES: Readonly<Record<Type, number>> = {
  i32: VALUE_TYPE.i32,
  f32: VALUE_TYPE.f32,
  f64: VALUE_TYPE.f64,
  i32v: VALUE_TYPE.v128,
  f32v: VALUE_TYPE.v128,
  maskv: VALUE_TYPE.v128,
};

/** Writes what leaves the value of an expression on the stack. */
export type Push = (e: Expr) => void;

// Buffers are costly to make, and encoding is never interrupted: these serve all functions.
const scratch = { code: new ByteWriter(4096), entry: new ByteWriter(1024), body: new ByteWriter(4096) };

export class FunctionWriter {
  private readonly code = scratch.code;
  /** What runs on entry, before the code. */
  private readonly entry = scratch.entry;
  private readonly body = scratch.body;
  private locals = new Map<Local, number>();
  private localTypes: number[] = [];
  private parameterCount = 0;
  private vectorConstants = new Map<number, number>();
  private laneIndexLocal: number | undefined;
  private free = new Map<number, number[]>();

  begin(parameters: readonly Local[]): void {
    this.code.clear();
    this.entry.clear();
    this.body.clear();
    this.locals = new Map(parameters.map((each, index) => [each, index]));
    this.parameterCount = parameters.length;
    this.localTypes = [];
    this.vectorConstants = new Map();
    this.laneIndexLocal = undefined;
    this.free = new Map();
  }

  /** Locals and instructions; valid until the next function begins. */
  finish(): ByteWriter {
    this.op('end');
    this.writeLocals();
    this.body.append(this.entry.view8());
    this.body.append(this.code.view8());
    return this.body;
  }

  private writeLocals(): void {
    const runs: { type: number; count: number }[] = [];
    for (const type of this.localTypes) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    this.body.u32(runs.length);
    for (const { type, count } of runs) {
      this.body.u32(count);
      this.body.u8(type);
    }
  }

  // Locals

  private newLocal(valueType: number): number {
    return this.parameterCount + this.localTypes.push(valueType) - 1;
  }

  localIndex(local: Local): number {
    let index = this.locals.get(local);
    if (index === undefined) {
      index = this.newLocal(VALUE_TYPES[local.type]);
      this.locals.set(local, index);
    }
    return index;
  }

  /** A local for the encoder's own use; give it back with `release`. */
  take(valueType: number): number {
    return this.free.get(valueType)?.pop() ?? this.newLocal(valueType);
  }

  release(valueType: number, index: number): void {
    const list = this.free.get(valueType);
    if (list === undefined) this.free.set(valueType, [index]);
    else list.push(index);
  }

  // Constants

  i32(value: number): void {
    this.op('i32.const');
    this.code.s32(value);
  }

  scalar(type: 'i32' | 'f32' | 'f64', value: number): void {
    if (type === 'i32') {
      this.i32(value);
    } else if (type === 'f32') {
      this.op('f32.const');
      this.code.f32(value);
    } else {
      this.op('f64.const');
      this.code.f64(value);
    }
  }

  zeroVector(): void {
    writeVector(this.code, [0, 0, 0, 0]);
  }

  /** Four lanes of equal bits, from a local that is set on entry: constants inside loops cost up to 1.7 times as much. */
  sharedConstant(bits: number): void {
    let index = this.vectorConstants.get(bits);
    if (index === undefined) {
      index = this.vectorOnEntry([bits, bits, bits, bits]);
      this.vectorConstants.set(bits, index);
    }
    this.local('local.get', index);
  }

  /** 0, 1, 2, 3; from a local, as shared constants are. */
  laneIndices(): void {
    this.laneIndexLocal ??= this.vectorOnEntry([0, 1, 2, 3]);
    this.local('local.get', this.laneIndexLocal);
  }

  private vectorOnEntry(lanes: Vector): number {
    const index = this.newLocal(VALUE_TYPE.v128);
    writeVector(this.entry, lanes);
    this.entry.op(OPCODES['local.set']);
    this.entry.u32(index);
    return index;
  }

  // Instructions

  op(name: Opcode): void {
    this.code.op(OPCODES[name]);
  }

  /** An instruction by its number, as `select-opcode.ts` gives it. */
  opcode(code: number): void {
    this.code.op(code);
  }

  local(name: 'local.get' | 'local.set' | 'local.tee', index: number): void {
    this.op(name);
    this.code.u32(index);
  }

  memory(name: Opcode, align: number, offset: number): void {
    this.op(name);
    this.code.u32(align);
    this.code.u32(offset);
  }

  /** An access to memory that moves one lane of a vector only. */
  memoryLane(name: Opcode, align: number, offset: number, lane: number): void {
    this.memory(name, align, offset);
    this.code.u8(lane);
  }

  /** `memory.fill` or `memory.copy`, within the one memory there is. */
  bulkMemory(name: 'memory.fill' | 'memory.copy'): void {
    this.op(name);
    this.code.u8(0);
    if (name === 'memory.copy') this.code.u8(0);
  }

  lane(name: Opcode, lane: number): void {
    this.op(name);
    this.code.u8(lane);
  }

  /** Bytes of the two vectors on the stack, numbered 0 to 31. */
  shuffleBytes(byte: (n: number) => number): void {
    this.op('i8x16.shuffle');
    for (let n = 0; n < 16; n++) this.code.u8(byte(n));
  }

  /** Lanes of the two vectors on the stack, numbered 0 to 7. */
  shuffle(lanes: readonly number[]): void {
    this.op('i8x16.shuffle');
    for (const each of lanes) for (let byte = 0; byte < 4; byte++) this.code.u8(each * 4 + byte);
  }

  /** Duplicates the vector on the stack. */
  duplicateVector(): void {
    const copy = this.take(VALUE_TYPE.v128);
    this.local('local.tee', copy);
    this.local('local.get', copy);
    this.release(VALUE_TYPE.v128, copy);
  }

  call(index: number): void {
    this.op('call');
    this.code.u32(index);
  }

  /** Opens a construct that leaves nothing on the stack; `end` closes it. */
  open(name: 'block' | 'loop' | 'if'): void {
    this.op(name);
    this.code.u8(EMPTY_BLOCK);
  }

  /** A branch out of (or, of a loop, to the start of) the construct `depth` levels out. */
  branch(name: 'br' | 'br_if', depth: number): void {
    this.op(name);
    this.code.u32(depth);
  }
}

type Vector = readonly [number, number, number, number];

function writeVector(code: ByteWriter, lanes: Vector): void {
  code.op(OPCODES['v128.const']);
  for (const each of lanes) code.word(each);
}
