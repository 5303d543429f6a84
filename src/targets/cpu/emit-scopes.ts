/**
 * The loops that are open around the present statement: what is known in each, and so how far out a value can be
 * computed. One of their variables may run over L neighbours at a time; what depends on it is a vector.
 */
import { InternalError } from '../../core/errors.js';
import { variablesOf, type Atom, type Index, type Variable } from '../../compiler/index-expr.js';
import { dataOf, dependenciesOf, type Scalar } from '../../compiler/scalar-expr.js';
import { extractLane } from './elements.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';

/** A loop that is open: what is known in it, and where statements that belong there go. */
export interface Scope {
  readonly variables: readonly Variable[];
  readonly statements: ir.Statement[];
  readonly values: Map<Scalar, Expr>;
  readonly indices: Map<string, Expr>;
}

export class Scopes {
  readonly b: Builder;
  readonly lanes: number;
  private readonly stack: Scope[] = [];
  private readonly coordinates = new Map<Variable, Expr>();
  private readonly reduced = new Map<number, { value: Expr; depth: number }>();
  private vectorVariable: Variable | undefined;
  private validCount: number;
  private sum: Expr | undefined;

  constructor(b: Builder, lanes: number) {
    this.b = b;
    this.lanes = lanes;
    this.validCount = lanes;
    this.push([]);
  }

  /** The variable of which vectors hold L neighbours, where there is one. */
  get vector(): Variable | undefined {
    return this.vectorVariable;
  }

  /** How many lanes stand for points of the loop; those behind them are computed, but not written. */
  get valid(): number {
    return this.validCount;
  }

  /** Which lanes are points of the loop; undefined if all are. */
  get validLanes(): Expr | undefined {
    return this.validCount < this.lanes
      ? ir.compare('lt', ir.laneIndex, ir.splat(ir.i32(this.validCount)))
      : undefined;
  }

  // Opening

  /** See `Emitter.scope`. */
  open(
    bindings: ReadonlyMap<Variable, Expr>,
    body: () => void,
    vector: Variable | undefined,
    valid: number,
  ): void {
    const outer = { vector: this.vectorVariable, valid: this.validCount };
    if (vector !== undefined) {
      this.vectorVariable = vector;
      this.validCount = valid;
    }
    for (const [v, value] of bindings) this.coordinates.set(v, value);
    this.push([...bindings.keys()]);
    body();
    this.stack.pop();
    for (const v of bindings.keys()) this.coordinates.delete(v);
    this.vectorVariable = outer.vector;
    this.validCount = outer.valid;
  }

  /** Statements inside a condition: nothing computed there is known outside. */
  nested<T>(build: () => T): T {
    this.push(this.vectorVariable === undefined ? [] : [this.vectorVariable]);
    const result = build();
    this.stack.pop();
    return result;
  }

  /** Emits with the vector variable standing for one lane's element, as a scalar. */
  inLane<T>(lane: number, build: () => T): T {
    const v = this.vectorVariable as Variable;
    const first = this.coordinates.get(v) as Expr;
    const reduced = [...this.reduced];
    const { sum } = this;
    this.vectorVariable = undefined;
    this.coordinates.set(v, this.b.let(ir.add(first, ir.i32(lane))));
    for (const [slot, known] of reduced) {
      if (ir.isVector(known.value.type))
        this.reduced.set(slot, { value: extractLane(known.value, lane), depth: this.stack.length });
    }
    if (sum !== undefined && ir.isVector(sum.type)) this.sum = ir.extract(sum, lane);
    this.push([v]);
    const result = build();
    this.stack.pop();
    this.coordinates.set(v, first);
    for (const [slot, known] of reduced) this.reduced.set(slot, known);
    this.sum = sum;
    this.vectorVariable = v;
    return result;
  }

  eachLane<T>(build: () => T): T[] {
    return Array.from({ length: this.lanes }, (_, lane) => this.inLane(lane, build));
  }

  private push(variables: readonly Variable[]): void {
    this.stack.push({
      variables,
      statements: this.b.statements,
      values: new Map(),
      indices: new Map(),
    });
  }

  // What is known

  at(depth: number): Scope {
    return this.stack[depth] as Scope;
  }

  /** Puts what `build` emits into an enclosing scope, before the loops inside it. */
  within<T>(scope: Scope, build: () => T): T {
    const here = this.b.statements;
    this.b.statements = scope.statements;
    const result = build();
    this.b.statements = here;
    return result;
  }

  coordinate(v: Variable): Expr {
    const value = this.coordinates.get(v);
    if (value === undefined) throw new InternalError(`loop variable ${v.id} has no value here`);
    return value;
  }

  setReduced(slot: number, value: Expr): void {
    this.reduced.set(slot, { value, depth: this.stack.length - 1 });
  }

  reducedValue(slot: number): Expr {
    return this.reduction(slot).value;
  }

  private reduction(slot: number): { value: Expr; depth: number } {
    const known = this.reduced.get(slot);
    if (known === undefined) throw new InternalError(`reduction ${slot} is used before it is known`);
    return known;
  }

  setAccumulator(value: Expr): void {
    this.sum = value;
  }

  accumulator(): Expr {
    if (this.sum === undefined) throw new InternalError('there is no accumulator here');
    return this.sum;
  }

  // How deep a value belongs: in the outermost scope that binds all it depends on

  depthOf(scalar: Scalar): number {
    const { variables, reductions, accumulator } = dependenciesOf(scalar);
    let depth = this.sum !== undefined && accumulator ? this.stack.length - 1 : 0;
    for (const slot of reductions) depth = Math.max(depth, this.reduction(slot).depth);
    return Math.max(depth, this.depthOfVariables(variables));
  }

  depthOfAtom(atom: Atom): number {
    switch (atom.kind) {
      case 'variable':
        return this.depthOfVariables(new Set([atom.variable]));
      case 'value':
        return this.depthOf(atom.value);
      default: {
        let depth = this.depthOfVariables(variablesOf(atom.of));
        for (const value of dataOf(atom.of)) depth = Math.max(depth, this.depthOf(value));
        return depth;
      }
    }
  }

  private depthOfVariables(variables: ReadonlySet<Variable>): number {
    if (variables.size === 0) return 0;
    for (let depth = this.stack.length - 1; depth > 0; depth--) {
      if (this.at(depth).variables.some((v) => variables.has(v))) return depth;
    }
    return 0;
  }

  // What has one element per lane

  isVector(scalar: Scalar): boolean {
    const { variables, reductions, accumulator } = dependenciesOf(scalar);
    if (this.vectorVariable !== undefined && variables.has(this.vectorVariable)) return true;
    for (const slot of reductions) {
      const known = this.reduced.get(slot);
      if (known !== undefined && ir.isVector(known.value.type)) return true;
    }
    return accumulator && this.sum !== undefined && ir.isVector(this.sum.type);
  }

  variesByLane(index: Index): boolean {
    return (
      (this.vectorVariable !== undefined && variablesOf(index).has(this.vectorVariable)) ||
      dataOf(index).some((value) => this.isVector(value))
    );
  }
}
