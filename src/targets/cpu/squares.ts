/**
 * Maps that read along one axis and write along another: which of their loads are read in squares and turned. Gathering such a vector takes a load for
 * each lane; a square of L vectors takes L loads and some shuffles for each of its vectors.
 */
import type { Variable } from '../../compiler/index-expr.js';
import type { LoopKernel } from '../../compiler/kernel.js';
import { linearStride, operandsOf, type Scalar } from '../../compiler/scalar-expr.js';
import { weightOf } from './columns.js';
import { scalarType } from './elements.js';
import { LARGEST_OVERRUN_STRIDE } from './emit-memory.js';
import type { Machine } from './machine.js';
import { accessesOf, isVectorizable, relativeCost } from './vector-axis.js';

/** With more operations than this, writing them out for each row of a square would make long code. */
const MOST_OPERATIONS = 16;
/** Every one of them wants as many registers as a vector has lanes. */
const MOST_TURNED = 3;

export type Load = Extract<Scalar, { kind: 'load' }>;

/** Squares of L x L points, and their cost in scalar loops. */
export interface SquareChoice {
  /** Along which results lie side by side. */
  readonly vector: Variable;
  /** Along which the elements of the turned loads do. */
  readonly across: Variable;
  readonly turned: readonly Load[];
  readonly cost: number;
}

/** The cheapest squares; undefined where there is nothing to turn. */
export function chooseSquares(kernel: LoopKernel, machine: Machine): SquareChoice | undefined {
  const { rows, columns, stages } = kernel;
  if (columns.length > 0 || stages.some((stage) => stage.kind === 'reduce')) return undefined;
  if (!isVectorizable(stages) || weightOf(...stages.map(({ value }) => value)) > MOST_OPERATIONS)
    return undefined;
  const accesses = accessesOf(stages);
  const candidates = turnable(kernel);
  const { lanes } = machine;
  let best: SquareChoice | undefined;
  for (const vector of rows) {
    if (accesses.stores.some((index) => linearStride(index, vector) !== 1)) continue;
    for (const across of rows) {
      // Squares that are mostly empty gain nothing.
      if (across.extent < lanes) continue;
      const turned = candidates.filter(
        ({ index }) =>
          Math.abs(linearStride(index, vector) ?? 0) > LARGEST_OVERRUN_STRIDE &&
          linearStride(index, across) === 1,
      );
      if (turned.length === 0 || turned.length > MOST_TURNED) continue;
      // A load, and a shuffle for each halving, for whole squares even where less is left.
      const waste = (Math.ceil(across.extent / lanes) * lanes) / across.extent;
      const costOfTurned = (1 + Math.log2(lanes)) * waste;
      const cost = relativeCost(accesses, vector, machine, true, (load) =>
        turned.includes(load) ? costOfTurned : undefined,
      );
      if (cost < (best?.cost ?? Infinity)) best = { vector, across, turned, cost };
    }
  }
  return best;
}

/** Loads that may be read before other points are written, as numbers. Those that are part of an index stay where they are. */
function turnable({ stages }: LoopKernel): Load[] {
  const written = new Set(stages.flatMap((stage) => (stage.kind === 'store' ? [stage.buffer] : [])));
  const found = new Set<Load>();
  const go = (scalar: Scalar): void => {
    if (scalar.kind === 'load') {
      const isNumber = scalar.dtype !== 'bool' && scalarType(scalar.dtype) !== 'f64';
      if (isNumber && !written.has(scalar.buffer)) found.add(scalar);
    } else operandsOf(scalar).forEach(go);
  };
  for (const { value } of stages) go(value);
  return [...found];
}
