/** The loop that adds up what a contraction has been cut into. */
import { flatten, ofVariable, variable, type Variable } from './index-expr.js';
import type { LoopKernel, Stage } from './kernel.js';

/** Adds up parts that lie in `buffer` as [part, ...variables]; `stages` use the sum as reduction 0. */
export function sumOfParts(
  name: string,
  variables: readonly Variable[],
  { parts, buffer }: { readonly parts: number; readonly buffer: number },
  stages: readonly Stage[],
): LoopKernel {
  const part = variable(parts);
  const place = flatten([part, ...variables].map(ofVariable), [
    parts,
    ...variables.map(({ extent }) => extent),
  ]);
  const total: Stage = {
    kind: 'reduce',
    slot: 0,
    combiner: 'sum',
    value: { kind: 'load', dtype: 'float32', buffer, index: place, guard: [] },
    dtype: 'float32',
    position: ofVariable(part),
  };
  return { kind: 'loop', name, rows: variables, columns: [part], stages: [total, ...stages] };
}
