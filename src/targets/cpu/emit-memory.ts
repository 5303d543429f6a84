/** Access to buffers → loop IR: addresses, loads that look before they read, stores. */
import type { DType } from '../../core/dtype.js';
import { bytesPerElement } from '../../core/dtype.js';
import type { Index, Variable } from '../../compiler/index-expr.js';
import { linearStride, type Bound, type Scalar } from '../../compiler/scalar-expr.js';
import { decode, ELEMENT, encode, joinLanes, splatValue, valueType } from './elements.js';
import type { IndexEmitter } from './emit-index.js';
import type { Scopes } from './emit-scopes.js';
import { rangeOf } from './index-range.js';
import { isWindow } from './window.js';
import * as ir from './ir.js';
import type { Machine } from './machine.js';
import type { Builder, Expr, Type } from './ir.js';

type Load = Extract<Scalar, { kind: 'load' }>;

/** Loads and stores take a constant offset for nothing. */
interface Address {
  readonly base: Expr;
  readonly offset: number;
}

/** Memory is readable some way past its end, and before its start: as far as the lanes of a vector get with steps this large. */
export const LARGEST_OVERRUN_STRIDE = 4;
/** So many bytes before the first value and behind the last one are readable; see the heap. */
const READABLE_MARGIN = 1024;

export class MemoryEmitter {
  private readonly scopes: Scopes;
  private readonly b: Builder;
  private readonly indices: IndexEmitter;
  private readonly base: (buffer: number) => Expr;
  private readonly machine: Machine;
  /** Elements of a buffer, where that is known. */
  private readonly sizeOf: (buffer: number) => number | undefined;

  constructor(
    scopes: Scopes,
    indices: IndexEmitter,
    base: (buffer: number) => Expr,
    machine: Machine,
    sizeOf: (buffer: number) => number | undefined,
  ) {
    this.scopes = scopes;
    this.sizeOf = sizeOf;
    this.machine = machine;
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
    if (guard.length === 0 || (vector && this.isReadable(scalar))) return load();
    const byLane = vector ? guard.filter(({ index }) => this.scopes.variesByLane(index)) : [];
    if (byLane.length === 0) return this.loadIf(guard, valueType(dtype, vector), load);
    if (!this.machine.masks) return this.loadLanesInside(scalar, byLane);
    const common = guard.filter((bound) => !byLane.includes(bound));
    const some = (): Expr => this.loadLanes(scalar, this.indices.insideOfLanes(byLane));
    return common.length === 0 ? some() : this.loadIf(common, valueType(dtype, true), some);
  }

  /**
   * Whether a whole vector can be read wherever the loops get to, guarded or not: what lies outside is some other value's, or the margin's, and of
   * no interest.
   */
  private isReadable({ buffer, dtype, index }: Load): boolean {
    const size = this.sizeOf(buffer);
    const { lanes, vector } = this.scopes;
    if (!this.machine.masks || size === undefined || vector === undefined) return false;
    if (linearStride(index, vector) !== 1 && !isWindow(index, vector, lanes)) return false;
    const { min, max } = rangeOf(index);
    const bytes = bytesPerElement(dtype);
    return min * bytes >= -READABLE_MARGIN && (max + lanes - size) * bytes <= READABLE_MARGIN;
  }

  /** The lanes that `inside` has; 0 for others. */
  private loadLanes({ buffer, dtype, index }: Load, inside: Expr): Expr {
    const { b, scopes } = this;
    const valid = scopes.validLanes;
    const mask = b.let(valid === undefined ? inside : ir.binary('and', inside, valid), 'inside');
    const element = ELEMENT[dtype];
    if (linearStride(index, scopes.vector as Variable) === 1) {
      const { base, offset } = this.address(buffer, dtype, index);
      return decode(b, ir.loadMasked(element, base, offset, mask), dtype);
    }
    const places = b.let(this.indices.ofLanes(index));
    return decode(b, ir.gather(element, this.base(buffer), places, mask), dtype);
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
    const { masks } = this.machine;
    const valid = this.scopes.validLanes;
    if (stride === undefined && masks && isWindow(index, this.scopes.vector as Variable, this.scopes.lanes)) {
      const { base, offset } = this.address(buffer, dtype, index);
      const whole = b.let(ir.load(element, base, offset, true));
      return decode(b, ir.permute(whole, this.indices.withinWindow(index)), dtype);
    }
    // Lanes past the end of the loop may lie anywhere.
    const isFar = stride === undefined || Math.abs(stride) > LARGEST_OVERRUN_STRIDE;
    if (stride === undefined || (isFar && valid !== undefined && masks)) {
      const places = b.let(this.indices.ofLanes(index));
      return decode(b, ir.gather(element, this.base(buffer), places, masks ? valid : undefined), dtype);
    }
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
    if (at === undefined && this.machine.scatters && ir.ELEMENT_BYTES[element] === 4) {
      const base = this.base(buffer);
      const places = b.let(this.indices.ofLanes(index));
      return () => {
        b.scatter(base, places, raw, scopes.valid < scopes.lanes ? ir.i32(scopes.valid) : undefined);
      };
    }
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
