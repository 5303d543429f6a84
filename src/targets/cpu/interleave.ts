/**
 * Two loops that results interleave, such as windows and the places in them, as one loop: its neighbours lie side by side in the result. What differs
 * between windows only is then read by a vector for several of them, and spread.
 */
import {
  ofVariable,
  quotient,
  remainder,
  variable,
  type Index,
  type Variable,
} from '../../compiler/index-expr.js';
import type { LoopKernel } from '../../compiler/kernel.js';
import { Substitution } from '../../compiler/loop-nest.js';
import { linearStride } from '../../compiler/scalar-expr.js';

/** Places in a window at the most: a vector holds several windows. */
const MOST_PLACES = 4;

/** The kernel with such a pair of loops joined, for each pair that it has. */
export function interleaved(kernel: LoopKernel): LoopKernel[] {
  // Of equals argmax keeps the first, in the order of its loops.
  const ordered = kernel.stages.some(
    (stage) => stage.kind === 'reduce' && (stage.combiner === 'argmax' || stage.combiner === 'argmin'),
  );
  if (ordered) return [];
  return (['rows', 'columns'] as const).flatMap((which) =>
    pairsOf(kernel, which).map(([outer, inner]) => joined(kernel, which, outer, inner)),
  );
}

function pairsOf(kernel: LoopKernel, which: 'rows' | 'columns'): [Variable, Variable][] {
  const pairs: [Variable, Variable][] = [];
  for (const inner of kernel[which]) {
    if (inner.extent > MOST_PLACES) continue;
    const outer = kernel[which].find(
      (v) =>
        v !== inner &&
        kernel.stages.some((stage) => stage.kind === 'store' && interleaves(stage.index, v, inner)),
    );
    if (outer !== undefined) pairs.push([outer, inner]);
  }
  return pairs;
}

const interleaves = (index: Index, outer: Variable, inner: Variable): boolean =>
  linearStride(index, inner) === 1 && linearStride(index, outer) === inner.extent;

function joined(kernel: LoopKernel, which: 'rows' | 'columns', outer: Variable, inner: Variable): LoopKernel {
  const both = variable(outer.extent * inner.extent);
  const at = ofVariable(both);
  // Where the two come together as outer · extent + inner, the quotient and the remainder vanish again.
  const substitution = new Substitution(
    new Map([
      [outer, quotient(at, inner.extent)],
      [inner, remainder(at, inner.extent)],
    ]),
  );
  return {
    ...kernel,
    [which]: kernel[which].flatMap((v) => (v === outer ? [both] : v === inner ? [] : [v])),
    stages: kernel.stages.map(substitution.stage),
  };
}
