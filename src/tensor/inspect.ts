import { ArgumentError } from '../core/errors.js';
import { structureOf } from '../graph/structure.js';
import { inspectGraph, type Inspection } from '../runtime/inspect.js';
import { inputValue } from '../runtime/runtime.js';
import { isCompiled, tracedFunction } from './compile.js';
import { isTensor, type Tensor } from './tensor.js';

export type { Inspection } from '../runtime/inspect.js';
export type { KernelKind, KernelProfile, KernelSpan, Profile } from '../runtime/profile.js';
export type { ProfileOptions } from '../runtime/profile-program.js';
export type { Ceilings, MemorySpeed } from '../runtime/roofline.js';

/**
 * Shows what becomes of a computation: graph, fused kernels, generated loops, WebAssembly or machine code, memory plan, and with
 * `profile()` what each kernel takes of a run. Takes a tensor that has not been computed yet, or a compiled function with the arguments to inspect it for.
 * Without arguments it is shown as it was last called, and profiled with zeros in their place.
 *
 * @throws ArgumentError if there is nothing to look at.
 * @example
 * ```ts
 * const x = tensor([1, 2, 3]);
 * inspect(x.exp().sum()).kernelCount; // => 1
 *
 * const square = compile((y: Tensor) => y.mul(y));
 * const { kernels, spans } = await inspect(square, x).profile();
 * kernels.map(({ name, flops, bytesRead }) => [name, flops, bytesRead]); // => [['mul', 3, 12]]
 * spans.length; // => 1
 * ```
 */
export function inspect(what: Tensor): Inspection;
export function inspect<Args extends readonly unknown[]>(
  what: (...args: Args) => unknown,
  ...args: Args | readonly []
): Inspection;
export function inspect(what: Tensor | ((...args: never[]) => unknown), ...args: unknown[]): Inspection {
  if (isTensor(what)) {
    if (what.node.value !== undefined)
      throw new ArgumentError(
        'inspect: this tensor has its value already',
        'inspect it before data(), array() or item()',
      );
    const outputs = [what.node];
    const { inputs, scalars } = structureOf(outputs);
    return inspectGraph({ inputs, scalars, outputs, overwrites: [undefined] }, () => inputs.map(inputValue));
  }
  if (!isCompiled(what))
    throw new ArgumentError(
      'inspect: this function was not made by compile()',
      'pass the function that compile() returned',
    );
  const traced = tracedFunction(what, args);
  if (traced === undefined)
    throw new ArgumentError(
      'inspect: this compiled function has not been called yet',
      'pass arguments for it too, or call it once, so that its shapes are known',
    );
  return inspectGraph(traced.graph, traced.inputs);
}
