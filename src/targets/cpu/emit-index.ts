/** Index arithmetic → loop IR: sums formed loop by loop, quotients and remainders, indices of lanes, checks of bounds. */
import { InternalError } from '../../core/errors.js';
import {
  add as addIndex,
  ofAtom,
  scale,
  subtract,
  ZERO,
  type Atom,
  type Index,
  type Term,
  type Variable,
} from '../../compiler/index-expr.js';
import { linearStride, type Bound, type Scalar } from '../../compiler/scalar-expr.js';
import type { Scopes } from './emit-scopes.js';
import { rangeOf } from './index-range.js';
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
    let { constant } = index;
    const byDepth = new Map<number, Term[]>();
    for (const term of index.terms) {
      const value = this.constantAtom(term.atom);
      if (value !== undefined) {
        constant += term.factor * value;
        continue;
      }
      const depth = this.scopes.depthOfAtom(term.atom);
      byDepth.set(depth, [...(byDepth.get(depth) ?? []), term]);
    }
    for (const depth of [...byDepth.keys()].sort((a, b) => a - b)) {
      const scope = this.scopes.at(depth);
      const terms = byDepth.get(depth) ?? [];
      key += terms.map(({ factor, atom }) => `+${factor}*${atom.key}${this.fixedInAtom(atom)}`).join('');
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
    return { expr: sum, constant };
  }

  private fixedInAtom(atom: Atom): string {
    return atom.kind === 'variable' ? '' : this.scopes.fixedInIndex(ofAtom(atom));
  }

  /** The value of an atom at lane 0 where all its variables are constants. */
  private constantAtom(atom: Atom): number | undefined {
    switch (atom.kind) {
      case 'variable':
        return this.scopes.fixedValue(atom.variable);
      case 'value':
        return undefined;
      case 'quotient':
      case 'remainder': {
        let sum = atom.of.constant;
        for (const { factor, atom: part } of atom.of.terms) {
          const value = this.constantAtom(part);
          if (value === undefined) return undefined;
          sum += factor * value;
        }
        const quotient = Math.floor(sum / atom.by);
        return atom.kind === 'quotient' ? quotient : sum - quotient * atom.by;
      }
    }
  }

  private atom(atom: Atom): Expr {
    switch (atom.kind) {
      case 'variable':
        return this.scopes.coordinate(atom.variable);
      case 'value':
        return clamped(this.value(atom.value), atom.extent - 1);
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
    // The value may be used again where no guard narrows the index.
    if (rangeOf(of).min >= 0) return ir.binary(kind === 'quotient' ? 'divU' : 'remU', value, ir.i32(by));
    // Floored division: shift the range to where truncation floors.
    const kept = this.b.let(value);
    const remainder = this.b.let(ir.binary('remS', kept, ir.i32(by)));
    const floored = ir.add(remainder, ir.binary('and', ir.binary('shrS', remainder, ir.i32(31)), ir.i32(by)));
    return kind === 'remainder' ? floored : ir.binary('divS', ir.sub(kept, floored), ir.i32(by));
  }

  // Lanes

  /** The index in every lane. */
  ofLanes(index: Index): Expr {
    return this.outermost(index, 'lanes', () => this.sumOfLanes(index));
  }

  /** Emits a vector made of an index where all that the index depends on is known, once for each such place. */
  private outermost(index: Index, name: string, build: () => Expr): Expr {
    const { scopes } = this;
    const depth = index.terms.reduce((deepest, { atom }) => Math.max(deepest, scopes.depthOfAtom(atom)), 0);
    return this.once(depth, `${name} ${index.key}${scopes.fixedInIndex(index)}`, build);
  }

  private once(depth: number, key: string, build: () => Expr): Expr {
    const { scopes } = this;
    const scope = scopes.at(depth);
    let known = scope.indices.get(key);
    if (known === undefined) {
      known = scopes.within(scope, () => this.b.let(build(), 'lanes'));
      scope.indices.set(key, known);
    }
    return known;
  }

  /** 0, stride, 2 · stride, … */
  private steps(stride: number): Expr {
    if (stride === 1) return ir.laneIndex;
    return this.once(0, `steps ${stride}`, () => ir.mul(ir.laneIndex, ir.splat(ir.i32(stride))));
  }

  private sumOfLanes(index: Index): Expr {
    const v = this.scopes.vector;
    if (v === undefined) throw new InternalError('a vector index outside a vector loop');
    const moving = this.movingPart(index);
    const rest = this.index(subtract(index, moving));
    const add = (lanes: Expr, first: Expr): Expr =>
      first.kind === 'const' && first.value === 0 ? lanes : ir.add(ir.splat(first), lanes);
    if (moving.terms.length === 0) return ir.splat(rest);
    // The parts that all lanes share are summed as scalars.
    if (rest.kind !== 'const' || rest.value !== 0) return add(this.ofLanes(moving), rest);
    const stride = linearStride(moving, v);
    if (stride !== undefined) return add(this.steps(stride), this.index(moving));
    let sum: Expr | undefined;
    for (const { factor, atom } of moving.terms) {
      const part = this.atomOfLanes(atom);
      const scaled = factor === 1 ? part : ir.mul(part, ir.splat(ir.i32(factor)));
      sum = sum === undefined ? scaled : ir.add(sum, scaled);
    }
    return sum ?? ir.splat(ir.i32(0));
  }

  /** The terms that differ between lanes. */
  private movingPart(index: Index): Index {
    const moving = index.terms.filter(({ atom }) => this.variesByLane(atom));
    return moving.reduce((sum, { factor, atom }) => addIndex(sum, scale(ofAtom(atom), factor)), ZERO);
  }

  private variesByLane(atom: Atom): boolean {
    if (atom.kind === 'variable') return atom.variable === this.scopes.vector;
    if (atom.kind === 'value') return this.scopes.isVector(atom.value);
    return this.scopes.variesByLane(atom.of);
  }

  private atomOfLanes(atom: Atom): Expr {
    switch (atom.kind) {
      case 'variable':
        return this.ofLanes(ofAtom(atom));
      case 'value':
        return clamped(this.value(atom.value), atom.extent - 1);
      case 'quotient':
      case 'remainder': {
        const within = this.lanesOfDivision(atom);
        if (within !== undefined) {
          if (atom.kind === 'remainder') return within;
          const first = this.index(ofAtom(atom));
          return first.kind === 'const' && first.value === 0 ? within : ir.add(ir.splat(first), within);
        }
        if (!dividesInLanes(atom)) return ir.lanes(this.scopes.eachLane(() => this.b.let(this.atom(atom))));
        return this.divideLanes(this.ofLanes(atom.of), atom);
      }
    }
  }

  /**
   * The remainder in each lane, or by how much the quotient is above that of lane 0: where lane 0 begins at the same remainder in all rounds
   * of the loop these are constants.
   */
  private lanesOfDivision(atom: Division): Expr | undefined {
    const { of, by, kind } = atom;
    const { scopes } = this;
    const v = scopes.vector as Variable;
    const stride = linearStride(of, v);
    if (stride === undefined || stride < 0) return undefined;
    let phase = of.constant;
    for (const { factor, atom: part } of of.terms) {
      const value = this.constantAtom(part);
      if (value !== undefined) phase += factor * value;
      else if (part.kind === 'variable' && part.variable === v) {
        if (!scopes.aligned || (factor * scopes.lanes) % by !== 0) return undefined;
      } else if (factor % by !== 0) return undefined;
    }
    const first = ((phase % by) + by) % by;
    if (first + stride * scopes.lanes >= EXACT_IN_FLOAT32) return undefined;
    return this.once(0, `${kind} ${by} of ${first} by ${stride}`, () => {
      const at = this.b.let(ir.add(this.steps(stride), ir.splat(ir.i32(first))));
      return this.divideLanes(at, atom);
    });
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
    const moving = this.movingPart(index);
    return (
      this.outermostWindow(moving) ??
      this.outermost(moving, 'window', () => ir.sub(this.ofLanes(moving), ir.splat(this.index(moving))))
    );
  }

  /** The same where it is a constant. */
  private outermostWindow(moving: Index): Expr | undefined {
    const v = this.scopes.vector as Variable;
    const parts: { factor: number; part: Expr }[] = [];
    let key = 'window';
    for (const { factor, atom } of moving.terms) {
      let part: Expr | undefined;
      if (atom.kind === 'variable') part = atom.variable === v ? this.steps(1) : undefined;
      else if (atom.kind === 'quotient') part = this.lanesOfDivision(atom);
      if (part === undefined) return undefined;
      parts.push({ factor, part });
      key += ` ${factor} ${part.kind === 'local' ? part.local.id : part.kind}`;
    }
    return this.once(0, key, () =>
      parts
        .map(({ factor, part }) => (factor === 1 ? part : ir.mul(part, ir.splat(ir.i32(factor)))))
        .reduce((sum, part) => ir.add(sum, part)),
    );
  }

  // Bounds

  /** Whether all indices are in range, at lane 0. */
  inside(bounds: readonly Bound[]): Expr {
    return allOf(bounds.map(({ index, low, high }) => inRange(this.index(index), low, high))) ?? ir.i32(1);
  }

  /** Whether all indices are in range, lane by lane. */
  insideOfLanes(bounds: readonly Bound[]): Expr {
    const shared = bounds.filter(({ index }) => !this.scopes.variesByLane(index));
    const checks = bounds
      .filter((bound) => !shared.includes(bound))
      .flatMap((bound) => this.boundOfLanes(bound));
    if (shared.length > 0) checks.unshift(ir.splat(this.inside(shared), 'maskv'));
    return allOf(checks) ?? ir.splat(ir.i32(1), 'maskv');
  }

  private boundOfLanes({ index, low, high }: Bound): Expr[] {
    const { min, max } = rangeOf(index);
    if (min >= low && max < high) return [];
    const depth = index.terms.reduce(
      (deepest, { atom }) => Math.max(deepest, this.scopes.depthOfAtom(atom)),
      0,
    );
    const key = `inside ${low} ${high} ${index.key}${this.scopes.fixedInIndex(index)}`;
    return [
      this.once(depth, key, () => {
        const at = this.ofLanes(index);
        const above = min >= low ? [] : [ir.compare('ge', at, ir.splat(ir.i32(low)))];
        const below = max < high ? [] : [ir.compare('lt', at, ir.splat(ir.i32(high)))];
        return allOf([...above, ...below]) as Expr;
      }),
    ];
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
  if (Number.isInteger(Math.log2(by))) return true;
  const { min, max } = rangeOf(of);
  return min >= 0 && max < EXACT_IN_FLOAT32;
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
