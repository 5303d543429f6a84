/** Loop IR → x64 instructions: dispatch, and what needs the stack or jumps. */
import { isVector, type Expr, type Statement, type Type } from '../cpu/ir.js';
import { instruction, type Instruction, type RegisterKind, type Value } from '../native/machine-code.js';
import { Unsupported } from '../native/native-code.js';
import { Selector } from '../native/select.js';
import {
  CONDITION,
  Label,
  negated,
  RAX,
  RDX,
  type Assembler,
  type VectorLength,
  type VectorOptions,
} from './assembler.js';
import type { X64Features } from './features.js';
import type { Frame } from './frame.js';
import { evaluateFloat } from './floats.js';
import { conditionOf, emitCompare, evaluateInteger } from './integers.js';
import { evaluateLoad, memoryAt, scatter, storeScalar, storeVector } from './memory.js';
import { evaluateMask } from './masks.js';
import { evaluateVector } from './vectors.js';
import { evaluateLanes } from './lanes.js';
import { VECTOR, type VectorOp } from './vector-ops.js';

/** The register that holds the heap's address. */
export const HEAP = 15;

/** What code refers to by name. */
export interface Linker {
  functionLabel(name: string): Label;
  readonly barrier: Label;
}

export class X64Selector extends Selector<Label> {
  readonly assembler: Assembler;
  readonly frame: Frame;
  readonly features: X64Features;
  /** Of vectors with L lanes. */
  readonly length: VectorLength;
  private readonly linker: Linker;

  constructor(options: {
    assembler: Assembler;
    features: X64Features;
    lanes: number;
    frame: Frame;
    linker: Linker;
  }) {
    super(options.lanes);
    this.assembler = options.assembler;
    this.features = options.features;
    this.frame = options.frame;
    this.linker = options.linker;
    this.length = options.lanes === 16 ? 2 : options.lanes === 8 ? 1 : 0;
  }

  kindOf(type: Type): RegisterKind {
    if (type === 'i32') return 'general';
    return type === 'maskv' && this.features.avx512 ? 'mask' : 'vector';
  }

  // Shorthands

  /** A fresh value, unless one is given. */
  result(type: Type, into: Value | undefined): Value {
    return into ?? this.value(this.kindOf(type));
  }

  lengthOf(type: Type): VectorLength {
    return isVector(type) ? this.length : 0;
  }

  /** out = a op b. */
  binary(op: VectorOp, length: VectorLength, out: Value, a: Value, b: Value, options?: VectorOptions): void {
    const { assembler } = this;
    this.push([out], [a, b], (to, x, y) => {
      assembler.vector(op, length, to, x, y, options);
    });
  }

  /** out = op a. */
  unary(op: VectorOp, length: VectorLength, out: Value, a: Value, options?: VectorOptions): void {
    const { assembler } = this;
    this.push([out], [a], (to, x) => {
      assembler.vector(op, length, to, 0, x, options);
    });
  }

  /** A register full of a 32-bit pattern. */
  pattern(bits: number): Value {
    const { assembler } = this;
    return this.constant(`vector ${bits}`, 'vector', (target) =>
      instruction([target], [], (to) => {
        if (bits === 0) this.clearVector(to);
        else assembler.vector(VECTOR.broadcastF32, this.length, to, 0, assembler.constant([bits]));
      }),
    );
  }

  /** A register of given 32-bit words. */
  words(words: readonly number[], length: VectorLength): Value {
    const { assembler } = this;
    return this.constant(`words ${words.join()}`, 'vector', (target) =>
      instruction([target], [], (to) => {
        assembler.vector(VECTOR.load, length, to, 0, assembler.constant(words));
      }),
    );
  }

  /** A scalar of f64. */
  double(value: number): Value {
    const { assembler } = this;
    const [low = 0, high = 0] = new Int32Array(new Float64Array([value]).buffer);
    return this.constant(`f64 ${low} ${high}`, 'vector', (target) =>
      instruction([target], [], (to) => {
        assembler.vector(VECTOR.loadF64, 0, to, 0, assembler.constant([low, high]));
      }),
    );
  }

  move(out: Value, from: Value): void {
    if (out === from) return;
    this.machine.push(this.moveInstruction(out, from));
  }

  private moveInstruction(out: Value, from: Value): Instruction {
    const { assembler } = this;
    return instruction([out], [from], (to, x) => {
      if (to === x) return;
      if (out.kind === 'general') assembler.move(to, x);
      else if (out.kind === 'vector') this.moveVector(to, x);
      else assembler.maskInstruction(0x90, 0, false, to, 0, x);
    });
  }

  /** Writing 128 bits clears the rest; the upper registers are reached by the long form only. */
  clearVector(register: number): void {
    this.assembler.vector(VECTOR.xor, register >= 16 ? 2 : 0, register, register, register);
  }

  /** Whole registers, whatever is in them. */
  moveVector(to: number, from: number): void {
    if (to !== from) this.assembler.vector(VECTOR.move, this.features.avx512 ? 2 : 1, to, 0, from);
  }

  // Expressions

  evaluate(e: Expr, into?: Value): Value {
    switch (e.kind) {
      case 'local': {
        const value = this.read(e.local);
        if (into === undefined) return value;
        this.move(into, value);
        return into;
      }
      case 'load':
        return evaluateLoad(this, e, into);
      case 'loadSplat':
      case 'loadStrided':
      case 'gather':
      case 'permute':
      case 'shuffle':
      case 'lanes':
      case 'reduceLanes':
      case 'extract':
      case 'laneIndex':
      case 'splat':
        return evaluateLanes(this, e, into);
      case 'host':
        if (e.name === 'now') return this.time(into);
        throw new Unsupported(`x64: the host's function ${e.name} cannot be called`);
      default:
        if (e.type === 'i32') return evaluateInteger(this, e, into);
        if (e.type === 'maskv') return evaluateMask(this, e, into);
        return isVector(e.type) ? evaluateVector(this, e, into) : evaluateFloat(this, e, into);
    }
  }

  /** Cycles of the processor's clock, which runs evenly and in step on all cores. */
  private time(into: Value | undefined): Value {
    const { assembler } = this;
    const out = into ?? this.value('vector');
    this.push([out], [], (to) => {
      assembler.readClock();
      assembler.shiftConstant(4, RDX, 32, true);
      assembler.arithmetic('or', RAX, RDX, true);
      this.clearVector(to);
      assembler.vector(VECTOR.fromScalarI64.f64, 0, to, to, RAX);
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
    this.push([], [], () => {
      if (isLoop) this.assembler.align(32);
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
    if (condition.kind === 'compare' && condition.a.type === 'i32') {
      const test = emitCompare(this, condition);
      const code = conditionOf(condition.op);
      this.push([], test.reads, (...registers) => {
        test.encode(registers, 0);
        assembler.jumpIf(when ? code : negated(code), label);
      });
      return;
    }
    const value = this.evaluate(condition);
    this.push([], [value], (x) => {
      assembler.test(x, x);
      assembler.jumpIf(when ? CONDITION.notEqual : CONDITION.equal, label);
    });
  }

  branchIfLess(a: Value, b: Value | number, label: Label): void {
    this.compareAndJump(a, b, CONDITION.less, label);
  }

  branchUnlessLess(a: Value, b: Value | number, label: Label): void {
    this.compareAndJump(a, b, CONDITION.greaterOrEqual, label);
  }

  private compareAndJump(a: Value, b: Value | number, condition: 12 | 13, label: Label): void {
    const { assembler } = this;
    this.push([], typeof b === 'number' ? [a] : [a, b], (x, y) => {
      if (typeof b === 'number') assembler.arithmeticConstant('cmp', x, b);
      else assembler.arithmetic('cmp', x, y);
      assembler.jumpIf(condition, label);
    });
  }

  advance(value: Value, step: number): void {
    this.push([value], [value], (x) => {
      this.assembler.arithmeticConstant('add', x, step);
    });
  }

  clear(value: Value): void {
    const { assembler } = this;
    this.push([value], [], (x) => {
      if (value.kind === 'general') assembler.moveConstant(x, 0);
      else if (value.kind === 'vector') this.clearVector(x);
      else assembler.maskInstruction(0x47, 0, true, x, x, x);
    });
  }

  // Memory and calls

  store(s: Extract<Statement, { kind: 'store' }>): void {
    if (isVector(s.value.type)) storeVector(this, s);
    else storeScalar(this, s);
  }

  override prefetch(address: Expr, offset: number, level: 1 | 2): void {
    const place = this.memory(address, offset);
    this.push([], place.reads, (...registers) => {
      this.assembler.prefetch(place.at(registers, 0), level === 1 ? 0 : 1);
    });
  }

  scatter(s: Extract<Statement, { kind: 'scatter' }>): void {
    scatter(this, s);
  }

  loadParameter(value: Value, index: number): Instruction {
    return instruction([value], [], (to) => {
      this.assembler.load(to, this.frame.parameter(index));
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
    // One after the other: there may be more of them than registers. No call happens between them.
    args.forEach((each, index) => {
      const place = frame.argument(index);
      if (each.kind === 'const') {
        this.push([], [], () => {
          assembler.storeConstant(place, each.value);
        });
      } else {
        this.push([], [this.evaluate(each)], (x) => {
          assembler.store(place, x);
        });
      }
    });
    const call = (): void => {
      assembler.call(label);
    };
    this.machine.push(instruction([], [], call, { clobbers: true }));
  }

  /** The heap's memory at an address. */
  memory(address: Expr, offset: number): ReturnType<typeof memoryAt> {
    return memoryAt(this, address, offset);
  }
}

const isTruth = (e: Expr): boolean =>
  e.kind === 'compare' ||
  (e.kind === 'binary' && (e.op === 'and' || e.op === 'or') && isTruth(e.a) && isTruth(e.b));
