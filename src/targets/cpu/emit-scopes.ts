/**
 * The loops that are open around the present statement: what is known in each, and so how far out a value can be
 * computed. One of their variables may run over L neighbours at a time; what depends on it is a vector.
 */
import { InternalError } from '../../core/errors.js';
import { variablesOf, type Atom, type Index, type Variable } from '../../compiler/index-expr.js';
import { dataOf, dependenciesOf, visit, type Scalar } from '../../compiler/scalar-expr.js';
import { extractLane } from './elements.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';

/** A loop that is open: what is known in it, and where statements that belong there go. */
export interface Scope {
  readonly variables: readonly Variable[];
  readonly statements: ir.Statement[];
  /** By what `Scopes.fixedIn` gives for the variables that a value depends on. */
  readonly values: Map<string, Map<Scalar, Expr>>;
  readonly indices: Map<string, Expr>;
  /** Scalars that are in all lanes of a vector. */
  readonly splats: Map<ir.Local, Expr>;
}

export class Scopes {
  readonly b: Builder;
  readonly lanes: number;
  private readonly stack: Scope[] = [];
  private readonly coordinates = new Map<Variable, Expr>();
  private readonly reduced = new Map<number, { value: Expr; depth: number }>();
  /** Variables whose value is a constant here: what depends on nothing else is computed outside all loops. */
  private readonly fixed = new Map<Variable, string>();
  private vectorVariable: Variable | undefined;
  private validCount: number;
  private alignedFirst = false;
  /** Buffers that are written in the rows, and how deep the present row is: what is read from them is not read before it. */
  private written: ReadonlySet<number> = new Set();
  private rowDepth = 0;
  private readonly readsWritten = new WeakMap<Scalar, boolean>();
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

  /** Whether the first of the neighbours is known to be a multiple of L. */
  get aligned(): boolean {
    return this.alignedFirst;
  }

  // Opening

  /** See `Emitter.scope`. */
  open(
    bindings: ReadonlyMap<Variable, Expr>,
    body: () => void,
    vector: Variable | undefined,
    valid: number,
    aligned: boolean,
  ): void {
    const outer = { vector: this.vectorVariable, valid: this.validCount, aligned: this.alignedFirst };
    if (vector !== undefined) {
      this.vectorVariable = vector;
      this.validCount = valid;
      this.alignedFirst = aligned;
    }
    const moving: Variable[] = [];
    for (const [v, value] of bindings) {
      this.coordinates.set(v, value);
      if (value.kind === 'const')
        this.fixed.set(v, `${v.id}=${value.value}${v === vector ? `+${valid}` : ''}`);
      else moving.push(v);
    }
    this.push(moving);
    body();
    this.stack.pop();
    for (const v of bindings.keys()) {
      this.coordinates.delete(v);
      this.fixed.delete(v);
    }
    this.vectorVariable = outer.vector;
    this.validCount = outer.valid;
    this.alignedFirst = outer.aligned;
  }

  /** A row, in which some buffers are written. */
  row(written: ReadonlySet<number>, body: () => void): void {
    const outer = { written: this.written, rowDepth: this.rowDepth };
    this.push([]);
    this.written = written;
    this.rowDepth = this.stack.length - 1;
    body();
    this.stack.pop();
    this.written = outer.written;
    this.rowDepth = outer.rowDepth;
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
    const fixed = this.fixed.get(v);
    this.fixed.delete(v);
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
    if (fixed !== undefined) this.fixed.set(v, fixed);
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
      splats: new Map(),
    });
  }

  // What is known

  at(depth: number): Scope {
    return this.stack[depth] as Scope;
  }

  /** What a scope knows of a scalar, or `undefined`; and how to make it known. */
  known(scope: Scope, scalar: Scalar): Expr | undefined {
    return scope.values.get(this.fixedIn(dependenciesOf(scalar).variables))?.get(scalar);
  }

  remember(scope: Scope, scalar: Scalar, value: Expr): void {
    const key = this.fixedIn(dependenciesOf(scalar).variables);
    let values = scope.values.get(key);
    if (values === undefined) scope.values.set(key, (values = new Map<Scalar, Expr>()));
    values.set(scalar, value);
  }

  /** The constant variables among those that something depends on, with their values: it is another one with others. */
  fixedIn(variables: ReadonlySet<Variable>): string {
    if (this.fixed.size === 0) return '';
    let key = '';
    for (const [v, text] of this.fixed) if (variables.has(v)) key += `${text};`;
    return key;
  }

  /** As `fixedIn`, of an index and the data in it. */
  fixedInIndex(index: Index): string {
    if (this.fixed.size === 0) return '';
    const variables = variablesOf(index);
    for (const value of dataOf(index)) dependenciesOf(value).variables.forEach((v) => variables.add(v));
    return this.fixedIn(variables);
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

  /** The value of a variable (at lane 0) where it is a constant. */
  fixedValue(v: Variable): number | undefined {
    const value = this.coordinates.get(v);
    return value?.kind === 'const' ? value.value : undefined;
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
    if (this.rowDepth > depth && this.readsWrittenBuffers(scalar)) depth = this.rowDepth;
    return Math.max(depth, this.depthOfVariables(variables));
  }

  private readsWrittenBuffers(scalar: Scalar): boolean {
    let reads = this.readsWritten.get(scalar);
    if (reads === undefined) {
      reads = false;
      visit([scalar], (each) => {
        if (each.kind === 'load' && this.written.has(each.buffer)) reads = true;
      });
      this.readsWritten.set(scalar, reads);
    }
    return reads;
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
