/** What a kernel computes for one point of its iteration space: a DAG of loads, arithmetic, indices and earlier results. */
import type { DType } from '../core/dtype.js';
import type { ElementwiseOp } from '../graph/elementwise-ops.js';
import { formatIndex, strideOf, variablesOf, type Index, type Variable } from './index-expr.js';

/** low <= index < high. */
export interface Bound {
  readonly index: Index;
  readonly low: number;
  readonly high: number;
}

export type Scalar =
  /** An element of a buffer. Under `guard`, the index may be out of range wherever a bound fails; the value is then of no interest. */
  | {
      readonly kind: 'load';
      readonly dtype: DType;
      readonly buffer: number;
      readonly index: Index;
      readonly guard: readonly Bound[];
    }
  | { readonly kind: 'constant'; readonly dtype: DType; readonly value: number }
  /** Number `slot` of the run's scalars. */
  | { readonly kind: 'scalar'; readonly dtype: DType; readonly slot: number }
  | { readonly kind: 'index'; readonly dtype: 'int32'; readonly index: Index }
  /** Whether all bounds hold. */
  | { readonly kind: 'inside'; readonly dtype: 'bool'; readonly bounds: readonly Bound[] }
  | {
      readonly kind: 'op';
      readonly dtype: DType;
      readonly op: ElementwiseOp;
      readonly args: readonly Scalar[];
    }
  /** A Threefry word for counter `index` under the key in `args`. */
  | {
      readonly kind: 'random';
      readonly dtype: 'uint32';
      readonly index: Index;
      readonly args: readonly [Scalar, Scalar];
    }
  /** The result of a reduction of the same kernel and row. */
  | { readonly kind: 'reduced'; readonly dtype: DType; readonly slot: number }
  /** The sum a contraction has accumulated at this point. */
  | { readonly kind: 'accumulator'; readonly dtype: DType };

const NONE: readonly never[] = [];

/** The scalars that `scalar` is computed from directly. */
export function operandsOf(scalar: Scalar): readonly Scalar[] {
  return scalar.kind === 'op' || scalar.kind === 'random' ? scalar.args : NONE;
}

/** The indices that occur in `scalar` itself. */
export function indicesOf(scalar: Scalar): readonly Index[] {
  switch (scalar.kind) {
    case 'load':
      return scalar.guard.length === 0
        ? [scalar.index]
        : [scalar.index, ...scalar.guard.map((bound) => bound.index)];
    case 'index':
    case 'random':
      return [scalar.index];
    case 'inside':
      return scalar.bounds.map((bound) => bound.index);
    default:
      return NONE;
  }
}

/** Visits a DAG once per node, operands first, values used as indices included. */
export function visit(roots: readonly Scalar[], enter: (scalar: Scalar) => void): void {
  const seen = new Set<Scalar>();
  const go = (scalar: Scalar): void => {
    if (seen.has(scalar)) return;
    seen.add(scalar);
    for (const index of indicesOf(scalar)) eachValue(index, go);
    operandsOf(scalar).forEach(go);
    enter(scalar);
  };
  for (const root of roots) go(root);
}

function eachValue(index: Index, found: (value: Scalar) => void): void {
  for (const { atom } of index.terms) {
    if (atom.kind === 'value') found(atom.value);
    else if (atom.kind !== 'variable') eachValue(atom.of, found);
  }
}

/** The data that an index reads. */
export function dataOf(index: Index): Scalar[] {
  const data: Scalar[] = [];
  eachValue(index, (value) => data.push(value));
  return data;
}

/** What a scalar depends on. */
export interface Dependencies {
  readonly variables: ReadonlySet<Variable>;
  /** Slots of the reductions it uses. */
  readonly reductions: ReadonlySet<number>;
  /** Whether it uses the sum of a contraction. */
  readonly accumulator: boolean;
}

const known = new WeakMap<Scalar, Dependencies>();

export function dependenciesOf(scalar: Scalar): Dependencies {
  let found = known.get(scalar);
  if (found !== undefined) return found;
  const variables = new Set<Variable>();
  const reductions = new Set<number>();
  let accumulator = scalar.kind === 'accumulator';
  if (scalar.kind === 'reduced') reductions.add(scalar.slot);
  const below = [...operandsOf(scalar)];
  for (const index of indicesOf(scalar)) {
    variablesOf(index, variables);
    below.push(...dataOf(index));
  }
  for (const operand of below) {
    const inner = dependenciesOf(operand);
    inner.variables.forEach((v) => variables.add(v));
    inner.reductions.forEach((slot) => reductions.add(slot));
    accumulator ||= inner.accumulator;
  }
  found = { variables, reductions, accumulator };
  known.set(scalar, found);
  return found;
}

export const dependsOn = (scalar: Scalar, v: Variable): boolean => dependenciesOf(scalar).variables.has(v);

/** The stride of an index along a variable; undefined when it is not linear in it. */
export const linearStride = (index: Index, v: Variable): number | undefined => strideOf(index, v, dependsOn);

/** A scalar as text, for people. */
export function formatScalar(scalar: Scalar): string {
  switch (scalar.kind) {
    case 'load':
      return `b${scalar.buffer}[${formatIndex(scalar.index)}]`;
    case 'constant':
      return String(scalar.value);
    case 'scalar':
      return `s${scalar.slot}`;
    case 'index':
      return `(${formatIndex(scalar.index)})`;
    case 'inside':
      return scalar.bounds
        .map(({ index, low, high }) => `${low} <= ${formatIndex(index)} < ${high}`)
        .join(' and ');
    case 'op':
      return `${scalar.op === 'cast' ? scalar.dtype : scalar.op}(${scalar.args.map(formatScalar).join(', ')})`;
    case 'random':
      return `random(${formatIndex(scalar.index)})`;
    case 'reduced':
      return `r${scalar.slot}`;
    case 'accumulator':
      return 'acc';
  }
}
