/** One function of the loop IR → the body of a WebAssembly function. Vectors have four lanes. */
import { InternalError } from '../../core/errors.js';
import {
  ELEMENT_BYTES,
  isVector,
  type ConvertOp,
  type Element,
  type Expr,
  type Func,
  type HostFunction,
  type Local,
  type Statement,
  type Type,
} from '../cpu/ir.js';
import { ByteWriter, VALUE_TYPE } from './binary.js';
import { OPCODES, type Opcode } from './opcodes.js';
import { binaryOpcode, compareOpcode, unaryOpcode } from './select-opcode.js';

/** Where the functions of a module are in its index space. */
export interface Indices {
  readonly hosts: ReadonlyMap<HostFunction, number>;
  readonly functions: ReadonlyMap<string, number>;
  readonly barrier: number;
}

const LANES = 4;
const EMPTY_BLOCK = 0x40;

const VALUE_TYPES: Readonly<Record<Type, number>> = {
  i32: VALUE_TYPE.i32,
  f32: VALUE_TYPE.f32,
  f64: VALUE_TYPE.f64,
  i32v: VALUE_TYPE.v128,
  f32v: VALUE_TYPE.v128,
  maskv: VALUE_TYPE.v128,
};

/** Base 2 logarithm of an element's size: its alignment, and the shift from indices to bytes. */
const LOG2_BYTES: Readonly<Record<Element, number>> = { f32: 2, f64: 3, i32: 2, u8: 0, i8: 0, u16: 1 };

const SCALAR_LOAD: Readonly<Record<Element, Opcode>> = {
  f32: 'f32.load',
  f64: 'f64.load',
  i32: 'i32.load',
  u8: 'i32.load8_u',
  i8: 'i32.load8_s',
  u16: 'i32.load16_u',
};

const LANE_STORE: Readonly<Record<Element, Opcode | undefined>> = {
  f32: 'v128.store32_lane',
  i32: 'v128.store32_lane',
  u8: 'v128.store8_lane',
  i8: 'v128.store8_lane',
  u16: 'v128.store16_lane',
  f64: undefined,
};

/** What `type.op.from` is in WebAssembly; reinterpreted vectors and scalar truth values need nothing. */
const CONVERT: Readonly<Record<string, Opcode | undefined>> = {
  'f32 fromS i32': 'f32.convert_i32_s',
  'f32 fromU i32': 'f32.convert_i32_u',
  'f64 fromS i32': 'f64.convert_i32_s',
  'f64 fromU i32': 'f64.convert_i32_u',
  'f32v fromS i32v': 'f32x4.convert_i32x4_s',
  'f32v fromU i32v': 'f32x4.convert_i32x4_u',
  'i32 toS f32': 'i32.trunc_sat_f32_s',
  'i32 toU f32': 'i32.trunc_sat_f32_u',
  'i32 toS f64': 'i32.trunc_sat_f64_s',
  'i32 toU f64': 'i32.trunc_sat_f64_u',
  'i32v toS f32v': 'i32x4.trunc_sat_f32x4_s',
  'i32v toU f32v': 'i32x4.trunc_sat_f32x4_u',
  'f64 widen f32': 'f64.promote_f32',
  'f32 narrow f64': 'f32.demote_f64',
  'i32 bits f32': 'i32.reinterpret_f32',
  'f32 bits i32': 'f32.reinterpret_i32',
};

/** Buffers are costly to make, and encoding is never interrupted: these serve all functions. */
const scratch = { code: new ByteWriter(4096), entry: new ByteWriter(1024), body: new ByteWriter(4096) };

const bitsOf = new DataView(new ArrayBuffer(4));

/** The 32 bits of a constant's lane. */
function laneBits(type: 'i32' | 'f32', value: number): number {
  if (type === 'i32') return value | 0;
  bitsOf.setFloat32(0, value);
  return bitsOf.getInt32(0);
}

/** Whether two expressions are evidently the same. */
function same(a: Expr, b: Expr): boolean {
  return a === b || (a.kind === 'local' && b.kind === 'local' && a.local === b.local);
}

/** The number in every lane, if it is a constant other than NaN and -0. */
function numberIn(e: Expr): number | undefined {
  if (e.kind !== 'splat' || e.a.kind !== 'const') return undefined;
  const { value } = e.a;
  return Number.isNaN(value) || Object.is(value, -0) ? undefined : value;
}

export class FunctionEncoder {
  /** Whether the last function met a barrier. */
  metBarrier = false;

  private readonly indices: Indices;
  private readonly relaxedFma: boolean;
  private readonly code = scratch.code;
  private readonly entry = scratch.entry;
  private readonly body = scratch.body;
  private locals = new Map<Local, number>();
  private localTypes: number[] = [];
  private parameterCount = 0;
  private vectorConstants = new Map<number, number>();
  private laneIndexLocal: number | undefined;
  private free = new Map<number, number[]>();

  constructor(indices: Indices, relaxedFma: boolean) {
    this.indices = indices;
    this.relaxedFma = relaxedFma;
  }

  /** Locals and instructions of `func`; valid until the next call. */
  encode(func: Func): ByteWriter {
    this.metBarrier = false;
    this.code.clear();
    this.entry.clear();
    this.body.clear();
    this.locals = new Map(func.parameters.map((each, index) => [each, index]));
    this.parameterCount = func.parameters.length;
    this.localTypes = [];
    this.vectorConstants = new Map();
    this.laneIndexLocal = undefined;
    this.free = new Map();

    this.statements(func.body);
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

  private localIndex(local: Local): number {
    let index = this.locals.get(local);
    if (index === undefined) {
      index = this.newLocal(VALUE_TYPES[local.type]);
      this.locals.set(local, index);
    }
    return index;
  }

  /** A local for the encoder's own use; give it back with `release`. */
  private take(valueType: number): number {
    return this.free.get(valueType)?.pop() ?? this.newLocal(valueType);
  }

  private release(valueType: number, index: number): void {
    const list = this.free.get(valueType);
    if (list === undefined) this.free.set(valueType, [index]);
    else list.push(index);
  }

  // Instructions

  private op(name: Opcode): void {
    this.code.op(OPCODES[name]);
  }

  private local(name: 'local.get' | 'local.set' | 'local.tee', index: number): void {
    this.op(name);
    this.code.u32(index);
  }

  private i32(value: number): void {
    this.op('i32.const');
    this.code.s32(value);
  }

  private memory(name: Opcode, align: number, offset: number): void {
    this.op(name);
    this.code.u32(align);
    this.code.u32(offset);
  }

  private lane(name: Opcode, lane: number): void {
    this.op(name);
    this.code.u8(lane);
  }

  private vectorConstant(code: ByteWriter, lanes: readonly [number, number, number, number]): void {
    code.op(OPCODES['v128.const']);
    for (const each of lanes) code.word(each);
  }

  /** Four lanes of equal bits, from a local that is set on entry: constants inside loops cost up to 1.7 times as much. */
  private sharedConstant(bits: number): void {
    let index = this.vectorConstants.get(bits);
    if (index === undefined) {
      index = this.newLocal(VALUE_TYPE.v128);
      this.vectorConstants.set(bits, index);
      this.vectorConstant(this.entry, [bits, bits, bits, bits]);
      this.entry.op(OPCODES['local.set']);
      this.entry.u32(index);
    }
    this.local('local.get', index);
  }

  private laneIndices(): void {
    if (this.laneIndexLocal === undefined) {
      this.laneIndexLocal = this.newLocal(VALUE_TYPE.v128);
      this.vectorConstant(this.entry, [0, 1, 2, 3]);
      this.entry.op(OPCODES['local.set']);
      this.entry.u32(this.laneIndexLocal);
    }
    this.local('local.get', this.laneIndexLocal);
  }

  // Expressions: each leaves its value on the stack.

  private expr(e: Expr): void {
    switch (e.kind) {
      case 'const': {
        this.scalarConstant(e.type, e.value);
        return;
      }
      case 'local': {
        this.local('local.get', this.localIndex(e.local));
        return;
      }
      case 'unary': {
        this.unary(e);
        return;
      }
      case 'binary': {
        this.binary(e);
        return;
      }
      case 'compare':
        this.expr(e.a);
        this.expr(e.b);
        {
          this.code.op(compareOpcode(e.op, e.a.type));
          return;
        }
      case 'fma': {
        this.fma(e);
        return;
      }
      case 'select':
        this.select(e);
        return;
      case 'convert': {
        this.convert(e.op, e.type, e.a);
        return;
      }
      case 'load': {
        this.load(e);
        return;
      }
      case 'loadSplat':
        this.expr(e.address);
        {
          this.memory('v128.load32_splat', 2, e.offset);
          return;
        }
      case 'loadStrided': {
        this.loadStrided(e);
        return;
      }
      case 'gather': {
        this.gather(e);
        return;
      }
      case 'splat': {
        this.splat(e);
        return;
      }
      case 'laneIndex': {
        this.laneIndices();
        return;
      }
      case 'lanes': {
        this.lanes(e);
        return;
      }
      case 'reduceLanes': {
        this.reduceLanes(e);
        return;
      }
      case 'extract':
        this.expr(e.a);
        {
          this.lane(e.a.type === 'f32v' ? 'f32x4.extract_lane' : 'i32x4.extract_lane', e.lane);
          return;
        }
      case 'host':
        for (const each of e.args) this.expr(each);
        this.op('call');
        {
          this.code.u32(this.indices.hosts.get(e.name) ?? 0);
          return;
        }
      case 'atomicAdd':
        this.expr(e.address);
        this.expr(e.value);
        {
          this.memory('i32.atomic.rmw.add', 2, 0);
          return;
        }
    }
  }

  private scalarConstant(type: 'i32' | 'f32' | 'f64', value: number): void {
    switch (type) {
      case 'i32': {
        this.i32(value);
        return;
      }
      case 'f32':
        this.op('f32.const');
        {
          this.code.f32(value);
          return;
        }
      case 'f64':
        this.op('f64.const');
        {
          this.code.f64(value);
          return;
        }
    }
  }

  private unary(e: Extract<Expr, { kind: 'unary' }>): void {
    const code = unaryOpcode(e.op, e.type);
    if (code !== undefined) {
      this.expr(e.a);
      this.code.op(code);
      return;
    }
    if (e.type !== 'i32') throw new InternalError(`wasm: no ${e.op} of ${e.type}`);
    switch (e.op) {
      case 'neg':
        this.i32(0);
        this.expr(e.a);
        {
          this.op('i32.sub');
          return;
        }
      case 'not':
        this.expr(e.a);
        this.i32(-1);
        {
          this.op('i32.xor');
          return;
        }
      case 'abs': {
        // (x ^ s) - s, where s is -1 for negative x and 0 for others.
        const x = this.take(VALUE_TYPE.i32);
        this.expr(e.a);
        this.local('local.tee', x);
        this.signOf(x);
        this.op('i32.xor');
        this.signOf(x);
        this.op('i32.sub');
        this.release(VALUE_TYPE.i32, x);
        return;
      }
      default:
        throw new InternalError(`wasm: no ${e.op} of ${e.type}`);
    }
  }

  private signOf(x: number): void {
    this.local('local.get', x);
    this.i32(31);
    this.op('i32.shr_s');
  }

  private binary(e: Extract<Expr, { kind: 'binary' }>): void {
    if (e.type === 'f32v' && (e.op === 'min' || e.op === 'max')) {
      const bound = numberIn(e.b) ?? numberIn(e.a);
      if (bound !== undefined) {
        this.limit(e.op, numberIn(e.b) === undefined ? e.b : e.a, bound);
        return;
      }
    }
    const code = binaryOpcode(e.op, e.type);
    if (code !== undefined) {
      this.expr(e.a);
      this.expr(e.b);
      this.code.op(code);
      return;
    }
    if (e.type !== 'i32') throw new InternalError(`wasm: no ${e.op} of ${e.type}`);
    const comparison = { minS: 'i32.lt_s', minU: 'i32.lt_u', maxS: 'i32.gt_s', maxU: 'i32.gt_u' } as const;
    switch (e.op) {
      case 'minS':
      case 'minU':
      case 'maxS':
      case 'maxU': {
        const a = this.take(VALUE_TYPE.i32);
        const b = this.take(VALUE_TYPE.i32);
        this.expr(e.a);
        this.local('local.tee', a);
        this.expr(e.b);
        this.local('local.tee', b);
        this.local('local.get', a);
        this.local('local.get', b);
        this.op(comparison[e.op]);
        this.op('select');
        this.release(VALUE_TYPE.i32, b);
        this.release(VALUE_TYPE.i32, a);
        return;
      }
      default:
        throw new InternalError(`wasm: no ${e.op} of ${e.type}`);
    }
  }

  /**
   * `p < q ? p : q` and `p > q ? p : q` of floats are one instruction each. So are minimum and maximum with a number, whereas those of two
   * unknowns take some eight, for the sake of NaN and of the sign of zero.
   */
  private select(e: Extract<Expr, { kind: 'select' }>): void {
    const { condition, a, b } = e;
    if (e.type === 'f32v' && condition.kind === 'compare' && same(condition.a, a) && same(condition.b, b)) {
      if (condition.op === 'lt' || condition.op === 'gt') {
        this.expr(b);
        this.expr(a);
        this.op(condition.op === 'lt' ? 'f32x4.pmin' : 'f32x4.pmax');
        return;
      }
    }
    this.expr(a);
    this.expr(b);
    this.expr(condition);
    this.op(isVector(e.type) ? 'v128.bitselect' : 'select');
  }

  /** Minimum or maximum with a number that is neither NaN nor -0. */
  private limit(op: 'min' | 'max', x: Expr, bound: number): void {
    this.expr(x);
    this.sharedConstant(laneBits('f32', bound));
    this.op(op === 'min' ? 'f32x4.pmin' : 'f32x4.pmax');
    if (op === 'max' && bound === 0) {
      // Of -0 and 0 it has kept -0, of which this makes 0.
      this.sharedConstant(0);
      this.op('f32x4.add');
    }
  }

  private fma(e: Extract<Expr, { kind: 'fma' }>): void {
    this.expr(e.a);
    this.expr(e.b);
    if (e.type === 'f32v' && this.relaxedFma) {
      this.expr(e.c);
      this.op('f32x4.relaxed_madd');
      return;
    }
    this.code.op(this.required('mul', e.type));
    this.expr(e.c);
    this.code.op(this.required('add', e.type));
  }

  private required(
    op: 'add' | 'mul' | 'min' | 'max' | 'minS' | 'maxS' | 'minU' | 'maxU' | 'and' | 'or',
    type: Type,
  ): number {
    const code = binaryOpcode(op, type);
    if (code === undefined) throw new InternalError(`wasm: no ${op} of ${type}`);
    return code;
  }

  private convert(op: ConvertOp, type: Type, a: Expr): void {
    this.expr(a);
    if (op === 'maskToInt') {
      if (a.type !== 'maskv') return;
      this.i32(31);
      this.op('i32x4.shr_u');
      return;
    }
    if (op === 'bits' && isVector(type)) return;
    const name = CONVERT[`${type} ${op} ${a.type}`];
    if (name === undefined) throw new InternalError(`wasm: no conversion ${op} from ${a.type} to ${type}`);
    this.op(name);
  }

  private load(e: Extract<Expr, { kind: 'load' }>): void {
    this.expr(e.address);
    const align = LOG2_BYTES[e.element];
    if (!isVector(e.type)) {
      this.memory(SCALAR_LOAD[e.element], align, e.offset);
      return;
    }
    switch (e.element) {
      case 'f32':
      case 'i32': {
        this.memory('v128.load', align, e.offset);
        return;
      }
      case 'u8':
        this.memory('v128.load32_zero', align, e.offset);
        this.op('i16x8.extend_low_i8x16_u');
        {
          this.op('i32x4.extend_low_i16x8_u');
          return;
        }
      case 'i8':
        this.memory('v128.load32_zero', align, e.offset);
        this.op('i16x8.extend_low_i8x16_s');
        {
          this.op('i32x4.extend_low_i16x8_s');
          return;
        }
      case 'u16': {
        this.memory('v128.load16x4_u', align, e.offset);
        return;
      }
      case 'f64':
        throw new InternalError('wasm: no vectors of f64');
    }
  }

  private loadStrided(e: Extract<Expr, { kind: 'loadStrided' }>): void {
    const wide = e.element === 'f32' || e.element === 'i32';
    if (e.stride === 1) {
      this.load({ ...e, kind: 'load', offset: 0 });
      return;
    }
    if (e.stride === 0 && wide) {
      this.expr(e.address);
      this.memory('v128.load32_splat', 2, 0);
      return;
    }
    if (e.stride === -1 && wide) {
      this.expr(e.address);
      this.i32(-12);
      this.op('i32.add');
      this.memory('v128.load', 2, 0);
      const reversed = this.take(VALUE_TYPE.v128);
      this.local('local.tee', reversed);
      this.local('local.get', reversed);
      this.release(VALUE_TYPE.v128, reversed);
      this.shuffle([3, 2, 1, 0]);
      return;
    }
    const address = this.take(VALUE_TYPE.i32);
    this.expr(e.address);
    this.local('local.set', address);
    if (e.stride === 2 && wide) {
      // Reads four bytes beyond the last element it needs; the heap is padded for that.
      this.local('local.get', address);
      this.memory('v128.load', 2, 0);
      this.local('local.get', address);
      this.memory('v128.load', 2, 16);
      this.shuffle([0, 2, 4, 6]);
    } else {
      const step = e.stride * ELEMENT_BYTES[e.element];
      this.fourLoads(e, (lane) => {
        this.local('local.get', address);
        if (step >= 0) return lane * step;
        this.i32(lane * step);
        this.op('i32.add');
        return 0;
      });
    }
    this.release(VALUE_TYPE.i32, address);
  }

  private gather(e: Extract<Expr, { kind: 'gather' }>): void {
    const addresses = this.take(VALUE_TYPE.v128);
    const base = e.base.kind === 'const' ? e.base.value : undefined;
    this.expr(e.index);
    const shift = LOG2_BYTES[e.element];
    if (shift > 0) {
      this.i32(shift);
      this.op('i32x4.shl');
    }
    if (base !== 0) {
      if (base === undefined) {
        this.expr(e.base);
        this.op('i32x4.splat');
      } else {
        this.sharedConstant(base);
      }
      this.op('i32x4.add');
    }
    this.local('local.set', addresses);
    this.fourLoads(e, (lane) => {
      this.local('local.get', addresses);
      this.lane('i32x4.extract_lane', lane);
      return 0;
    });
    this.release(VALUE_TYPE.v128, addresses);
  }

  /** A vector from four loads; `address` pushes the address of a lane and gives the constant offset to add. */
  private fourLoads(e: { element: Element; type: 'f32v' | 'i32v' }, address: (lane: number) => number): void {
    if (e.element === 'f32' || e.element === 'i32') {
      // The address of a lane lies below the vector that its element goes into.
      const offsets = [address(3), address(2), address(1), address(0)].reverse();
      this.memory('v128.load32_zero', 2, offsets[0] ?? 0);
      for (let lane = 1; lane < LANES; lane++) {
        this.memory('v128.load32_lane', 2, offsets[lane] ?? 0);
        this.code.u8(lane);
      }
      return;
    }
    for (let lane = 0; lane < LANES; lane++) {
      this.memory(SCALAR_LOAD[e.element], LOG2_BYTES[e.element], address(lane));
      if (lane === 0) this.op('i32x4.splat');
      else this.lane('i32x4.replace_lane', lane);
    }
  }

  /** Lanes of the two vectors on the stack, numbered 0 to 7. */
  private shuffle(lanes: readonly number[]): void {
    this.op('i8x16.shuffle');
    for (const each of lanes) for (let byte = 0; byte < 4; byte++) this.code.u8(each * 4 + byte);
  }

  private splat(e: Extract<Expr, { kind: 'splat' }>): void {
    const { a } = e;
    if (a.kind === 'const' && a.type !== 'f64') {
      const bits = laneBits(a.type, a.value);
      this.sharedConstant(e.type === 'maskv' && bits !== 0 ? -1 : bits);
      return;
    }
    if (e.type === 'maskv') {
      this.i32(0);
      this.expr(a);
      this.op('i32.sub');
    } else {
      this.expr(a);
    }
    this.op(a.type === 'f32' ? 'f32x4.splat' : 'i32x4.splat');
  }

  private lanes(e: Extract<Expr, { kind: 'lanes' }>): void {
    const [first, ...others] = e.parts;
    if (first === undefined || e.parts.length !== LANES)
      throw new InternalError(`wasm: a vector has ${LANES} lanes, not ${e.parts.length}`);
    const float = e.type === 'f32v';
    const loads = e.parts.filter((part) => part.kind === 'load' && ELEMENT_BYTES[part.element] === 4);
    if (loads.length === LANES) {
      this.fourLoads({ element: float ? 'f32' : 'i32', type: e.type }, (lane) => {
        const part = loads[lane] as Extract<Expr, { kind: 'load' }>;
        this.expr(part.address);
        return part.offset;
      });
      return;
    }
    this.expr(first);
    this.op(float ? 'f32x4.splat' : 'i32x4.splat');
    others.forEach((part, n) => {
      this.expr(part);
      this.lane(float ? 'f32x4.replace_lane' : 'i32x4.replace_lane', n + 1);
    });
  }

  private reduceLanes(e: Extract<Expr, { kind: 'reduceLanes' }>): void {
    this.expr(e.a);
    if (e.a.type === 'maskv') {
      if (e.op === 'and') {
        this.op('i32x4.all_true');
        return;
      }
      if (e.op === 'or') {
        this.op('v128.any_true');
        return;
      }
      throw new InternalError(`wasm: no ${e.op} over the lanes of a mask`);
    }
    const code = this.required(e.op, e.a.type);
    const all = this.take(VALUE_TYPE.v128);
    for (const partner of [
      [2, 3, 0, 1],
      [1, 0, 3, 2],
    ]) {
      this.local('local.tee', all);
      this.local('local.get', all);
      this.local('local.get', all);
      this.shuffle(partner);
      this.code.op(code);
    }
    this.release(VALUE_TYPE.v128, all);
    this.lane(e.a.type === 'f32v' ? 'f32x4.extract_lane' : 'i32x4.extract_lane', 0);
  }

  // Statements

  private statements(list: readonly Statement[]): void {
    for (const each of list) this.statement(each);
  }

  private statement(s: Statement): void {
    switch (s.kind) {
      case 'set':
        this.initial(s.value);
        {
          this.local('local.set', this.localIndex(s.local));
          return;
        }
      case 'store': {
        this.store(s);
        return;
      }
      case 'for': {
        this.for(s);
        return;
      }
      case 'while':
        this.op('block');
        this.code.u8(EMPTY_BLOCK);
        this.op('loop');
        this.code.u8(EMPTY_BLOCK);
        this.expr(s.condition);
        this.op('i32.eqz');
        this.op('br_if');
        this.code.u32(1);
        this.statements(s.body);
        this.op('br');
        this.code.u32(0);
        this.op('end');
        {
          this.op('end');
          return;
        }
      case 'if': {
        this.if(s.condition, () => this.statements(s.then), s.otherwise);
        return;
      }
      case 'call':
        for (const each of s.args) this.expr(each);
        this.op('call');
        {
          this.code.u32(this.functionIndex(s.name));
          return;
        }
      case 'fillZero':
        this.expr(s.address);
        this.i32(0);
        this.expr(s.length);
        this.op('memory.fill');
        {
          this.code.u8(0);
          return;
        }
      case 'copy':
        this.expr(s.to);
        this.expr(s.from);
        this.expr(s.length);
        this.op('memory.copy');
        this.code.u8(0);
        {
          this.code.u8(0);
          return;
        }
      case 'barrier':
        this.metBarrier = true;
        this.expr(s.state);
        this.expr(s.threads);
        this.op('call');
        {
          this.code.u32(this.indices.barrier);
          return;
        }
    }
  }

  private functionIndex(name: string): number {
    const index = this.indices.functions.get(name);
    if (index === undefined) throw new InternalError(`wasm: call of ${name}, which is not in the module`);
    return index;
  }

  /** The value of a local: zero is made on the spot (one cheap instruction, no register kept), as accumulators start with it. */
  private initial(value: Expr): void {
    const zero =
      value.kind === 'splat' &&
      value.a.kind === 'const' &&
      value.a.type !== 'f64' &&
      laneBits(value.a.type, value.a.value) === 0;
    if (zero) this.vectorConstant(this.code, [0, 0, 0, 0]);
    else this.expr(value);
  }

  private if(condition: Expr, then: () => void, otherwise: readonly Statement[]): void {
    this.expr(condition);
    this.op('if');
    this.code.u8(EMPTY_BLOCK);
    then();
    if (otherwise.length > 0) {
      this.op('else');
      this.statements(otherwise);
    }
    this.op('end');
  }

  /** The test stands at the loop's end, with a guard in front: one branch per round. */
  private for(s: Extract<Statement, { kind: 'for' }>): void {
    const index = this.localIndex(s.local);
    const bound = s.to.kind === 'const' ? s.to.value : undefined;
    const limit = bound === undefined ? this.take(VALUE_TYPE.i32) : -1;
    const pushLimit = (): void => {
      if (bound === undefined) this.local('local.get', limit);
      else this.i32(bound);
    };
    this.expr(s.from);
    this.local('local.set', index);
    if (bound === undefined) {
      this.expr(s.to);
      this.local('local.set', limit);
    }
    const starts = s.from.kind === 'const' && bound !== undefined && s.from.value < bound;
    if (!starts) {
      this.local('local.get', index);
      pushLimit();
      this.op('i32.lt_s');
      this.op('if');
      this.code.u8(EMPTY_BLOCK);
    }
    this.op('loop');
    this.code.u8(EMPTY_BLOCK);
    this.statements(s.body);
    this.local('local.get', index);
    this.i32(s.step);
    this.op('i32.add');
    this.local('local.tee', index);
    pushLimit();
    this.op('i32.lt_s');
    this.op('br_if');
    this.code.u32(0);
    this.op('end');
    if (!starts) this.op('end');
    if (bound === undefined) this.release(VALUE_TYPE.i32, limit);
  }

  private store(s: Extract<Statement, { kind: 'store' }>): void {
    const { value, element } = s;
    if (!isVector(value.type)) {
      this.storeScalar(s);
      return;
    }
    if (element === 'f64') throw new InternalError('wasm: no vectors of f64');
    if (s.count !== undefined) {
      this.storeSome(s, s.count);
      return;
    }
    this.expr(s.address);
    this.expr(value);
    this.storeAll(element, s.offset);
  }

  private storeScalar(s: Extract<Statement, { kind: 'store' }>): void {
    if (s.count !== undefined) throw new InternalError('wasm: a store of a scalar has no count');
    this.expr(s.address);
    this.expr(s.value);
    const align = LOG2_BYTES[s.element];
    switch (s.element) {
      case 'u8':
      case 'i8': {
        this.memory('i32.store8', align, s.offset);
        return;
      }
      case 'u16': {
        this.memory('i32.store16', align, s.offset);
        return;
      }
      case 'f64': {
        this.memory('f64.store', align, s.offset);
        return;
      }
      case 'f32':
      case 'i32': {
        this.memory(s.value.type === 'f32' ? 'f32.store' : 'i32.store', align, s.offset);
        return;
      }
    }
  }

  /** Stores the vector on the stack at the address below it. */
  private storeAll(element: Exclude<Element, 'f64'>, offset: number): void {
    if (element === 'f32' || element === 'i32') {
      this.memory('v128.store', 2, offset);
      return;
    }
    const packed = this.take(VALUE_TYPE.v128);
    this.local('local.tee', packed);
    this.local('local.get', packed);
    this.release(VALUE_TYPE.v128, packed);
    const bytes = ELEMENT_BYTES[element];
    this.op('i8x16.shuffle');
    for (let n = 0; n < 16; n++) {
      const at = n % (LANES * bytes);
      this.code.u8(Math.floor(at / bytes) * 4 + (at % bytes));
    }
    this.memory(bytes === 1 ? 'v128.store32_lane' : 'v128.store64_lane', LOG2_BYTES[element], offset);
    this.code.u8(0);
  }

  /** Stores the first `count` lanes. */
  private storeSome(s: Extract<Statement, { kind: 'store' }>, count: Expr): void {
    const element = s.element;
    const laneStore = LANE_STORE[element];
    if (element === 'f64' || laneStore === undefined) throw new InternalError('wasm: no vectors of f64');
    const address = this.take(VALUE_TYPE.i32);
    const value = this.take(VALUE_TYPE.v128);
    const left = this.take(VALUE_TYPE.i32);
    this.expr(s.address);
    this.local('local.set', address);
    this.expr(s.value);
    this.local('local.set', value);
    this.expr(count);
    this.local('local.tee', left);
    this.i32(LANES);
    this.op('i32.ge_s');
    this.op('if');
    this.code.u8(EMPTY_BLOCK);
    this.local('local.get', address);
    this.local('local.get', value);
    this.storeAll(element, s.offset);
    this.op('else');
    for (let lane = 0; lane < LANES - 1; lane++) {
      this.local('local.get', left);
      this.i32(lane);
      this.op('i32.gt_s');
      this.op('if');
      this.code.u8(EMPTY_BLOCK);
      this.local('local.get', address);
      this.local('local.get', value);
      // Little-endian: the low bytes of a 32-bit lane come first.
      const bytes = ELEMENT_BYTES[element];
      this.memory(laneStore, LOG2_BYTES[element], s.offset + lane * bytes);
      this.code.u8((lane * 4) / bytes);
    }
    for (let lane = 0; lane < LANES - 1; lane++) this.op('end');
    this.op('end');
    this.release(VALUE_TYPE.i32, left);
    this.release(VALUE_TYPE.v128, value);
    this.release(VALUE_TYPE.i32, address);
  }
}
