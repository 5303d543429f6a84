/**
 * Choosing instructions for a function of the loop IR: what is the same on every machine. Statements become labels, jumps and instructions; locals
 * become values; constants of vectors are made once, at the function's beginning. A target says how expressions are evaluated.
 */
import type { Expr, Func, Local, Statement, Type } from '../cpu/ir.js';
import { expandMemory } from './expand.js';
import {
  instruction,
  MachineFunction,
  type Encode,
  type Instruction,
  type RegisterKind,
  type Value,
} from './machine-code.js';

/** Statements that are carried out one after the other, once or never. What they write is written as long as they are being selected. */
interface Scope {
  isOpen: boolean;
  readonly written: Variable[];
}

interface Variable {
  readonly value: Value;
  /** The statements among which it was written first; while they are selected, it surely has been. */
  writtenIn: Scope | undefined;
}

/** L is the target's type of labels. */
export abstract class Selector<L> {
  readonly machine = new MachineFunction();
  readonly lanes: number;
  private readonly variables = new Map<Local, Variable>();
  private scope: Scope = { isOpen: true, written: [] };
  /** What is read where no write has surely come before. It begins as zero, as the loop IR says. */
  private readonly unwritten = new Set<Value>();
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

  private variable(local: Local): Variable {
    let variable = this.variables.get(local);
    if (variable === undefined) {
      variable = { value: this.value(this.kindOf(local.type)), writtenIn: undefined };
      this.variables.set(local, variable);
    }
    return variable;
  }

  /** What holds a local, for writing or as a name. */
  local(local: Local): Value {
    return this.variable(local).value;
  }

  /** What holds a local that is read. */
  read(local: Local): Value {
    const variable = this.variable(local);
    if (!isWritten(variable)) this.unwritten.add(variable.value);
    return variable.value;
  }

  /** From here on, a local has a value. */
  private written(variable: Variable): void {
    if (isWritten(variable)) return;
    variable.writtenIn = this.scope;
    this.scope.written.push(variable);
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
    func.parameters.forEach((parameter, index) => {
      const variable = this.variable(parameter);
      machine.push(this.loadParameter(variable.value, index));
      this.written(variable);
    });
    const start = machine.code.length;
    this.statements(func.body);
    const end = machine.code.length;
    for (const each of this.unwritten) this.clear(each);
    const zeros = machine.code.splice(end);
    machine.code.splice(start, 0, ...zeros);
    // Constants come first. So everything else moves down.
    const moved = this.beginning.length + zeros.length;
    machine.code.unshift(...this.beginning);
    machine.loops.forEach((loop, n) => {
      machine.loops[n] = { begin: loop.begin + moved, end: loop.end + moved };
    });
    return machine;
  }

  private statements(list: readonly Statement[]): void {
    for (const each of list) this.statement(each);
  }

  /** Selects what may be left out when the function runs. Gives what it writes for sure if it is not. */
  private inside(list: readonly Statement[]): readonly Variable[] {
    const outer = this.scope;
    const scope: Scope = { isOpen: true, written: [] };
    this.scope = scope;
    this.statements(list);
    scope.isOpen = false;
    this.scope = outer;
    return scope.written;
  }

  private statement(s: Statement): void {
    switch (s.kind) {
      case 'set': {
        const variable = this.variable(s.local);
        this.evaluate(s.value, variable.value);
        this.written(variable);
        break;
      }
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
    const variable = this.variable(s.local);
    const index = variable.value;
    this.evaluate(s.from, index);
    this.written(variable);
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
      this.inside(s.body);
      this.advance(index, s.step);
    } else {
      const begin = this.newLabel();
      machine.beginLoop();
      this.bind(begin, true);
      this.inside(s.body);
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
    this.inside(s.body);
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
    const then = this.inside(s.then);
    if (s.otherwise.length === 0) {
      this.bind(otherwise, false);
      return;
    }
    const end = this.newLabel();
    this.jump(end);
    this.bind(otherwise, false);
    const others = new Set(this.inside(s.otherwise));
    this.bind(end, false);
    for (const each of then) if (others.has(each)) this.written(each);
  }
}

const isWritten = ({ writtenIn }: Variable): boolean => writtenIn?.isOpen ?? false;
