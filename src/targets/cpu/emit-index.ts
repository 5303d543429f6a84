/** Index arithmetic → loop IR: sums formed loop by loop, quotients and remainders, indices of lanes, checks of bounds. */
import { InternalError } from '../../core/errors.js';
import {
  add as addIndex,
  ofAtom,
  scale,
  ZERO,
  type Atom,
  type Index,
  type Term,
  type Variable,
} from '../../compiler/index-expr.js';
import { linearStride, type Bound, type Scalar } from '../../compiler/scalar-expr.js';
import type { Scopes } from './emit-scopes.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';

/** Integers below this divide exactly as float32: (x + 1/2) / n is half an n-th away from integers, and rounding errs by less. */
const EXACT_IN_FLOAT32 = 2 ** 20;

type Division = Extract<Atom, { kind: 'quotient' | 'remainder' }>;

export class IndexEmitter {
  private readonly scopes: Scopes;
  private readonly b: Builder;
  /** Indices may be data: the value of a scalar, as the emitter gives it. */
  private readonly value: (scalar: Scalar) => Expr;

  constructor(scopes: Scopes, value: (scalar: Scalar) => Expr) {
    this.scopes = scopes;
    this.b = scopes.b;
    this.value = value;
  }

  /** The integer value of an index at lane 0. */
  index(index: Index): Expr {
    const { expr, constant } = this.partial(index);
    return ir.add(expr ?? ir.i32(0), ir.i32(constant));
  }

  /** The part of an index that varies, as an i32 at lane 0, and its constant. Sums are formed loop by loop, outermost first. */
  partial(index: Index): { expr: Expr | undefined; constant: number } {
    let sum: Expr | undefined;
    let key = '';
    const byDepth = new Map<number, Term[]>();
    for (const term of index.terms) {
      const depth = this.scopes.depthOfAtom(term.atom);
      byDepth.set(depth, [...(byDepth.get(depth) ?? []), term]);
    }
    for (const depth of [...byDepth.keys()].sort((a, b) => a - b)) {
      const scope = this.scopes.at(depth);
      const terms = byDepth.get(depth) ?? [];
      key += terms.map(({ factor, atom }) => `+${factor}*${atom.key}`).join('');
      const before = sum;
      let known = scope.indices.get(key);
      if (known === undefined) {
        known = this.scopes.within(scope, () => {
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

  private atom(atom: Atom): Expr {
    switch (atom.kind) {
      case 'variable':
        return this.scopes.coordinate(atom.variable);
      case 'value':
        return clamped(this.value(atom.value), atom.max);
      case 'quotient':
      case 'remainder':
        return this.divide(this.index(atom.of), atom);
    }
  }

  private divide(value: Expr, { by, kind, of }: Division): Expr {
    const shift = Math.log2(by);
    if (Number.isInteger(shift)) {
      return kind === 'quotient'
        ? ir.binary('shrS', value, ir.i32(shift))
        : ir.binary('and', value, ir.i32(by - 1));
    }
    if (of.min >= 0) return ir.binary(kind === 'quotient' ? 'divU' : 'remU', value, ir.i32(by));
    // Floored division: shift the range to where truncation floors.
    const kept = this.b.let(value);
    const remainder = this.b.let(ir.binary('remS', kept, ir.i32(by)));
    const floored = ir.add(remainder, ir.binary('and', ir.binary('shrS', remainder, ir.i32(31)), ir.i32(by)));
    return kind === 'remainder' ? floored : ir.binary('divS', ir.sub(kept, floored), ir.i32(by));
  }

  // Lanes

  /** The index in every lane. */
  ofLanes(index: Index): Expr {
    const { scopes } = this;
    const depth = index.terms.reduce((deepest, { atom }) => Math.max(deepest, scopes.depthOfAtom(atom)), 0);
    const scope = scopes.at(depth);
    const key = `lanes ${index.key}`;
    let known = scope.indices.get(key);
    if (known === undefined) {
      known = scopes.within(scope, () => this.b.let(this.sumOfLanes(index), 'indices'));
      scope.indices.set(key, known);
    }
    return known;
  }

  private sumOfLanes(index: Index): Expr {
    const v = this.scopes.vector;
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

  private variesByLane(atom: Atom): boolean {
    if (atom.kind === 'variable') return atom.variable === this.scopes.vector;
    if (atom.kind === 'value') return this.scopes.isVector(atom.value);
    return this.scopes.variesByLane(atom.of);
  }

  private atomOfLanes(atom: Atom): Expr {
    switch (atom.kind) {
      case 'variable':
        return ir.add(ir.splat(this.atom(atom)), ir.laneIndex);
      case 'value':
        return clamped(this.value(atom.value), atom.max);
      case 'quotient':
      case 'remainder':
        if (!dividesInLanes(atom)) return ir.lanes(this.scopes.eachLane(() => this.b.let(this.atom(atom))));
        return this.divideLanes(this.ofLanes(atom.of), atom);
    }
  }

  /** Division of small non-negative integers. There is none for vectors of integers; that of floats is exact here. */
  private divideLanes(value: Expr, { by, kind }: Division): Expr {
    const shift = Math.log2(by);
    if (Number.isInteger(shift)) {
      return kind === 'quotient'
        ? ir.binary('shrS', value, ir.i32(shift))
        : ir.binary('and', value, ir.splat(ir.i32(by - 1)));
    }
    const real = ir.convert('fromS', 'f32v', value);
    const constant = (x: number): Expr => ir.splat(ir.f32(Math.fround(x)));
    // Half a unit in: rounding cannot push the quotient over the next integer.
    const scaled = ir.mul(ir.binary('add', real, constant(0.5)), constant(1 / by));
    const quotient = this.b.let(ir.convert('toS', 'i32v', scaled));
    return kind === 'quotient' ? quotient : ir.sub(value, ir.mul(quotient, ir.splat(ir.i32(by))));
  }

  // Windows

  /** The distance of each lane's place from that of lane 0. */
  withinWindow(index: Index): Expr {
    const moving = index.terms.filter(({ atom }) => this.variesByLane(atom));
    const part = moving.reduce((sum, { factor, atom }) => addIndex(sum, scale(ofAtom(atom), factor)), ZERO);
    return this.b.let(ir.sub(this.ofLanes(part), ir.splat(this.index(part))), 'window');
  }

  // Bounds

  /** Whether all indices are in range, at lane 0. */
  inside(bounds: readonly Bound[]): Expr {
    return allOf(bounds.map(({ index, low, high }) => inRange(this.index(index), low, high))) ?? ir.i32(1);
  }

  /** Whether all indices are in range, lane by lane. */
  insideOfLanes(bounds: readonly Bound[]): Expr {
    const checks = bounds.map(({ index, low, high }) => {
      const at = this.b.let(this.ofLanes(index));
      return ir.binary(
        'and',
        ir.compare('ge', at, ir.splat(ir.i32(low))),
        ir.compare('lt', at, ir.splat(ir.i32(high))),
      );
    });
    return allOf(checks) ?? ir.i32(1);
  }

  /** Whether the first and the last lane, and so all between, are in range; undefined if bounds are not linear. */
  allLanesInside(bounds: readonly Bound[]): Expr | undefined {
    const v = this.scopes.vector as Variable;
    const checks: Expr[] = [];
    for (const { index, low, high } of bounds) {
      const stride = linearStride(index, v);
      if (stride === undefined) return undefined;
      const reach = stride * (this.scopes.lanes - 1);
      checks.push(inRange(this.index(index), low + Math.max(0, -reach), high - Math.max(0, reach)));
    }
    return allOf(checks);
  }
}

function dividesInLanes({ of, by }: Division): boolean {
  return Number.isInteger(Math.log2(by)) || (of.min >= 0 && of.max < EXACT_IN_FLOAT32);
}

/** Data may hold any number: one out of range reads the nearest element there is. */
function clamped(value: Expr, max: number): Expr {
  const limit = (n: number): Expr => (ir.isVector(value.type) ? ir.splat(ir.i32(n)) : ir.i32(n));
  return ir.binary('minS', ir.binary('maxS', value, limit(0)), limit(max));
}

/** low <= value < high, as one unsigned comparison. */
function inRange(value: Expr, low: number, high: number): Expr {
  if (high <= low) return ir.i32(0);
  return ir.compare('ltU', ir.sub(value, ir.i32(low)), ir.i32(high - low));
}

function allOf(checks: readonly Expr[]): Expr | undefined {
  let all: Expr | undefined;
  for (const check of checks) all = all === undefined ? check : ir.binary('and', all, check);
  return all;
}
