/** Scalar expressions → loop IR: each value is computed once, in the outermost loop where it is known. */
import type { DType } from '../../core/dtype.js';
import type { Index, Variable } from '../../compiler/index-expr.js';
import { dataOf, indicesOf, operandsOf, visit, type Scalar } from '../../compiler/scalar-expr.js';
import { constantOf, splatValue } from './elements.js';
import { IndexEmitter } from './emit-index.js';
import { MemoryEmitter } from './emit-memory.js';
import { emitCast, emitOp } from './emit-op.js';
import { Scopes } from './emit-scopes.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';
import type { Machine } from './machine.js';
import { FRACTIONS } from './math.js';
import { emitThreefry } from './threefry.js';

export { ELEMENT, scalarType } from './elements.js';

/** Emits scalars into nested scopes. The scopes are opened from outside, by whoever makes the loops. */
export class Emitter {
  readonly b: Builder;
  readonly lanes: number;
  private readonly scopes: Scopes;
  private readonly indices: IndexEmitter;
  private readonly memory: MemoryEmitter;
  private usedOnce: ReadonlySet<Scalar> = new Set();
  private readonly scalars: (slot: number, dtype: DType) => Expr;

  constructor(options: {
    b: Builder;
    machine: Machine;
    base: (buffer: number) => Expr;
    scalars: (slot: number, dtype: DType) => Expr;
    /** Elements of a buffer, where that is known: it allows loads that look only afterwards. */
    sizeOf?: (buffer: number) => number | undefined;
  }) {
    this.b = options.b;
    this.lanes = options.machine.lanes;
    this.scopes = new Scopes(options.b, this.lanes);
    this.indices = new IndexEmitter(this.scopes, (scalar) => this.value(scalar));
    this.memory = new MemoryEmitter(
      this.scopes,
      this.indices,
      options.base,
      options.machine,
      options.sizeOf ?? (() => undefined),
    );
    this.scalars = options.scalars;
  }

  /**
   * Inside `body`, the variables have these values. With `vector`, that variable runs over L neighbours, the first of which is
   * given; only the first `valid` of them are points of the loop. `aligned` says that the first is a multiple of L.
   */
  scope(
    bindings: ReadonlyMap<Variable, Expr>,
    body: () => void,
    vector?: Variable,
    valid = this.lanes,
    aligned = false,
  ): void {
    this.scopes.open(bindings, body, vector, valid, aligned);
  }

  /** A row: what is read from buffers that are written in it is read inside it. */
  row(written: ReadonlySet<number>, body: () => void): void {
    this.scopes.row(written, body);
  }

  /** Tells what all will be computed: what only one of these values uses may become part of how that one is computed. */
  expect(values: readonly Scalar[]): void {
    const uses = new Map<Scalar, number>();
    const count = (scalar: Scalar): void => void uses.set(scalar, (uses.get(scalar) ?? 0) + 1);
    values.forEach(count);
    visit(values, (scalar) => {
      operandsOf(scalar).forEach(count);
      for (const index of indicesOf(scalar)) dataOf(index).forEach(count);
    });
    this.usedOnce = new Set([...uses].filter(([, n]) => n === 1).map(([scalar]) => scalar));
  }

  /** Which lanes are points of the loop; undefined if all are. */
  get validLanes(): Expr | undefined {
    return this.scopes.validLanes;
  }

  /** Whether the innermost loops run over L neighbours at a time. */
  get inVectorLoop(): boolean {
    return this.scopes.vector !== undefined;
  }

  /** Makes a reduction's result known in the present scope. */
  setReduced(slot: number, value: Expr): void {
    this.scopes.setReduced(slot, value);
  }

  /** The sum that contractions hand over, for the present scope. */
  setAccumulator(value: Expr): void {
    this.scopes.setAccumulator(value);
  }

  /** Whether a value has one element per lane here. */
  isVector(scalar: Scalar): boolean {
    return this.scopes.isVector(scalar);
  }

  /** The integer value of an index at lane 0. */
  index(index: Index): Expr {
    return this.indices.index(index);
  }

  /** The value of a scalar: a local or a constant, scalar or vector as it depends on the vector variable. */
  value(scalar: Scalar): Expr {
    const scope = this.scopes.at(this.scopes.depthOf(scalar));
    const known = this.scopes.known(scope, scalar);
    if (known !== undefined) return known;
    const result = this.scopes.within(scope, () => this.b.let(this.compute(scalar)));
    this.scopes.remember(scope, scalar, result);
    return result;
  }

  /** The value with one element per lane, whatever it depends on. One that is the same in all lanes is spread where it is known, outside the loop. */
  vectorValue(scalar: Scalar): Expr {
    const value = this.value(scalar);
    if (ir.isVector(value.type)) return value;
    if (value.kind !== 'local') return splatValue(value, scalar.dtype);
    const scope = this.scopes.at(this.scopes.depthOf(scalar));
    let lanes = scope.splats.get(value.local);
    if (lanes === undefined) {
      lanes = this.scopes.within(scope, () => this.b.let(splatValue(value, scalar.dtype), 'splat'));
      scope.splats.set(value.local, lanes);
    }
    return lanes;
  }

  /** Writes a value at an index of a buffer. Everything it needs is computed first, so several stores may follow each other. */
  prepareStore(buffer: number, dtype: DType, index: Index, scalar: Scalar): () => void {
    const byLane = this.memory.storesLanes(index);
    const value = byLane ? this.vectorValue(scalar) : this.value(scalar);
    return this.memory.prepareStore(buffer, dtype, index, value, byLane);
  }

  private compute(scalar: Scalar): Expr {
    switch (scalar.kind) {
      case 'constant':
        return constantOf(scalar.dtype, scalar.value);
      case 'scalar':
        return this.scalars(scalar.slot, scalar.dtype);
      case 'index':
        return this.indexOf(scalar);
      case 'inside':
        return this.isVector(scalar)
          ? this.indices.insideOfLanes(scalar.bounds)
          : this.indices.inside(scalar.bounds);
      case 'load':
        return this.memory.load(scalar);
      case 'random': {
        const counter = this.indexOf(scalar);
        const [k0, k1] = scalar.args.map((arg) => this.value(arg)) as [Expr, Expr];
        return emitThreefry(this.b, k0, k1, counter);
      }
      case 'reduced':
        return this.scopes.reducedValue(scalar.slot);
      case 'accumulator':
        return this.scopes.accumulator();
      case 'op': {
        const vector = this.isVector(scalar);
        const product = this.productOfFractions(scalar, vector);
        if (product !== undefined) return product;
        const args = scalar.args.map((arg) => (vector ? this.vectorValue(arg) : this.value(arg)));
        const from = scalar.args[0]?.dtype ?? scalar.dtype;
        if (scalar.op === 'cast') return emitCast(this.b, args[0] as Expr, from, scalar.dtype);
        return emitOp(this.b, scalar.op, from, scalar.dtype, args, this.lanes);
      }
    }
  }

  /** tanh(x) · sigmoid(y), as gates of recurrent layers have it, with one division. */
  private productOfFractions(scalar: Extract<Scalar, { kind: 'op' }>, vector: boolean): Expr | undefined {
    if (scalar.op !== 'mul' || scalar.dtype !== 'float32') return undefined;
    const fractions = scalar.args.map((arg) => {
      const make = arg.kind === 'op' && this.usedOnce.has(arg) ? FRACTIONS[arg.op] : undefined;
      return make === undefined || arg.kind !== 'op' ? undefined : { make, of: arg.args[0] };
    });
    const [first, second] = fractions;
    if (first?.of === undefined || second?.of === undefined) return undefined;
    const valueOf = (of: Scalar): Expr => (vector ? this.vectorValue(of) : this.value(of));
    const a = first.make(this.b, valueOf(first.of));
    const c = second.make(this.b, valueOf(second.of));
    const numerator = ir.mul(a.numerator, c.numerator);
    return ir.binary('div', numerator, ir.mul(a.denominator, c.denominator));
  }

  private indexOf(scalar: Extract<Scalar, { kind: 'index' | 'random' }>): Expr {
    return this.isVector(scalar) ? this.indices.ofLanes(scalar.index) : this.indices.index(scalar.index);
  }
}
