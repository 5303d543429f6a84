/** How many floating-point operations scalars take. */
import { isFloat } from '../core/dtype.js';
import type { ElementwiseOp } from '../graph/elementwise-ops.js';
import { variablesOf, type Index, type Variable } from './index-expr.js';
import { dataOf, dependenciesOf, visit, type Scalar } from './scalar-expr.js';

/** Moves and reinterprets numbers, and computes none. */
const FREE: ReadonlySet<ElementwiseOp> = new Set<ElementwiseOp>(['cast', 'bitcast', 'where']);

const isCounted = (scalar: Scalar): boolean =>
  scalar.kind === 'op' &&
  !FREE.has(scalar.op) &&
  (isFloat(scalar.dtype) || scalar.args.some(({ dtype }) => isFloat(dtype)));

/** How often a loop over all these variables runs. */
export const sizeOfLoops = (variables: Iterable<Variable>): number => {
  let size = 1;
  for (const { extent } of variables) size *= extent;
  return size;
};

/**
 * At how many points a scalar differs: those of the variables it depends on. What uses a reduction, or the sum of a contraction, differs
 * at each of `rows` besides.
 */
export function pointsOf(scalar: Scalar, rows: readonly Variable[]): number {
  const { variables, reductions, accumulator } = dependenciesOf(scalar);
  const needsRows = reductions.size > 0 || accumulator;
  return sizeOfLoops(needsRows ? new Set([...variables, ...rows]) : variables);
}

/** At how many points an index differs. */
export function pointsOfIndex(index: Index, rows: readonly Variable[]): number {
  const variables = variablesOf(index);
  for (const value of dataOf(index)) {
    const { variables: more, reductions } = dependenciesOf(value);
    for (const each of reductions.size > 0 ? [...more, ...rows] : more) variables.add(each);
  }
  return sizeOfLoops(variables);
}

/**
 * Element-wise operations on floating-point numbers, each once at each point where it differs. All count as 1, transcendental functions
 * and comparisons too; conversions and selections count as nothing.
 */
export function flopsOf(scalars: readonly Scalar[], rows: readonly Variable[]): number {
  let flops = 0;
  visit(scalars, (scalar) => {
    if (isCounted(scalar)) flops += pointsOf(scalar, rows);
  });
  return flops;
}
