import { ArgumentError } from '../core/errors.js';
import { structureOf } from '../graph/structure.js';
import { inspectGraph, type Inspection } from '../runtime/inspect.js';
import { tracedGraphs } from './compile.js';
import { isTensor, type Tensor } from './tensor.js';

export type { Inspection, KernelTime } from '../runtime/inspect.js';

/**
 * Shows what becomes of a computation: graph, fused kernels, generated loops, WebAssembly, memory plan, and with `profile()`
 * the time of each kernel. Takes a compiled function that has been called at least once (its latest signature is shown), or a
 * tensor that has not been computed yet.
 *
 * @throws ArgumentError if there is nothing to look at.
 * @example
 * ```ts
 * const x = tensor([1, 2, 3]);
 * inspect(x.exp().sum()).kernelCount; // => 1
 * ```
 */
export function inspect(what: Tensor | ((...args: never[]) => unknown)): Inspection {
  if (isTensor(what)) {
    if (what.node.value !== undefined)
      throw new ArgumentError(
        'inspect: this tensor has its value already',
        'inspect it before data(), array() or item()',
      );
    const outputs = [what.node];
    const { inputs, scalars } = structureOf(outputs);
    return inspectGraph({ inputs, scalars, outputs, overwrites: [undefined] });
  }
  const graphs = tracedGraphs(what);
  if (graphs === undefined)
    throw new ArgumentError(
      'inspect: this function was not made by compile()',
      'pass the function that compile() returned',
    );
  const latest = graphs[graphs.length - 1];
  if (latest === undefined)
    throw new ArgumentError(
      'inspect: this compiled function has not been called yet',
      'call it once, so that its shapes are known',
    );
  return inspectGraph(latest);
}
