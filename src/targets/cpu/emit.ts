/** Scalar expressions → loop IR: each value is computed once, in the outermost loop where it is known. */
import type { DType } from '../../core/dtype.js';
import { bytesPerElement } from '../../core/dtype.js';
import { InternalError } from '../../core/errors.js';
import { variablesOf, type Atom, type Index, type Variable } from '../../compiler/index-expr.js';
import { dataOf, dependenciesOf, linearStride, type Bound, type Scalar } from '../../compiler/scalar-expr.js';
import { emitCast, emitOp } from './emit-op.js';
import * as ir from './ir.js';
import type { Builder, Element, Expr, Type } from './ir.js';
import { bfloat16ToFloat, floatToBfloat16, floatToHalf, halfToFloat } from './math.js';
import { emitThreefry } from './threefry.js';

/** How a dtype lies in memory. */
export const ELEMENT: Readonly<Record<DType, Element>> = {
  float32: 'f32',
  float64: 'f64',
  int32: 'i32',
  uint32: 'i32',
  bool: 'u8',
  uint8: 'u8',
  int8: 'i8',
  float16: 'u16',
  bfloat16: 'u16',
};

/** The scalar type in which a dtype is computed. bool is a truth value: i32 0 or 1, a mask in vectors. */
export function scalarType(dtype: DType): 'i32' | 'f32' | 'f64' {
  if (dtype === 'float64') return 'f64';
  return dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16' ? 'f32' : 'i32';
}

/** A loop that is open: what is known in it, and where statements that belong there go. */
interface Scope {
  readonly variables: readonly Variable[];
  statements: ir.Statement[];
  readonly values: Map<Scalar, Expr>;
  readonly indices: Map<string, Expr>;
}

/** Emits scalars into nested scopes. The scopes are opened from outside, by whoever makes the loops. */
export class Emitter {
  readonly b: Builder;
  readonly lanes: number;
  private readonly base: (buffer: number) => Expr;
  private readonly scalars: (slot: number, dtype: DType) => Expr;
  private readonly scopes: Scope[];
  private readonly coordinates = new Map<Variable, Expr>();
  private readonly reduced = new Map<number, { value: Expr; depth: number }>();
  private vector: Variable | undefined;
  /** Lanes that stand for points of the loop; those behind them are computed, but not written. */
  private valid: number;
  private accumulator: Expr | undefined;

  constructor(options: {
    b: Builder;
    lanes: number;
    base: (buffer: number) => Expr;
    scalars: (slot: number, dtype: DType) => Expr;
  }) {
    this.b = options.b;
    this.lanes = options.lanes;
    this.base = options.base;
    this.scalars = options.scalars;
    this.valid = options.lanes;
    this.scopes = [{ variables: [], statements: this.b.statements, values: new Map(), indices: new Map() }];
  }

  /**
   * Inside `body`, the variables have these values. With `vector`, that variable runs over L neighbours, the first of which is
   * given; only the first `valid` of them are points of the loop.
   */
  scope(
    bindings: ReadonlyMap<Variable, Expr>,
    body: () => void,
    vector?: Variable,
    valid = this.lanes,
  ): void {
    const outer = { vector: this.vector, valid: this.valid };
    if (vector !== undefined) {
      this.vector = vector;
      this.valid = valid;
    }
    for (const [v, value] of bindings) this.coordinates.set(v, value);
    this.scopes.push({
      variables: [...bindings.keys()],
      statements: this.b.statements,
      values: new Map(),
      indices: new Map(),
    });
    body();
    this.scopes.pop();
    for (const v of bindings.keys()) this.coordinates.delete(v);
    this.vector = outer.vector;
    this.valid = outer.valid;
  }

  /** Which lanes are points of the loop; undefined if all are. */
  get validLanes(): Expr | undefined {
    return this.valid < this.lanes ? ir.compare('lt', ir.laneIndex, ir.splat(ir.i32(this.valid))) : undefined;
  }

  /** Whether the innermost loops run over L neighbours at a time. */
  get inVectorLoop(): boolean {
    return this.vector !== undefined;
  }

  /** Makes a reduction's result known in the present scope. */
  setReduced(slot: number, value: Expr): void {
    this.reduced.set(slot, { value, depth: this.scopes.length - 1 });
  }

  /** The sum that contractions hand over, for the present scope. */
  setAccumulator(value: Expr): void {
    this.accumulator = value;
  }

  /** Whether a value has one element per lane here. */
  isVector(scalar: Scalar): boolean {
    if (scalar.kind === 'accumulator')
      return this.accumulator !== undefined && ir.isVector(this.accumulator.type);
    if (this.vector !== undefined && dependenciesOf(scalar).variables.has(this.vector)) return true;
    for (const slot of dependenciesOf(scalar).reductions) {
      const known = this.reduced.get(slot);
      if (known !== undefined && ir.isVector(known.value.type)) return true;
    }
    return (
      dependenciesOf(scalar).accumulator &&
      this.accumulator !== undefined &&
      ir.isVector(this.accumulator.type)
    );
  }

  /** The value of a scalar: a local or a constant, scalar or vector as it depends on the vector variable. */
  value(scalar: Scalar): Expr {
    const depth = this.depthOf(scalar);
    const scope = this.scopes[depth] as Scope;
    const known = scope.values.get(scalar);
    if (known !== undefined) return known;
    const result = this.within(scope, () => this.b.let(this.compute(scalar)));
    scope.values.set(scalar, result);
    return result;
  }

  /** The value with one element per lane, whatever it depends on. */
  vectorValue(scalar: Scalar): Expr {
    const value = this.value(scalar);
    return ir.isVector(value.type) ? value : this.splat(value, scalar.dtype);
  }

  splat(value: Expr, dtype: DType): Expr {
    return dtype === 'bool' ? ir.splat(value, 'maskv') : ir.splat(value);
  }

  /** Writes a value at an index of a buffer. Everything it needs is computed first, so several stores may follow each other. */
  prepareStore(buffer: number, dtype: DType, index: Index, scalar: Scalar): () => void {
    const stride = this.vector === undefined ? 0 : linearStride(index, this.vector);
    const isVector = this.vector !== undefined && (stride === undefined || stride !== 0);
    const value = isVector ? this.vectorValue(scalar) : this.value(scalar);
    const address = isVector && stride === undefined ? undefined : this.address(buffer, dtype, index);
    const raw = this.encode(value, dtype);
    return () => {
      const element = ELEMENT[dtype];
      if (!isVector || stride === 1) {
        const count = isVector && this.valid < this.lanes ? ir.i32(this.valid) : undefined;
        this.b.store(element, (address as Address).base, raw, (address as Address).offset, count);
      } else {
        for (let lane = 0; lane < this.valid; lane++) {
          const place = this.inLane(lane, () => this.address(buffer, dtype, index));
          this.b.store(element, place.base, ir.extract(raw, lane), place.offset);
        }
      }
    };
  }

  /** The integer value of an index at lane 0. */
  index(index: Index): Expr {
    const { expr, constant } = this.partial(index);
    return ir.add(expr ?? ir.i32(0), ir.i32(constant));
  }

  private depthOf(scalar: Scalar): number {
    const { variables, reductions } = dependenciesOf(scalar);
    let depth =
      this.accumulator !== undefined && dependenciesOf(scalar).accumulator ? this.scopes.length - 1 : 0;
    for (const slot of reductions) {
      const known = this.reduced.get(slot);
      if (known === undefined) throw new InternalError(`reduction ${slot} is used before it is known`);
      depth = Math.max(depth, known.depth);
    }
    return Math.max(depth, this.depthOfVariables(variables));
  }

  private depthOfVariables(variables: ReadonlySet<Variable>): number {
    if (variables.size === 0) return 0;
    for (let depth = this.scopes.length - 1; depth > 0; depth--) {
      if (this.scopes[depth]?.variables.some((v) => variables.has(v)) === true) return depth;
    }
    return 0;
  }

  /** Puts what `build` emits into an enclosing scope, before the loops inside it. */
  private within<T>(scope: Scope, build: () => T): T {
    const here = this.b.statements;
    this.b.statements = scope.statements;
    const result = build();
    this.b.statements = here;
    return result;
  }

  private compute(scalar: Scalar): Expr {
    switch (scalar.kind) {
      case 'constant':
        return this.constant(scalar.dtype, scalar.value);
      case 'scalar':
        return this.scalars(scalar.slot, scalar.dtype);
      case 'index':
        return this.isVector(scalar) ? this.vectorIndex(scalar.index) : this.index(scalar.index);
      case 'inside':
        return this.inside(scalar.bounds, this.isVector(scalar));
      case 'load':
        return this.load(scalar);
      case 'random': {
        const vector = this.isVector(scalar);
        const counter = vector ? this.vectorIndex(scalar.index) : this.index(scalar.index);
        const [k0, k1] = scalar.args.map((arg) => this.value(arg)) as [Expr, Expr];
        return emitThreefry(this.b, k0, k1, counter);
      }
      case 'reduced': {
        const known = this.reduced.get(scalar.slot);
        if (known === undefined)
          throw new InternalError(`reduction ${scalar.slot} is used before it is known`);
        return known.value;
      }
      case 'accumulator':
        if (this.accumulator === undefined) throw new InternalError('there is no accumulator here');
        return this.accumulator;
      case 'op': {
        const vector = this.isVector(scalar);
        const args = scalar.args.map((arg) => (vector ? this.vectorValue(arg) : this.value(arg)));
        const from = scalar.args[0]?.dtype ?? scalar.dtype;
        if (scalar.op === 'cast') return emitCast(this.b, args[0] as Expr, from, scalar.dtype);
        return emitOp(this.b, scalar.op, from, scalar.dtype, args, this.lanes);
      }
    }
  }

  private constant(dtype: DType, value: number): Expr {
    const type = scalarType(dtype);
    if (dtype === 'bool') return ir.i32(value === 0 ? 0 : 1);
    return type === 'i32' ? ir.i32(value) : type === 'f32' ? ir.f32(Math.fround(value)) : ir.f64(value);
  }

  // Indices

  /** The part of an index that varies, as an i32 at lane 0, and its constant. Sums are formed loop by loop, outermost first. */
  private partial(index: Index): { expr: Expr | undefined; constant: number } {
    let sum: Expr | undefined;
    let key = '';
    const byDepth = new Map<number, (typeof index.terms)[number][]>();
    for (const term of index.terms) {
      const depth = this.depthOfAtom(term.atom);
      byDepth.set(depth, [...(byDepth.get(depth) ?? []), term]);
    }
    for (const depth of [...byDepth.keys()].sort((a, b) => a - b)) {
      const scope = this.scopes[depth] as Scope;
      const terms = byDepth.get(depth) ?? [];
      key += terms.map(({ factor, atom }) => `+${factor}*${atom.key}`).join('');
      const before = sum;
      let known = scope.indices.get(key);
      if (known === undefined) {
        known = this.within(scope, () => {
          let total = before;
          for (const { factor, atom } of terms) {
            const part = ir.mul(this.atom(atom), ir.i32(factor));
            total = total === undefined ? part : ir.add(total, part);
          }
          return this.b.let(total as Expr, 'index');
        });
        scope.indices.set(key, known);
      }
      sum = known;
    }
    return { expr: sum, constant: index.constant };
  }

  private depthOfAtom(atom: Atom): number {
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

  private atom(atom: Atom): Expr {
    switch (atom.kind) {
      case 'variable': {
        const value = this.coordinates.get(atom.variable);
        if (value === undefined)
          throw new InternalError(`loop variable ${atom.variable.id} has no value here`);
        return value;
      }
      case 'value':
        return this.clamped(this.value(atom.value), atom.max);
      case 'quotient':
        return this.divide(this.index(atom.of), atom.by, 'quotient', atom.of.min < 0);
      case 'remainder':
        return this.divide(this.index(atom.of), atom.by, 'remainder', atom.of.min < 0);
    }
  }

  private clamped(value: Expr, max: number): Expr {
    const limit = (n: number): Expr => (ir.isVector(value.type) ? ir.splat(ir.i32(n)) : ir.i32(n));
    return ir.binary('minS', ir.binary('maxS', value, limit(0)), limit(max));
  }

  private divide(value: Expr, by: number, which: 'quotient' | 'remainder', negative: boolean): Expr {
    const shift = Math.log2(by);
    if (Number.isInteger(shift)) {
      return which === 'quotient'
        ? ir.binary('shrS', value, ir.i32(shift))
        : ir.binary('and', value, ir.i32(by - 1));
    }
    if (!negative) return ir.binary(which === 'quotient' ? 'divU' : 'remU', value, ir.i32(by));
    // Floored division: shift the range to where truncation floors.
    const kept = this.b.let(value);
    const remainder = this.b.let(ir.binary('remS', kept, ir.i32(by)));
    const floored = ir.add(remainder, ir.binary('and', ir.binary('shrS', remainder, ir.i32(31)), ir.i32(by)));
    return which === 'remainder' ? floored : ir.binary('divS', ir.sub(kept, floored), ir.i32(by));
  }

  /** The index in every lane. */
  private vectorIndex(index: Index): Expr {
    const depth = index.terms.reduce((deepest, { atom }) => Math.max(deepest, this.depthOfAtom(atom)), 0);
    const scope = this.scopes[depth] as Scope;
    const key = `lanes ${index.key}`;
    let known = scope.indices.get(key);
    if (known === undefined) {
      known = this.within(scope, () => this.b.let(this.indexOfLanes(index), 'indices'));
      scope.indices.set(key, known);
    }
    return known;
  }

  private indexOfLanes(index: Index): Expr {
    const v = this.vector;
    if (v === undefined) throw new InternalError('a vector index outside a vector loop');
    const stride = linearStride(index, v);
    if (stride !== undefined) {
      const first = ir.splat(this.index(index));
      return stride === 0 ? first : ir.add(first, ir.mul(ir.laneIndex, ir.splat(ir.i32(stride))));
    }
    let sum: Expr = ir.splat(ir.i32(index.constant));
    for (const { factor, atom } of index.terms) {
      const part = this.variesByLane(atom) ? this.atomOfLanes(atom) : ir.splat(this.b.let(this.atom(atom)));
      sum = ir.add(sum, factor === 1 ? part : ir.mul(part, ir.splat(ir.i32(factor))));
    }
    return sum;
  }

  private atomOfLanes(atom: Atom): Expr {
    switch (atom.kind) {
      case 'variable':
        return ir.add(ir.splat(this.atom(atom)), ir.laneIndex);
      case 'value':
        return this.clamped(this.value(atom.value), atom.max);
      case 'quotient':
      case 'remainder':
        if (!dividesInLanes(atom)) return ir.lanes(this.eachLane(() => this.b.let(this.atom(atom))));
        return this.divideLanes(this.vectorIndex(atom.of), atom.by, atom.kind);
    }
  }

  /** Division of small non-negative integers. There is none for vectors of integers; that of floats is exact here. */
  private divideLanes(value: Expr, by: number, which: 'quotient' | 'remainder'): Expr {
    const shift = Math.log2(by);
    if (Number.isInteger(shift)) {
      return which === 'quotient'
        ? ir.binary('shrS', value, ir.i32(shift))
        : ir.binary('and', value, ir.splat(ir.i32(by - 1)));
    }
    const real = ir.convert('fromS', 'f32v', value);
    const constant = (x: number): Expr => ir.splat(ir.f32(Math.fround(x)));
    // Half a unit in: rounding cannot push the quotient over the next integer.
    const scaled = ir.mul(ir.binary('add', real, constant(0.5)), constant(1 / by));
    const quotient = this.b.let(ir.convert('toS', 'i32v', scaled));
    return which === 'quotient' ? quotient : ir.sub(value, ir.mul(quotient, ir.splat(ir.i32(by))));
  }

  private variesByLane(atom: Atom): boolean {
    if (atom.kind === 'variable') return atom.variable === this.vector;
    if (atom.kind === 'value') return this.isVector(atom.value);
    return (
      (this.vector !== undefined && variablesOf(atom.of).has(this.vector)) ||
      dataOf(atom.of).some((value) => this.isVector(value))
    );
  }

  private eachLane<T>(build: () => T): T[] {
    return Array.from({ length: this.lanes }, (_, lane) => this.inLane(lane, build));
  }

  /** Emits with the vector variable standing for one lane's element, as a scalar. */
  private inLane<T>(lane: number, build: () => T): T {
    const v = this.vector as Variable;
    const first = this.coordinates.get(v) as Expr;
    const reduced = [...this.reduced];
    const { accumulator } = this;
    this.vector = undefined;
    this.coordinates.set(v, this.b.let(ir.add(first, ir.i32(lane))));
    for (const [slot, known] of reduced) {
      if (ir.isVector(known.value.type))
        this.reduced.set(slot, { value: extractLane(known.value, lane), depth: this.scopes.length });
    }
    if (accumulator !== undefined && ir.isVector(accumulator.type))
      this.accumulator = ir.extract(accumulator, lane);
    this.scopes.push({
      variables: [v],
      statements: this.b.statements,
      values: new Map(),
      indices: new Map(),
    });
    const result = build();
    this.scopes.pop();
    this.coordinates.set(v, first);
    for (const [slot, known] of reduced) this.reduced.set(slot, known);
    this.accumulator = accumulator;
    this.vector = v;
    return result;
  }

  // Memory

  private address(buffer: number, dtype: DType, index: Index): Address {
    const bytes = bytesPerElement(dtype);
    const { expr, constant } = this.partial(index);
    const base = this.base(buffer);
    const moved = expr === undefined ? base : ir.add(base, ir.mul(expr, ir.i32(bytes)));
    const offset = constant * bytes;
    return offset >= 0 ? { base: moved, offset } : { base: ir.add(moved, ir.i32(offset)), offset: 0 };
  }

  private load(scalar: Extract<Scalar, { kind: 'load' }>): Expr {
    const { guard, dtype } = scalar;
    const vector = this.isVector(scalar);
    if (guard.length === 0) return vector ? this.loadVector(scalar) : this.loadScalar(scalar);
    const type = rawType(dtype, vector);
    if (!vector) return this.loadIf(guard, type, () => this.loadScalar(scalar));
    const byLane = guard.filter(({ index }) =>
      this.variesByLane({ kind: 'quotient', key: '', min: 0, max: 0, of: index, by: 1 }),
    );
    const common = guard.filter((bound) => !byLane.includes(bound));
    if (byLane.length === 0) return this.loadIf(common, type, () => this.loadVector(scalar));
    // Most vectors lie inside altogether; at the edges each lane looks for itself.
    const result = this.b.variable(zero(type), 'guarded');
    const careful = (): void => {
      const parts = this.eachLane(() =>
        this.loadIf(byLane, rawType(dtype, false), () => this.loadScalar(scalar)),
      );
      this.b.set(result, assemble(parts, type));
    };
    const body = (): void => {
      const ends = this.allLanesInside(byLane);
      if (ends === undefined) careful();
      else
        this.b.if(
          ends,
          () => {
            this.b.set(
              result,
              this.nested(() => this.loadVector(scalar)),
            );
          },
          () => {
            this.nested(careful);
          },
        );
    };
    if (common.length === 0) body();
    else
      this.b.if(this.inside(common, false), () => {
        this.nested(body);
      });
    return ir.get(result);
  }

  /** Statements inside a condition: nothing computed there is known outside. */
  private nested<T>(build: () => T): T {
    this.scopes.push({
      variables: this.vector === undefined ? [] : [this.vector],
      statements: this.b.statements,
      values: new Map(),
      indices: new Map(),
    });
    const result = build();
    this.scopes.pop();
    return result;
  }

  private loadIf(guard: readonly Bound[], type: Type, load: () => Expr): Expr {
    const result = this.b.variable(zero(type), 'guarded');
    this.b.if(this.inside(guard, false), () => {
      this.b.set(result, this.nested(load));
    });
    return ir.get(result);
  }

  /** Whether the first and the last lane, and so all between, are in range; undefined if bounds are not linear. */
  private allLanesInside(bounds: readonly Bound[]): Expr | undefined {
    const v = this.vector as Variable;
    let all: Expr | undefined;
    for (const { index, low, high } of bounds) {
      const stride = linearStride(index, v);
      if (stride === undefined) return undefined;
      const reach = stride * (this.lanes - 1);
      const first = this.index(index);
      const check = within(first, low + Math.max(0, -reach), high - Math.max(0, reach));
      all = all === undefined ? check : ir.binary('and', all, check);
    }
    return all;
  }

  private inside(bounds: readonly Bound[], vector: boolean): Expr {
    let all: Expr | undefined;
    for (const { index, low, high } of bounds) {
      let check: Expr;
      if (vector) {
        const at = this.b.let(this.vectorIndex(index));
        check = ir.binary(
          'and',
          ir.compare('ge', at, ir.splat(ir.i32(low))),
          ir.compare('lt', at, ir.splat(ir.i32(high))),
        );
      } else check = within(this.index(index), low, high);
      all = all === undefined ? check : ir.binary('and', all, check);
    }
    return all ?? ir.i32(1);
  }

  private loadScalar({ buffer, dtype, index }: Extract<Scalar, { kind: 'load' }>): Expr {
    const { base, offset } = this.address(buffer, dtype, index);
    return this.decode(ir.load(ELEMENT[dtype], base, offset), dtype);
  }

  private loadVector({ buffer, dtype, index }: Extract<Scalar, { kind: 'load' }>): Expr {
    const element = ELEMENT[dtype];
    const stride = linearStride(index, this.vector as Variable);
    if (stride === undefined) {
      return this.decode(ir.gather(element, this.base(buffer), this.b.let(this.vectorIndex(index))), dtype);
    }
    const { base, offset } = this.address(buffer, dtype, index);
    if (stride === 1) return this.decode(ir.load(element, base, offset, true), dtype);
    if (stride === 0) return this.splat(this.decode(ir.load(element, base, offset), dtype), dtype);
    return this.decode(ir.loadStrided(element, ir.add(base, ir.i32(offset)), stride), dtype);
  }

  /** Raw element → value. */
  private decode(raw: Expr, dtype: DType): Expr {
    const vector = ir.isVector(raw.type);
    if (dtype === 'bool') return ir.compare('ne', raw, vector ? ir.splat(ir.i32(0)) : ir.i32(0));
    if (dtype === 'float16') return halfToFloat(this.b, raw);
    return dtype === 'bfloat16' ? bfloat16ToFloat(this.b, raw) : raw;
  }

  /** Value → raw element. */
  private encode(value: Expr, dtype: DType): Expr {
    if (dtype === 'bool' && value.type === 'maskv') return this.b.let(ir.convert('maskToInt', 'i32v', value));
    if (dtype === 'float16') return this.b.let(floatToHalf(this.b, value));
    return dtype === 'bfloat16' ? this.b.let(floatToBfloat16(this.b, value)) : this.b.let(value);
  }
}

/** Integers below this divide exactly as float32: (x + 1/2) / n is half an n-th away from integers, and rounding errs by less. */
const EXACT_IN_FLOAT32 = 2 ** 20;

function dividesInLanes({ of, by }: Extract<Atom, { kind: 'quotient' | 'remainder' }>): boolean {
  return Number.isInteger(Math.log2(by)) || (of.min >= 0 && of.max < EXACT_IN_FLOAT32);
}

interface Address {
  readonly base: Expr;
  readonly offset: number;
}

/** low <= value < high, as one unsigned comparison. */
function within(value: Expr, low: number, high: number): Expr {
  if (high <= low) return ir.i32(0);
  return ir.compare('ltU', ir.sub(value, ir.i32(low)), ir.i32(high - low));
}

/** The type of a decoded element. */
function rawType(dtype: DType, vector: boolean): Type {
  const type = scalarType(dtype);
  if (!vector) return type;
  if (dtype === 'bool') return 'maskv';
  if (type === 'f64') throw new InternalError('there are no vectors of float64');
  return type === 'f32' ? 'f32v' : 'i32v';
}

const zero = (type: Type): Expr => ir.constant(type, 0);

function assemble(parts: readonly Expr[], type: Type): Expr {
  if (type !== 'maskv') return ir.lanes(parts);
  return ir.compare('ne', ir.lanes(parts), ir.splat(ir.i32(0)));
}

function extractLane(value: Expr, lane: number): Expr {
  return value.type === 'maskv'
    ? ir.extract(ir.convert('maskToInt', 'i32v', value), lane)
    : ir.extract(value, lane);
}
