/** When a result may be written over the value that it replaces. */
import { accessesOf } from './accesses.js';
import type { Kernel, LoopKernel, Stage } from './kernel.js';
import { levelsOf } from './reuse.js';
import { dataOf, dependenciesOf, linearStride, visit, type Scalar } from './scalar-expr.js';

/** Whether the kernel reads `input` only at the very points where it then writes `output`, and before it does. */
export function readsInPlaceOnly(kernel: Kernel, output: number, input: number): boolean {
  if (kernel.kind !== 'loop' && kernel.kind !== 'contraction' && kernel.kind !== 'winograd')
    return !accessesOf(kernel).reads.has(input);
  if (!accessesOf(kernel).reads.has(input)) return true;
  if (kernel.kind === 'contraction' && (kernel.a.buffer === input || kernel.b.buffer === input)) return false;
  if (kernel.kind === 'winograd' && kernel.input.buffer === input) return false;
  const stores = kernel.kind === 'loop' ? kernel.stages : kernel.stores;
  if (kernel.kind === 'loop' && !readsBeforeWriting(kernel, output, input)) return false;
  const target = stores.find((store) => 'buffer' in store && store.buffer === output);
  if (target === undefined || !('index' in target)) return false;
  let inPlace = true;
  visit(
    stores.flatMap((store) => [store.value, ...('index' in store ? dataOf(store.index) : [])]),
    (scalar) => {
      if (scalar.kind === 'load' && scalar.buffer === input && scalar.index.key !== target.index.key)
        inPlace = false;
    },
  );
  return inPlace;
}

/**
 * Whether every stage of the kernel that reads `input` comes at the time of the first write of `output` or before it. Rows pass over their columns once for
 * each level of reductions; what is written once for a row is written when such a pass begins. Stages of one time compute all their values first.
 */
function readsBeforeWriting(kernel: LoopKernel, output: number, input: number): boolean {
  const level = levelsOf(kernel.stages);
  const timeOf = (stage: Stage): number => 2 * level(stage.value) + (isPerColumn(kernel, stage) ? 1 : 0);
  const writes = kernel.stages
    .filter((stage) => stage.kind === 'store' && stage.buffer === output)
    .map(timeOf);
  const reads = kernel.stages
    .filter((stage) =>
      readsBuffer([stage.value, ...(stage.kind === 'store' ? dataOf(stage.index) : [])], input),
    )
    .map(timeOf);
  return Math.max(...reads) <= Math.min(...writes);
}

function isPerColumn(kernel: LoopKernel, stage: Stage): boolean {
  if (stage.kind === 'reduce') return true;
  const { variables } = dependenciesOf(stage.value);
  return kernel.columns.some((v) => variables.has(v) || linearStride(stage.index, v) !== 0);
}

function readsBuffer(roots: readonly Scalar[], buffer: number): boolean {
  let reads = false;
  visit(roots, (scalar) => {
    if (scalar.kind === 'load' && scalar.buffer === buffer) reads = true;
  });
  return reads;
}
