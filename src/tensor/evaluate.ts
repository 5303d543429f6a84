import { realize } from './realize.js';
import type { Tensor } from './tensor.js';

/**
 * Computes several tensors, and all pending updates of variables, in one program. Their values are then at hand, whatever
 * happens to the variables they were computed from.
 *
 * @example
 * ```ts
 * const x = tensor([1, 2, 3]);
 * const [total, largest] = [x.sum(), x.max()];
 * await evaluate(total, largest);
 * await total.item(); // => 6
 * ```
 */
export function evaluate(...tensors: readonly Tensor[]): Promise<void> {
  return Promise.resolve().then(() => {
    realize(tensors.map((tensor) => tensor.node));
  });
}
