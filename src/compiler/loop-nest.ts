/** Reshapes the loops of a kernel: cuts variables where indices divide them, joins neighbours that no index tells apart. */
import {
  add,
  cutsOf,
  ofVariable,
  scale,
  substitute,
  variable,
  ZERO,
  type Index,
  type Variable,
} from './index-expr.js';
import type { LoopKernel, Stage } from './kernel.js';
import { dataOf, indicesOf, linearStride, visit, type Bound, type Scalar } from './scalar-expr.js';

/** Cuts expose new cuts; real graphs need two or three rounds. */
const MOST_ROUNDS = 8;

/** Rewrites scalars with other indices; equal objects stay equal objects. */
export class Substitution {
  private readonly known = new Map<Scalar, Scalar>();
  private readonly replace: ReadonlyMap<Variable, Index>;

  constructor(replace: ReadonlyMap<Variable, Index>) {
    this.replace = replace;
  }

  readonly index = (index: Index): Index => substitute(index, this.replace, this.scalar);

  readonly scalar = (scalar: Scalar): Scalar => {
    let result = this.known.get(scalar);
    if (result === undefined) this.known.set(scalar, (result = this.rewrite(scalar)));
    return result;
  };

  private readonly bound = (bound: Bound): Bound => ({ ...bound, index: this.index(bound.index) });

  private rewrite(scalar: Scalar): Scalar {
    switch (scalar.kind) {
      case 'load':
        return { ...scalar, index: this.index(scalar.index), guard: scalar.guard.map(this.bound) };
      case 'index':
        return { ...scalar, index: this.index(scalar.index) };
      case 'inside':
        return { ...scalar, bounds: scalar.bounds.map(this.bound) };
      case 'random':
        return {
          ...scalar,
          index: this.index(scalar.index),
          args: [this.scalar(scalar.args[0]), this.scalar(scalar.args[1])],
        };
      case 'op':
        return { ...scalar, args: scalar.args.map(this.scalar) };
      default:
        return scalar;
    }
  }

  readonly stage = (stage: Stage): Stage =>
    stage.kind === 'store'
      ? { ...stage, index: this.index(stage.index), value: this.scalar(stage.value) }
      : { ...stage, position: this.index(stage.position), value: this.scalar(stage.value) };
}

/** Every index that occurs in the stages. */
function allIndices(stages: readonly Stage[]): Index[] {
  const found: Index[] = [];
  for (const stage of stages) found.push(stage.kind === 'store' ? stage.index : stage.position);
  visit(
    stages.map((stage) => stage.value),
    (scalar) => found.push(...indicesOf(scalar)),
  );
  return found;
}

/** The kernel with its loops cut and joined. */
export function shapeLoops(kernel: LoopKernel): LoopKernel {
  let current: LoopKernel = { ...kernel, rows: relevant(kernel.rows), columns: relevant(kernel.columns) };
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = cut(current);
    if (next === current) break;
    current = next;
  }
  return join(join(current, 'rows'), 'columns');
}

/** Loops that run once need no variable: their index is 0 already. */
const relevant = (variables: readonly Variable[]): Variable[] => variables.filter((v) => v.extent !== 1);

function cut(kernel: LoopKernel): LoopKernel {
  const cuts = new Map<Variable, Set<number>>();
  for (const index of allIndices(kernel.stages)) cutsOf(index, cuts);
  if (cuts.size === 0) return kernel;
  const replace = new Map<Variable, Index>();
  const parts = new Map<Variable, Variable[]>();
  for (const [v, divisors] of cuts) {
    // One cut per round, at the smallest divisor: the others cut its quotient in the next round.
    const by = Math.min(...divisors);
    const outer = variable(v.extent / by);
    const inner = variable(by);
    replace.set(v, add(scale(ofVariable(outer), by), ofVariable(inner)));
    parts.set(v, [outer, inner]);
  }
  const substitution = new Substitution(replace);
  const apart = (variables: readonly Variable[]): Variable[] =>
    relevant(variables.flatMap((v) => parts.get(v) ?? [v]));
  return {
    ...kernel,
    rows: apart(kernel.rows),
    columns: apart(kernel.columns),
    stages: kernel.stages.map(substitution.stage),
  };
}

function join(kernel: LoopKernel, which: 'rows' | 'columns'): LoopKernel {
  let current = kernel;
  for (let i = current[which].length - 2; i >= 0; i--) {
    const outer = current[which][i] as Variable;
    const inner = current[which][i + 1] as Variable;
    if (!joinable(allIndices(current.stages), outer, inner)) continue;
    const both = variable(outer.extent * inner.extent);
    const substitution = new Substitution(
      new Map([
        [outer, ZERO],
        [inner, ofVariable(both)],
      ]),
    );
    const variables = [...current[which].slice(0, i), both, ...current[which].slice(i + 2)];
    current = { ...current, [which]: variables, stages: current.stages.map(substitution.stage) };
  }
  return current;
}

/** Whether every index advances by the same amount when the inner loop ends and when the outer one steps. */
function joinable(indices: readonly Index[], outer: Variable, inner: Variable): boolean {
  return indices.every((index) => {
    const step = linearStride(index, inner);
    const jump = linearStride(index, outer);
    // Data that an index reads is among the indices itself, and checked as such.
    return (
      (step !== undefined && jump !== undefined && jump === step * inner.extent) ||
      isDataOnly(index, outer, inner)
    );
  });
}

function isDataOnly(index: Index, outer: Variable, inner: Variable): boolean {
  if (dataOf(index).length === 0) return false;
  const rest = index.terms.filter(({ atom }) => atom.kind !== 'value');
  if (rest.some(({ atom }) => atom.kind !== 'variable')) return false;
  const factor = (v: Variable): number =>
    rest.find(({ atom }) => atom.kind === 'variable' && atom.variable === v)?.factor ?? 0;
  return factor(outer) === factor(inner) * inner.extent;
}
