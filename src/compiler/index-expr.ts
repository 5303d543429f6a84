/**
 * Integer index arithmetic: sums of constant multiples of loop variables, of quotients and of remainders. Movement
 * operations (reshape, permute, slice, pad, window, …) become substitutions here instead of copies. Ranges are
 * tracked, so most quotients and remainders vanish.
 */
import { InternalError } from '../core/errors.js';
import type { Shape } from '../core/shape.js';
import type { Scalar } from './scalar-expr.js';

/** A loop variable, 0 <= v < extent. */
export interface Variable {
  readonly id: number;
  readonly extent: number;
}

let variables = 0;

export const variable = (extent: number): Variable => ({ id: variables++, extent });

/** What an index is a sum of. `value` is data: an index read from a tensor, clamped to 0 <= i < extent. */
export type Atom =
  | {
      readonly kind: 'variable';
      readonly key: string;
      readonly min: number;
      readonly max: number;
      readonly variable: Variable;
    }
  | {
      readonly kind: 'quotient' | 'remainder';
      readonly key: string;
      readonly min: number;
      readonly max: number;
      readonly of: Index;
      readonly by: number;
    }
  | {
      readonly kind: 'value';
      readonly key: string;
      readonly min: number;
      readonly max: number;
      readonly value: Scalar;
      /** What it is clamped to, wherever it is used: `min` and `max` may be narrower under a guard. */
      readonly extent: number;
    };

export interface Term {
  readonly factor: number;
  readonly atom: Atom;
}

/** constant + Σ factor · atom; the terms sorted by key, no factor 0. */
export interface Index {
  readonly constant: number;
  readonly terms: readonly Term[];
  readonly min: number;
  readonly max: number;
  readonly key: string;
}

function make(constant: number, terms: readonly Term[]): Index {
  let min = constant;
  let max = constant;
  let key = String(constant);
  for (const { factor, atom } of terms) {
    min += factor * (factor > 0 ? atom.min : atom.max);
    max += factor * (factor > 0 ? atom.max : atom.min);
    key += `+${factor}*${atom.key}`;
  }
  return { constant, terms, min, max, key };
}

export const literal = (value: number): Index => make(value, []);
export const ZERO: Index = literal(0);

const single = (atom: Atom): Index =>
  atom.min === atom.max ? literal(atom.min) : make(0, [{ factor: 1, atom }]);

/** A number in a key. All have as many digits, so that keys sort as numbers do: what is compiled must not depend on what was compiled before. */
const keyOf = (number: number): string => String(1_000_000 + number);

/** An index that is one atom. */
export const ofAtom = (atom: Atom): Index => make(0, [{ factor: 1, atom }]);

export const ofVariable = (v: Variable): Index =>
  single({ kind: 'variable', key: `v${keyOf(v.id)}`, min: 0, max: Math.max(0, v.extent - 1), variable: v });

let values = 0;
const valueKeys = new WeakMap<Scalar, string>();

/** An index that is data; the emitter clamps it to 0 <= i < extent. */
export function ofValue(value: Scalar, extent: number): Index {
  let key = valueKeys.get(value);
  if (key === undefined) valueKeys.set(value, (key = `d${keyOf(values++)}`));
  return single({ kind: 'value', key: `${key}<${extent}`, min: 0, max: extent - 1, value, extent });
}

export function add(a: Index, b: Index): Index {
  if (b.terms.length === 0) return b.constant === 0 ? a : make(a.constant + b.constant, a.terms);
  if (a.terms.length === 0) return a.constant === 0 ? b : make(a.constant + b.constant, b.terms);
  const terms: Term[] = [];
  let i = 0;
  let j = 0;
  while (i < a.terms.length || j < b.terms.length) {
    const s = a.terms[i];
    const t = b.terms[j];
    if (t === undefined || (s !== undefined && s.atom.key < t.atom.key)) {
      terms.push(s as Term);
      i++;
    } else if (s === undefined || t.atom.key < s.atom.key) {
      terms.push(t);
      j++;
    } else {
      if (s.factor + t.factor !== 0) terms.push({ factor: s.factor + t.factor, atom: s.atom });
      i++;
      j++;
    }
  }
  return rejoin(make(a.constant + b.constant, terms));
}

export function scale(a: Index, by: number): Index {
  if (by === 1) return a;
  if (by === 0) return ZERO;
  return make(
    a.constant * by,
    a.terms.map(({ factor, atom }) => ({ factor: factor * by, atom })),
  );
}

export const subtract = (a: Index, b: Index): Index => add(a, scale(b, -1));
export const offset = (a: Index, by: number): Index => (by === 0 ? a : make(a.constant + by, a.terms));

/** f·by·(x div by) + f·(x mod by) is f·x. */
function rejoin(index: Index): Index {
  for (const { factor, atom } of index.terms) {
    if (atom.kind !== 'quotient') continue;
    const partner = index.terms.find(
      (term) =>
        term.atom.kind === 'remainder' &&
        term.atom.by === atom.by &&
        term.atom.of.key === atom.of.key &&
        term.factor * atom.by === factor,
    );
    if (partner === undefined) continue;
    const rest = make(
      index.constant,
      index.terms.filter((term) => term.atom !== atom && term !== partner),
    );
    return add(rest, scale(atom.of, partner.factor));
  }
  return index;
}

/** Splits `a` into terms whose factor is a multiple of `by`, and the rest with a constant in [0, by). */
function splitMultiples(a: Index, by: number): { whole: Index; rest: Index } {
  const constant = Math.floor(a.constant / by) * by;
  const whole = make(
    constant,
    a.terms.filter(({ factor }) => factor % by === 0),
  );
  const rest = make(
    a.constant - constant,
    a.terms.filter(({ factor }) => factor % by !== 0),
  );
  return { whole, rest };
}

function commonFactor(a: Index, by: number): number {
  const gcd = (m: number, n: number): number => (n === 0 ? Math.abs(m) : gcd(n, m % n));
  return a.terms.reduce((g, { factor }) => gcd(g, factor), by);
}

/** floor(a / by). */
export function quotient(a: Index, by: number): Index {
  // An axis of size 0 has no coordinates: nobody will ask for this one.
  if (by === 0) return ZERO;
  if (by === 1) return a;
  const { whole, rest } = splitMultiples(a, by);
  const outer = make(
    whole.constant / by,
    whole.terms.map(({ factor, atom }) => ({ factor: factor / by, atom })),
  );
  if (rest.min >= 0 && rest.max < by) return outer;
  const g = commonFactor(rest, by);
  if (g > 1)
    return add(
      outer,
      quotient(
        make(
          Math.floor(rest.constant / g),
          rest.terms.map(({ factor, atom }) => ({ factor: factor / g, atom })),
        ),
        by / g,
      ),
    );
  const [only] = rest.terms;
  if (rest.terms.length === 1 && rest.constant === 0 && only?.factor === 1 && only.atom.kind === 'quotient') {
    return add(outer, quotient(only.atom.of, only.atom.by * by));
  }
  const atom: Atom = {
    kind: 'quotient',
    key: `(${rest.key})/${by}`,
    min: Math.floor(rest.min / by),
    max: Math.floor(rest.max / by),
    of: rest,
    by,
  };
  return add(outer, single(atom));
}

/** a - by · floor(a / by). */
export function remainder(a: Index, by: number): Index {
  if (by <= 1) return ZERO;
  const { rest } = splitMultiples(a, by);
  if (rest.min >= 0 && rest.max < by) return rest;
  const g = commonFactor(rest, by);
  if (g > 1) {
    const low = ((rest.constant % g) + g) % g;
    const inner = make(
      Math.floor(rest.constant / g),
      rest.terms.map(({ factor, atom }) => ({ factor: factor / g, atom })),
    );
    return offset(scale(remainder(inner, by / g), g), low);
  }
  const [only] = rest.terms;
  if (
    rest.terms.length === 1 &&
    rest.constant === 0 &&
    only?.factor === 1 &&
    only.atom.kind === 'remainder' &&
    only.atom.by % by === 0
  ) {
    return remainder(only.atom.of, by);
  }
  return single({ kind: 'remainder', key: `(${rest.key})%${by}`, min: 0, max: by - 1, of: rest, by });
}

/** The same index where it is known that low <= a < high: what is a variable and a constant has a smaller range there. */
export function narrow(a: Index, low: number, high: number): Index {
  const [only] = a.terms;
  if (a.terms.length !== 1 || only?.factor !== 1) return a;
  const { atom } = only;
  const min = Math.max(atom.min, low - a.constant);
  const max = Math.min(atom.max, high - 1 - a.constant);
  return min > max ? a : make(a.constant, [{ factor: 1, atom: { ...atom, min, max } }]);
}

/** Row-major position of coordinates. */
export function flatten(coordinates: readonly Index[], shape: Shape): Index {
  let flat = ZERO;
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    flat = add(flat, scale(coordinates[axis] ?? ZERO, step));
    step *= shape[axis] ?? 1;
  }
  return flat;
}

/** Coordinates of a row-major position. */
export function unflatten(flat: Index, shape: Shape): Index[] {
  const coordinates = new Array<Index>(shape.length);
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const n = shape[axis] ?? 1;
    coordinates[axis] = axis === 0 ? rest : remainder(rest, n);
    rest = quotient(rest, n);
  }
  // The outermost coordinate needs no remainder: the position is in range.
  const [first] = shape;
  if (first === 1) coordinates[0] = ZERO;
  return coordinates;
}

/** The variables an index depends on, data indices not looked into. */
export function variablesOf(index: Index, found = new Set<Variable>()): Set<Variable> {
  for (const { atom } of index.terms) {
    if (atom.kind === 'variable') found.add(atom.variable);
    else if (atom.kind !== 'value') variablesOf(atom.of, found);
  }
  return found;
}

/** The factor with which `v` enters, or undefined if it does so through a quotient, a remainder or data. */
export function strideOf(
  index: Index,
  v: Variable,
  dependsOn: (value: Scalar, v: Variable) => boolean,
): number | undefined {
  let stride = 0;
  for (const { factor, atom } of index.terms) {
    if (atom.kind === 'variable') {
      if (atom.variable === v) stride += factor;
    } else if (atom.kind === 'value') {
      if (dependsOn(atom.value, v)) return undefined;
    } else if (variablesOf(atom.of).has(v) || dependsOnData(atom.of, v, dependsOn)) return undefined;
  }
  return stride;
}

function dependsOnData(
  index: Index,
  v: Variable,
  dependsOn: (value: Scalar, v: Variable) => boolean,
): boolean {
  return index.terms.some(({ atom }) =>
    atom.kind === 'value'
      ? dependsOn(atom.value, v)
      : atom.kind !== 'variable' && dependsOnData(atom.of, v, dependsOn),
  );
}

/** The index with variables replaced; data indices are mapped by `mapValue`. */
export function substitute(
  index: Index,
  replace: ReadonlyMap<Variable, Index>,
  mapValue: (value: Scalar) => Scalar,
): Index {
  let result = literal(index.constant);
  for (const { factor, atom } of index.terms)
    result = add(result, scale(substituteAtom(atom, replace, mapValue), factor));
  return result;
}

function substituteAtom(
  atom: Atom,
  replace: ReadonlyMap<Variable, Index>,
  mapValue: (value: Scalar) => Scalar,
): Index {
  switch (atom.kind) {
    case 'variable':
      return replace.get(atom.variable) ?? single(atom);
    case 'quotient':
      return quotient(substitute(atom.of, replace, mapValue), atom.by);
    case 'remainder':
      return remainder(substitute(atom.of, replace, mapValue), atom.by);
    case 'value':
      return ofValue(mapValue(atom.value), atom.extent);
  }
}

/** Places where a single variable is cut by a division: v div c or v mod c with c dividing the extent. */
export function cutsOf(index: Index, found: Map<Variable, Set<number>>): void {
  for (const { atom } of index.terms) {
    if (atom.kind !== 'quotient' && atom.kind !== 'remainder') continue;
    const { of, by } = atom;
    const [only] = of.terms;
    if (of.terms.length === 1 && only?.atom.kind === 'variable') {
      const { variable: v } = only.atom;
      if (of.constant === 0 && only.factor === 1 && v.extent % by === 0) {
        let cuts = found.get(v);
        if (cuts === undefined) found.set(v, (cuts = new Set()));
        cuts.add(by);
      }
    }
    cutsOf(of, found);
  }
}

/** An index as text, for people. */
export function formatIndex(index: Index): string {
  const parts = index.terms.map(({ factor, atom }) => {
    const text =
      atom.kind === 'variable'
        ? `i${atom.variable.id}`
        : atom.kind === 'value'
          ? 'data'
          : `(${formatIndex(atom.of)})${atom.kind === 'quotient' ? '/' : '%'}${atom.by}`;
    return factor === 1 ? text : `${factor}*${text}`;
  });
  if (index.constant !== 0 || parts.length === 0) parts.push(String(index.constant));
  return parts.join(' + ');
}

/** Throws unless the index is a constant. */
export function constantOf(index: Index): number {
  if (index.terms.length > 0) throw new InternalError(`index ${formatIndex(index)} is not constant`);
  return index.constant;
}
