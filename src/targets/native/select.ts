/**
 * Choosing instructions for a function of the loop IR: what is the same on every machine. Statements become labels, jumps and instructions; locals
 * become values; constants of vectors are made once, at the function's beginning. A target says how expressions are evaluated.
 */
import type { Expr, Func, Local, Statement, Type } from '../cpu/ir.js';
import { expandMemory } from './expand.js';
import { uninitializedLocals } from './initialized.js';
import {
  instruction,
  MachineFunction,
  type Encode,
  type Instruction,
  type RegisterKind,
  type Value,
} from './machine-code.js';

/** L is the target's type of labels. */
export abstract class Selector<L> {
  readonly machine = new MachineFunction();
  readonly lanes: number;
  private readonly locals = new Map<Local, Value>();
  private readonly constants = new Map<string, Value>();
  private readonly beginning: Instruction[] = [];

  constructor(lanes: number) {
    this.lanes = lanes;
  }

  // What a target provides

  /** The register that holds a value of a type. */
  abstract kindOf(type: Type): RegisterKind;
  /** Evaluates an expression into `into`, or where it likes. What it gives must not be changed. */
  abstract evaluate(expr: Expr, into?: Value): Value;
  /** Jumps if a condition (an i32) holds, or with `when` false if it does not. */
  abstract branch(condition: Expr, label: L, when: boolean): void;
  /** Jumps if a < b, signed. `b` may be a constant. */
  abstract branchIfLess(a: Value, b: Value | number, label: L): void;
  abstract branchUnlessLess(a: Value, b: Value | number, label: L): void;
  /** value += step. */
  abstract advance(value: Value, step: number): void;
  abstract store(statement: Extract<Statement, { kind: 'store' }>): void;
  abstract scatter(statement: Extract<Statement, { kind: 'scatter' }>): void;
  abstract call(name: string, args: readonly Expr[]): void;
  abstract barrier(state: Expr, threads: Expr): void;
  /** The parameter number `index` of the function. */
  abstract loadParameter(value: Value, index: number): Instruction;
  abstract clear(value: Value): void;
  abstract move(out: Value, from: Value): void;
  abstract newLabel(): L;
  abstract jump(label: L): void;
  abstract bind(label: L, isLoop: boolean): void;

  /** Fetches a cache line that will be needed. A machine may leave it. */
  prefetch(_address: Expr, _offset: number, _level: 1 | 2): void {
    // Nothing depends on it.
  }

  // What they share

  value(kind: RegisterKind): Value {
    return this.machine.value(kind);
  }

  push(writes: readonly Value[], reads: readonly Value[], encode: Encode, early = false): void {
    if (!early) {
      this.machine.push(instruction(writes, reads, encode));
      return;
    }
    // A variable that is computed from itself must not be overwritten before it has been read.
    const targets = writes.map((each) => (reads.includes(each) ? this.value(each.kind) : each));
    this.machine.push(instruction(targets, reads, encode, { early }));
    targets.forEach((target, n) => {
      const wanted = writes[n];
      if (wanted !== undefined && wanted !== target) this.move(wanted, target);
    });
  }

  local(local: Local): Value {
    let value = this.locals.get(local);
    if (value === undefined) {
      value = this.value(this.kindOf(local.type));
      this.locals.set(local, value);
    }
    return value;
  }

  /** A constant, made at the function's beginning, or again wherever registers are short. `key` tells constants apart. */
  constant(key: string, kind: RegisterKind, make: (target: Value) => Instruction): Value {
    let value = this.constants.get(key);
    if (value === undefined) {
      value = this.machine.value(kind, make);
      this.constants.set(key, value);
      this.beginning.push(make(value));
    }
    return value;
  }

  /** Selects the whole function. */
  function(func: Func): MachineFunction {
    const { machine } = this;
    const used = new Set<Local>();
    func.parameters.forEach((parameter, index) => {
      used.add(parameter);
      machine.push(this.loadParameter(this.local(parameter), index));
    });
    for (const each of uninitializedLocals(func)) if (!used.has(each)) this.clear(this.local(each));
    this.statements(func.body);
    // Constants come first, so everything else moves down.
    const moved = this.beginning.length;
    machine.code.unshift(...this.beginning);
    machine.loops.forEach((loop, n) => {
      machine.loops[n] = { begin: loop.begin + moved, end: loop.end + moved };
    });
    return machine;
  }

  private statements(list: readonly Statement[]): void {
    for (const each of list) this.statement(each);
  }

  private statement(s: Statement): void {
    switch (s.kind) {
      case 'set':
        this.evaluate(s.value, this.local(s.local));
        break;
      case 'store':
        this.store(s);
        break;
      case 'prefetch':
        this.prefetch(s.address, s.offset, s.level);
        break;
      case 'scatter':
        this.scatter(s);
        break;
      case 'for':
        this.for(s);
        break;
      case 'while':
        this.while(s);
        break;
      case 'if':
        this.if(s);
        break;
      case 'call':
        this.call(s.name, s.args);
        break;
      case 'fillZero':
      case 'copy':
        this.statements(expandMemory(s, this.lanes));
        break;
      case 'barrier':
        this.barrier(s.state, s.threads);
        break;
    }
  }

  /** The test stands at the loop's end, with a guard in front: one jump per round. */
  private for(s: Extract<Statement, { kind: 'for' }>): void {
    const { machine } = this;
    const index = this.local(s.local);
    this.evaluate(s.from, index);
    let limit: Value | number;
    if (s.to.kind === 'const') limit = s.to.value;
    else {
      // A copy: the loop may change what `to` is made of.
      limit = this.value('general');
      this.evaluate(s.to, limit);
    }
    const end = this.newLabel();
    const starts = s.from.kind === 'const' && typeof limit === 'number' && s.from.value < limit;
    if (!starts) this.branchUnlessLess(index, limit, end);
    const once = s.from.kind === 'const' && typeof limit === 'number' && s.from.value + s.step >= limit;
    if (once) {
      this.statements(s.body);
      this.advance(index, s.step);
    } else {
      const begin = this.newLabel();
      machine.beginLoop();
      this.bind(begin, true);
      this.statements(s.body);
      this.advance(index, s.step);
      this.branchIfLess(index, limit, begin);
      machine.endLoop();
    }
    this.bind(end, false);
  }

  private while(s: Extract<Statement, { kind: 'while' }>): void {
    const { machine } = this;
    const begin = this.newLabel();
    const end = this.newLabel();
    machine.beginLoop();
    this.bind(begin, false);
    this.branch(s.condition, end, false);
    this.statements(s.body);
    this.jump(begin);
    machine.endLoop();
    this.bind(end, false);
  }

  private if(s: Extract<Statement, { kind: 'if' }>): void {
    if (s.condition.kind === 'const') {
      this.statements(s.condition.value !== 0 ? s.then : s.otherwise);
      return;
    }
    const otherwise = this.newLabel();
    this.branch(s.condition, otherwise, false);
    this.statements(s.then);
    if (s.otherwise.length === 0) {
      this.bind(otherwise, false);
      return;
    }
    const end = this.newLabel();
    this.jump(end);
    this.bind(otherwise, false);
    this.statements(s.otherwise);
    this.bind(end, false);
  }
}
