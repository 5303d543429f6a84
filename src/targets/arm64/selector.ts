/** Loop IR → A64 instructions: dispatch, constants, and what needs the stack or jumps. */
import { InternalError } from '../../core/errors.js';
import { floatBits } from '../cpu/bits.js';
import { isVector, type Expr, type Func, type Statement, type Type } from '../cpu/ir.js';
import {
  instruction,
  type Encode,
  type Instruction,
  type MachineFunction,
  type RegisterKind,
  type Value,
} from '../native/machine-code.js';
import { Unsupported } from '../native/native-code.js';
import { Selector } from '../native/select.js';
import { memoryAt, Pointers, type Place } from './addresses.js';
import { addConstant } from './arithmetic.js';
import { ZERO, type Assembler } from './assembler.js';
import { Label } from './code-buffer.js';
import { compareConstant, emitCondition } from './conditions.js';
import { splatFactors } from './factors.js';
import { evaluateFloat } from './floats.js';
import { within, type Frame } from './frame.js';
import { byteImmediate, floatImmediate } from './immediates.js';
import { CONDITION, negated, type Condition, type VECTOR_THREE, type VECTOR_TWO } from './instructions.js';
import { evaluateInteger } from './integers.js';
import { evaluateLanes } from './lanes.js';
import { evaluateLoad, storeScalar } from './memory.js';
import { shuffle } from './shuffles.js';
import { storeVector } from './vector-stores.js';
import { evaluateMask, evaluateVector } from './vectors.js';

/** The register that holds the heap's address. */
export const HEAP = 28;
/** Registers for the moment: the ones that linkers may change between functions, too. */
export const SCRATCH = 16;
export const SCRATCH2 = 17;

/** What code refers to by name. */
export interface Linker {
  functionLabel(name: string): Label;
  readonly barrier: Label;
}

export class Arm64Selector extends Selector<Label> {
  readonly assembler: Assembler;
  readonly frame: Frame;
  readonly pointers = new Pointers();
  private readonly linker: Linker;
  /** Numbers in all lanes that are held as scalars. */
  private readonly factors = new Set<Value>();

  constructor(options: { assembler: Assembler; frame: Frame; linker: Linker }) {
    super(4);
    this.assembler = options.assembler;
    this.frame = options.frame;
    this.linker = options.linker;
  }

  override function(func: Func): MachineFunction {
    for (const each of splatFactors(func)) this.factors.add(this.local(each));
    return super.function(func);
  }

  kindOf(type: Type): RegisterKind {
    return type === 'i32' ? 'general' : 'vector';
  }

  override push(writes: readonly Value[], reads: readonly Value[], encode: Encode, early = false): void {
    for (const each of writes) this.pointers.forget(each);
    super.push(writes, reads, encode, early);
  }

  // Shorthands

  /** A fresh value, unless one is given. */
  result(type: Type, into: Value | undefined): Value {
    return into ?? this.value(this.kindOf(type));
  }

  /** As {@link result}, for what is written before `reads` have been read: then those must be others. Goes with {@link deliver}. */
  resultBeside(type: Type, into: Value | undefined, reads: readonly Value[]): Value {
    return into === undefined || reads.includes(into) ? this.value(this.kindOf(type)) : into;
  }

  deliver(value: Value, into: Value | undefined): Value {
    if (into === undefined) return value;
    this.move(into, value);
    return into;
  }

  /** out = a op b. */
  three(op: keyof typeof VECTOR_THREE, out: Value, a: Value, b: Value): void {
    this.push([out], [a, b], (to, x, y) => {
      this.assembler.three(op, to, x, y);
    });
  }

  /** out = op a. */
  two(op: keyof typeof VECTOR_TWO, out: Value, a: Value): void {
    this.push([out], [a], (to, x) => {
      this.assembler.two(op, to, x);
    });
  }

  isFactor(value: Value | undefined): boolean {
    return value !== undefined && this.factors.has(value);
  }

  /** A register full of a 32-bit pattern. */
  pattern(bits: number): Value {
    const { assembler } = this;
    return this.constant(`vector ${bits}`, 'vector', (target) =>
      instruction([target], [], (to) => {
        const byte = byteImmediate(bits);
        const float = floatImmediate(bits);
        if (byte !== undefined) assembler.byteConstant(to, byte);
        else if (float !== undefined) assembler.vectorFloatConstant(to, float);
        else assembler.loadLiteral(to, [bits, bits, bits, bits]);
      }),
    );
  }

  /** A register of four 32-bit words. */
  words(words: readonly number[]): Value {
    const { assembler } = this;
    return this.constant(`words ${words.join()}`, 'vector', (target) =>
      instruction([target], [], (to) => {
        assembler.loadLiteral(to, words);
      }),
    );
  }

  /** A scalar of f64. */
  double(value: number): Value {
    const { assembler } = this;
    const [low = 0, high = 0] = new Int32Array(new Float64Array([value]).buffer);
    return this.constant(`f64 ${low} ${high}`, 'vector', (target) =>
      instruction([target], [], (to) => {
        const field = Math.fround(value) === value ? floatImmediate(floatBits(value)) : undefined;
        if (Object.is(value, 0)) this.clearVector(to);
        else if (field !== undefined) assembler.floatConstant('f64', to, field);
        else assembler.loadLiteral(to, [low, high]);
      }),
    );
  }

  move(out: Value, from: Value): void {
    if (out === from) return;
    const { assembler } = this;
    this.push([out], [from], (to, x) => {
      if (to === x) return;
      // Of 64 bits: pointers are general values, too.
      if (out.kind === 'general') assembler.move(to, x, true);
      else assembler.moveVector(to, x);
    });
  }

  clearVector(register: number): void {
    this.assembler.byteConstant(register, { byte: 0, shift: 0, inverted: false });
  }

  // Expressions

  evaluate(e: Expr, into?: Value): Value {
    switch (e.kind) {
      case 'local': {
        const value = this.read(e.local);
        if (this.isFactor(value)) throw new InternalError('arm64: a factor is used as a vector');
        return this.deliver(value, into);
      }
      case 'load':
        return evaluateLoad(this, e, into);
      case 'loadSplat':
      case 'loadStrided':
      case 'gather':
      case 'lanes':
      case 'reduceLanes':
      case 'extract':
      case 'laneIndex':
      case 'splat':
        return evaluateLanes(this, e, into);
      case 'shuffle':
        return shuffle(this, e, into);
      case 'host':
        if (e.name === 'now') return this.time(into);
        throw new Unsupported(`arm64: the host's function ${e.name} cannot be called`);
      default:
        if (e.type === 'i32') return evaluateInteger(this, e, into);
        if (e.type === 'maskv') return evaluateMask(this, e, into);
        return isVector(e.type) ? evaluateVector(this, e, into) : evaluateFloat(this, e, into);
    }
  }

  private time(into: Value | undefined): Value {
    const out = this.result('f64', into);
    this.push([out], [], (to) => {
      this.assembler.readClock(SCRATCH);
      this.assembler.floatGeneral('ucvtf', 'f64', to, SCRATCH, true);
    });
    return out;
  }

  // Control

  newLabel(): Label {
    return new Label();
  }

  jump(label: Label): void {
    this.push([], [], () => {
      this.assembler.jump(label);
    });
  }

  bind(label: Label, isLoop: boolean): void {
    this.pointers.clear();
    this.push([], [], () => {
      if (isLoop) this.assembler.align(16);
      this.assembler.bind(label);
    });
  }

  branch(condition: Expr, label: Label, when: boolean): void {
    const { assembler } = this;
    if (
      condition.kind === 'binary' &&
      !when &&
      condition.op === 'and' &&
      isTruth(condition.a) &&
      isTruth(condition.b)
    ) {
      this.branch(condition.a, label, false);
      this.branch(condition.b, label, false);
      return;
    }
    if (condition.kind === 'compare') {
      const isZero = condition.a.type === 'i32' && condition.b.kind === 'const' && condition.b.value === 0;
      if (isZero && (condition.op === 'eq' || condition.op === 'ne')) {
        this.branchOnZero(this.evaluate(condition.a), label, (condition.op === 'eq') === when);
        return;
      }
      const { reads, encode, code } = emitCondition(this, condition);
      this.push([], reads, (...registers) => {
        encode(registers, 0);
        assembler.jumpIf(when ? code : negated(code), label);
      });
      return;
    }
    this.branchOnZero(this.evaluate(condition), label, !when);
  }

  private branchOnZero(value: Value, label: Label, ifZero: boolean): void {
    this.push([], [value], (x) => {
      if (ifZero) this.assembler.jumpIfZero(x, label);
      else this.assembler.jumpUnlessZero(x, label);
    });
  }

  branchIfLess(a: Value, b: Value | number, label: Label): void {
    this.compareAndJump(a, b, CONDITION.less, label);
  }

  branchUnlessLess(a: Value, b: Value | number, label: Label): void {
    this.compareAndJump(a, b, CONDITION.greaterOrEqual, label);
  }

  private compareAndJump(a: Value, b: Value | number, condition: Condition, label: Label): void {
    const { assembler } = this;
    this.push([], typeof b === 'number' ? [a] : [a, b], (x, y) => {
      if (typeof b === 'number') compareConstant(assembler, x, b);
      else assembler.arithmetic('subs', ZERO, x, y);
      assembler.jumpIf(condition, label);
    });
  }

  advance(value: Value, step: number): void {
    this.push([value], [value], (to, x) => {
      addConstant(this.assembler, to, x, step);
    });
  }

  clear(value: Value): void {
    this.push([value], [], (x) => {
      if (value.kind === 'general') this.assembler.moveConstant(x, 0);
      else this.clearVector(x);
    });
  }

  // Memory and calls

  store(s: Extract<Statement, { kind: 'store' }>): void {
    if (isVector(s.value.type)) storeVector(this, s);
    else storeScalar(this, s);
  }

  override prefetch(address: Expr, offset: number): void {
    const place = this.memory(address, offset, 8);
    this.push([], place.reads, (...registers) => {
      this.assembler.prefetch(place.at(registers, 0));
    });
  }

  scatter(): void {
    throw new InternalError('arm64: lanes cannot be stored each to its own place');
  }

  loadParameter(value: Value, index: number): Instruction {
    return instruction([value], [], (to) => {
      const { assembler, frame } = this;
      assembler.access('load', 'w', to, within(assembler, frame.parameter(index), 4, SCRATCH));
    });
  }

  call(name: string, args: readonly Expr[]): void {
    this.callLabel(this.linker.functionLabel(name), args);
  }

  barrier(state: Expr, threads: Expr): void {
    this.callLabel(this.linker.barrier, [state, threads]);
  }

  private callLabel(label: Label, args: readonly Expr[]): void {
    const { assembler, frame } = this;
    frame.reserveArguments(args.length);
    args.forEach((each, index) => {
      const isZero = each.kind === 'const' && each.value === 0;
      this.push([], isZero ? [] : [this.evaluate(each)], (from = ZERO) => {
        assembler.access('store', 'w', from, within(assembler, frame.argument(index), 4, SCRATCH));
      });
    });
    this.machine.push(
      instruction(
        [],
        [],
        () => {
          assembler.call(label);
        },
        { clobbers: true },
      ),
    );
  }

  /** The heap's memory at an address, for an access of `bytes` bytes. */
  memory(address: Expr, offset: number, bytes: number): Place {
    return memoryAt(this, address, offset, bytes);
  }
}

const isTruth = (e: Expr): boolean =>
  e.kind === 'compare' ||
  (e.kind === 'binary' && (e.op === 'and' || e.op === 'or') && isTruth(e.a) && isTruth(e.b));
