/** When a result may be written over the value that it replaces. */
import { accessesOf } from './accesses.js';
import type { Kernel } from './kernel.js';
import { dataOf, visit } from './scalar-expr.js';

/** Whether the kernel reads `input` only at the very points where it then writes `output`, and in one pass. */
export function readsInPlaceOnly(kernel: Kernel, output: number, input: number): boolean {
  if (kernel.kind !== 'loop' && kernel.kind !== 'contraction' && kernel.kind !== 'winograd')
    return !accessesOf(kernel).reads.has(input);
  if (!accessesOf(kernel).reads.has(input)) return true;
  if (kernel.kind === 'contraction' && (kernel.a.buffer === input || kernel.b.buffer === input)) return false;
  if (kernel.kind === 'winograd' && kernel.input.buffer === input) return false;
  const stores = kernel.kind === 'loop' ? kernel.stages : kernel.stores;
  if (kernel.kind === 'loop' && kernel.stages.some((stage) => stage.kind === 'reduce')) return false;
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
