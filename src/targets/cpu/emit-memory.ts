/** Access to buffers → loop IR: addresses, loads that look before they read, stores. */
import type { DType } from '../../core/dtype.js';
import { bytesPerElement } from '../../core/dtype.js';
import type { Index, Variable } from '../../compiler/index-expr.js';
import { linearStride, type Bound, type Scalar } from '../../compiler/scalar-expr.js';
import { decode, ELEMENT, encode, joinLanes, splatValue, valueType } from './elements.js';
import type { IndexEmitter } from './emit-index.js';
import type { Scopes } from './emit-scopes.js';
import * as ir from './ir.js';
import type { Builder, Expr, Type } from './ir.js';

type Load = Extract<Scalar, { kind: 'load' }>;

/** Loads and stores take a constant offset for nothing. */
interface Address {
  readonly base: Expr;
  readonly offset: number;
}

export class MemoryEmitter {
  private readonly scopes: Scopes;
  private readonly b: Builder;
  private readonly indices: IndexEmitter;
  private readonly base: (buffer: number) => Expr;

  constructor(scopes: Scopes, indices: IndexEmitter, base: (buffer: number) => Expr) {
    this.scopes = scopes;
    this.b = scopes.b;
    this.indices = indices;
    this.base = base;
  }

  private address(buffer: number, dtype: DType, index: Index): Address {
    const bytes = bytesPerElement(dtype);
    const { expr, constant } = this.indices.partial(index);
    const base = this.base(buffer);
    const moved = expr === undefined ? base : ir.add(base, ir.mul(expr, ir.i32(bytes)));
    const offset = constant * bytes;
    return offset >= 0 ? { base: moved, offset } : { base: ir.add(moved, ir.i32(offset)), offset: 0 };
  }

  // Loads

  load(scalar: Load): Expr {
    const { guard, dtype } = scalar;
    const vector = this.scopes.isVector(scalar);
    const load = (): Expr => (vector ? this.loadVector(scalar) : this.loadScalar(scalar));
    if (guard.length === 0) return load();
    const byLane = vector ? guard.filter(({ index }) => this.scopes.variesByLane(index)) : [];
    if (byLane.length === 0) return this.loadIf(guard, valueType(dtype, vector), load);
    return this.loadLanesInside(scalar, byLane);
  }

  private loadIf(guard: readonly Bound[], type: Type, load: () => Expr): Expr {
    const result = this.b.variable(ir.constant(type, 0), 'guarded');
    this.b.if(this.indices.inside(guard), () => {
      this.b.set(result, this.scopes.nested(load));
    });
    return ir.get(result);
  }

  /** Most vectors lie inside altogether; at the edges each lane looks for itself. */
  private loadLanesInside(scalar: Load, byLane: readonly Bound[]): Expr {
    const { b, scopes } = this;
    const type = valueType(scalar.dtype, true);
    const common = scalar.guard.filter((bound) => !byLane.includes(bound));
    const result = b.variable(ir.constant(type, 0), 'guarded');
    const careful = (): void => {
      const parts = scopes.eachLane(() =>
        this.loadIf(byLane, valueType(scalar.dtype, false), () => this.loadScalar(scalar)),
      );
      b.set(result, joinLanes(parts, type));
    };
    const body = (): void => {
      const ends = this.indices.allLanesInside(byLane);
      if (ends === undefined) {
        careful();
        return;
      }
      b.if(
        ends,
        () => {
          const whole = scopes.nested(() => this.loadVector(scalar));
          b.set(result, whole);
        },
        () => {
          scopes.nested(careful);
        },
      );
    };
    if (common.length === 0) body();
    else
      b.if(this.indices.inside(common), () => {
        scopes.nested(body);
      });
    return ir.get(result);
  }

  private loadScalar({ buffer, dtype, index }: Load): Expr {
    const { base, offset } = this.address(buffer, dtype, index);
    return decode(this.b, ir.load(ELEMENT[dtype], base, offset), dtype);
  }

  private loadVector({ buffer, dtype, index }: Load): Expr {
    const { b } = this;
    const element = ELEMENT[dtype];
    const stride = linearStride(index, this.scopes.vector as Variable);
    if (stride === undefined)
      return decode(b, ir.gather(element, this.base(buffer), b.let(this.indices.ofLanes(index))), dtype);
    const { base, offset } = this.address(buffer, dtype, index);
    if (stride === 1) return decode(b, ir.load(element, base, offset, true), dtype);
    if (stride === 0) return splatValue(decode(b, ir.load(element, base, offset), dtype), dtype);
    return decode(b, ir.loadStrided(element, ir.add(base, ir.i32(offset)), stride), dtype);
  }

  // Stores

  /** Whether a store at this index writes each lane somewhere else. */
  storesLanes(index: Index): boolean {
    const v = this.scopes.vector;
    return v !== undefined && linearStride(index, v) !== 0;
  }

  /** Computes the address and the raw elements now, and gives what writes them. With `byLane`, `value` is a vector. */
  prepareStore(buffer: number, dtype: DType, index: Index, value: Expr, byLane: boolean): () => void {
    const { b, scopes } = this;
    const element = ELEMENT[dtype];
    const neighbours = byLane && linearStride(index, scopes.vector as Variable) === 1;
    const at = byLane && !neighbours ? undefined : this.address(buffer, dtype, index);
    const raw = encode(b, value, dtype);
    return () => {
      if (at !== undefined) {
        const count = byLane && scopes.valid < scopes.lanes ? ir.i32(scopes.valid) : undefined;
        b.store(element, at.base, raw, at.offset, count);
        return;
      }
      for (let lane = 0; lane < scopes.valid; lane++) {
        const place = scopes.inLane(lane, () => this.address(buffer, dtype, index));
        b.store(element, place.base, ir.extract(raw, lane), place.offset);
      }
    };
  }
}
