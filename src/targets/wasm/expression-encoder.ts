/** Expressions of the loop IR → instructions that leave their values on the stack. */
import { InternalError } from '../../core/errors.js';
import { laneBits } from '../cpu/bits.js';
import { isVector, type ConvertOp, type Expr, type HostFunction, type Type } from '../cpu/ir.js';
import { VALUE_TYPE } from './binary.js';
import type { FunctionWriter, Push } from './function-writer.js';
import { encodeGather, encodeLaneReduction, encodeLanes, encodeShuffle, encodeStridedLoad } from './lanes.js';
import { LOG2_BYTES, SCALAR_LOAD } from './memory-access.js';
import type { Opcode } from './opcodes.js';
import { binaryOpcode, compareOpcode, requiredOpcode, unaryOpcode } from './select-opcode.js';

/** What `type op from` is in WebAssembly; reinterpreted vectors and scalar truth values need nothing. */
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

/** Which of two i32, a and b, to keep: a where this holds. */
const KEEPS_FIRST = { minS: 'i32.lt_s', minU: 'i32.lt_u', maxS: 'i32.gt_s', maxU: 'i32.gt_u' } as const;

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

export class ExpressionEncoder {
  private readonly w: FunctionWriter;
  private readonly hosts: ReadonlyMap<HostFunction, number>;
  private readonly relaxedFma: boolean;

  constructor(writer: FunctionWriter, hosts: ReadonlyMap<HostFunction, number>, relaxedFma: boolean) {
    this.w = writer;
    this.hosts = hosts;
    this.relaxedFma = relaxedFma;
  }

  /** Writes what leaves the value of `e` on the stack. */
  readonly push: Push = (e) => {
    const { w, push } = this;
    switch (e.kind) {
      case 'const':
        w.scalar(e.type, e.value);
        break;
      case 'local':
        w.local('local.get', w.localIndex(e.local));
        break;
      case 'unary':
        this.unary(e);
        break;
      case 'binary':
        this.binary(e);
        break;
      case 'compare':
        push(e.a);
        push(e.b);
        w.opcode(compareOpcode(e.op, e.a.type));
        break;
      case 'fma':
        this.fma(e);
        break;
      case 'select':
        this.select(e);
        break;
      case 'convert':
        this.convert(e.op, e.type, e.a);
        break;
      case 'load':
        this.load(e);
        break;
      case 'loadSplat':
        push(e.address);
        w.memory('v128.load32_splat', 2, e.offset);
        break;
      case 'loadStrided':
        encodeStridedLoad(w, push, e);
        break;
      case 'gather':
        encodeGather(w, push, e);
        break;
      case 'dotBytes':
        throw new InternalError('wasm: no dot products of bytes');
      case 'permute':
        throw new InternalError('wasm: no permutations by a vector');
      case 'shuffle':
        encodeShuffle(w, push, e);
        break;
      case 'splat':
        this.splat(e);
        break;
      case 'laneIndex':
        w.laneIndices();
        break;
      case 'lanes':
        encodeLanes(w, push, e);
        break;
      case 'reduceLanes':
        encodeLaneReduction(w, push, e);
        break;
      case 'extract':
        push(e.a);
        w.lane(e.a.type === 'f32v' ? 'f32x4.extract_lane' : 'i32x4.extract_lane', e.lane);
        break;
      case 'host':
        for (const each of e.args) push(each);
        w.call(this.hosts.get(e.name) ?? 0);
        break;
      case 'atomicAdd':
        push(e.address);
        push(e.value);
        w.memory('i32.atomic.rmw.add', 2, 0);
        break;
    }
  };

  private unary(e: Extract<Expr, { kind: 'unary' }>): void {
    const { w } = this;
    const code = unaryOpcode(e.op, e.type);
    if (code !== undefined) {
      this.push(e.a);
      w.opcode(code);
      return;
    }
    if (e.type !== 'i32') throw new InternalError(`wasm: no ${e.op} of ${e.type}`);
    switch (e.op) {
      case 'neg':
        w.i32(0);
        this.push(e.a);
        w.op('i32.sub');
        break;
      case 'not':
        this.push(e.a);
        w.i32(-1);
        w.op('i32.xor');
        break;
      case 'abs': {
        // (x ^ s) - s, where s is -1 for negative x and 0 for others.
        const x = w.take(VALUE_TYPE.i32);
        this.push(e.a);
        w.local('local.tee', x);
        this.signOf(x);
        w.op('i32.xor');
        this.signOf(x);
        w.op('i32.sub');
        w.release(VALUE_TYPE.i32, x);
        break;
      }
      default:
        throw new InternalError(`wasm: no ${e.op} of ${e.type}`);
    }
  }

  private signOf(x: number): void {
    this.w.local('local.get', x);
    this.w.i32(31);
    this.w.op('i32.shr_s');
  }

  private binary(e: Extract<Expr, { kind: 'binary' }>): void {
    const { w } = this;
    if (e.type === 'f32v' && (e.op === 'min' || e.op === 'max')) {
      const bound = numberIn(e.b) ?? numberIn(e.a);
      if (bound !== undefined) {
        this.limit(e.op, numberIn(e.b) === undefined ? e.b : e.a, bound);
        return;
      }
    }
    const code = binaryOpcode(e.op, e.type);
    if (code !== undefined) {
      this.push(e.a);
      this.push(e.b);
      w.opcode(code);
      return;
    }
    if (e.type !== 'i32') throw new InternalError(`wasm: no ${e.op} of ${e.type}`);
    switch (e.op) {
      case 'minS':
      case 'minU':
      case 'maxS':
      case 'maxU': {
        const a = w.take(VALUE_TYPE.i32);
        const b = w.take(VALUE_TYPE.i32);
        this.push(e.a);
        w.local('local.tee', a);
        this.push(e.b);
        w.local('local.tee', b);
        w.local('local.get', a);
        w.local('local.get', b);
        w.op(KEEPS_FIRST[e.op]);
        w.op('select');
        w.release(VALUE_TYPE.i32, b);
        w.release(VALUE_TYPE.i32, a);
        break;
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
        this.push(b);
        this.push(a);
        this.w.op(condition.op === 'lt' ? 'f32x4.pmin' : 'f32x4.pmax');
        return;
      }
    }
    this.push(a);
    this.push(b);
    this.push(condition);
    this.w.op(isVector(e.type) ? 'v128.bitselect' : 'select');
  }

  /** Minimum or maximum with a number that is neither NaN nor -0. */
  private limit(op: 'min' | 'max', x: Expr, bound: number): void {
    this.push(x);
    this.w.sharedConstant(laneBits('f32', bound));
    this.w.op(op === 'min' ? 'f32x4.pmin' : 'f32x4.pmax');
    if (op === 'max' && bound === 0) {
      // Of -0 and 0 it has kept -0, of which this makes 0.
      this.w.sharedConstant(0);
      this.w.op('f32x4.add');
    }
  }

  private fma(e: Extract<Expr, { kind: 'fma' }>): void {
    if (e.type !== 'f64' && this.relaxedFma) {
      // Scalars as vectors: what a number is must not depend on whether it is computed beside others.
      for (const each of [e.a, e.b, e.c]) {
        this.push(each);
        if (e.type === 'f32') this.w.op('f32x4.splat');
      }
      this.w.op('f32x4.relaxed_madd');
      if (e.type === 'f32') this.w.lane('f32x4.extract_lane', 0);
      return;
    }
    this.push(e.a);
    this.push(e.b);
    this.w.opcode(requiredOpcode('mul', e.type));
    this.push(e.c);
    this.w.opcode(requiredOpcode('add', e.type));
  }

  private convert(op: ConvertOp, type: Type, a: Expr): void {
    this.push(a);
    if (op === 'maskToInt') {
      if (a.type !== 'maskv') return;
      this.w.i32(31);
      this.w.op('i32x4.shr_u');
      return;
    }
    if (op === 'bits' && isVector(type)) return;
    const name = CONVERT[`${type} ${op} ${a.type}`];
    if (name === undefined) throw new InternalError(`wasm: no conversion ${op} from ${a.type} to ${type}`);
    this.w.op(name);
  }

  private load(e: Extract<Expr, { kind: 'load' }>): void {
    const { w } = this;
    if (e.mask !== undefined) throw new InternalError('wasm: no masked loads');
    this.push(e.address);
    const align = LOG2_BYTES[e.element];
    if (!isVector(e.type)) {
      w.memory(SCALAR_LOAD[e.element], align, e.offset);
      return;
    }
    switch (e.element) {
      case 'f32':
      case 'i32':
        w.memory('v128.load', align, e.offset);
        break;
      case 'u8':
        w.memory('v128.load32_zero', align, e.offset);
        w.op('i16x8.extend_low_i8x16_u');
        w.op('i32x4.extend_low_i16x8_u');
        break;
      case 'i8':
        w.memory('v128.load32_zero', align, e.offset);
        w.op('i16x8.extend_low_i8x16_s');
        w.op('i32x4.extend_low_i16x8_s');
        break;
      case 'u16':
        w.memory('v128.load16x4_u', align, e.offset);
        break;
      case 'f64':
        throw new InternalError('wasm: no vectors of f64');
    }
  }

  private splat(e: Extract<Expr, { kind: 'splat' }>): void {
    const { a } = e;
    if (a.kind === 'const' && a.type !== 'f64') {
      const bits = laneBits(a.type, a.value);
      this.w.sharedConstant(e.type === 'maskv' && bits !== 0 ? -1 : bits);
      return;
    }
    if (e.type === 'maskv') {
      // Truth is 1 in a scalar, and all bits in a lane.
      this.w.i32(0);
      this.push(a);
      this.w.op('i32.sub');
    } else {
      this.push(a);
    }
    this.w.op(a.type === 'f32' ? 'f32x4.splat' : 'i32x4.splat');
  }
}
