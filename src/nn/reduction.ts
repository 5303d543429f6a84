import { ArgumentError } from '../core/errors.js';
import { mean, sum } from '../tensor/reductions.js';
import type { Tensor } from '../tensor/tensor.js';

/** What a loss makes of the losses of single elements: their mean (the default), their sum, or nothing. */
export type LossReduction = 'mean' | 'sum' | 'none';

export interface LossOptions {
  readonly reduction?: LossReduction;
}

/** Reduces the losses of single elements. */
export function reduceLoss(losses: Tensor, reduction: LossReduction = 'mean'): Tensor {
  switch (reduction) {
    case 'mean':
      return mean(losses);
    case 'sum':
      return sum(losses);
    case 'none':
      return losses;
    default:
      throw new ArgumentError(`unknown reduction '${String(reduction)}'`, "use 'mean', 'sum' or 'none'");
  }
}
