/** Ways to do a contraction, as data: whoever lowers it may choose another one than the estimate does. */
import type { ContractionKernel } from '../../compiler/kernel.js';
import type { ContractionCode } from './contraction.js';

/** One way. All give the same results but for rounding, as they add up in different orders. */
export interface Candidate {
  /** Says what is special about it, such as 'packed b, tile 6x4'. Different for all candidates of a kernel. */
  readonly name: string;
  /** The part of the name that tells algorithms and roles of the operands apart, but not sizes: 'packed b'. */
  readonly kind: string;
  /** Estimated, on one core. */
  readonly cycles: number;
  lower(): ContractionCode;
}

/** Gives one of the candidates. The first is what the estimate would take; others follow with rising estimates. */
export type Choose = (
  kernel: ContractionKernel,
  candidates: readonly [Candidate, ...Candidate[]],
) => Candidate;
