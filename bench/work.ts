/** What the shapes of a model demand at the least: operations, and bytes from and to memory. */
import type { Work } from './limits/limit.js';

/** A layer with weights: multiply-adds of one example, forward, and the number of parameters. */
export interface LayerWork {
  readonly macs: number;
  readonly parameters: number;
}

export interface ConvShape {
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  /** Height and width of the output. */
  readonly size: number;
  readonly bias?: boolean;
}

/** A convolution summed directly. Minimal filtering (Winograd) does with fewer operations, and may pass this limit. */
export function conv({ from, to, kernel, size, bias = true }: ConvShape): LayerWork {
  const weights = to * from * kernel ** 2;
  return { macs: size ** 2 * weights, parameters: weights + (bias ? to : 0) };
}

export const linear = (from: number, to: number): LayerWork => ({
  macs: from * to,
  parameters: from * to + to,
});

/** Scale and shift; the few operations do not count. */
export const batchNorm = (features: number): LayerWork => ({ macs: 0, parameters: 2 * features });

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export const parametersOf = (layers: readonly LayerWork[]): number =>
  sum(layers.map(({ parameters }) => parameters));

/** The input, the parameters and the output move once. */
export const inferenceWork = (layers: readonly LayerWork[], inputs: number, outputs: number): Work => ({
  flops: 2 * sum(layers.map(({ macs }) => macs)),
  bytes: 4 * (inputs + parametersOf(layers) + outputs),
  bound: 'flops',
});

/**
 * Forward and the gradients of weights and inputs, of which the first layer's inputs need none. The batch is read; parameters and the
 * optimizer's `moments` for each are read and written. What lies between layers might stay in a cache.
 */
export const trainingWork = (
  layers: readonly LayerWork[],
  inputs: number,
  batchSize: number,
  moments: number,
): Work => ({
  flops: batchSize * sum(layers.map(({ macs }, i) => 2 * macs * (i === 0 ? 2 : 3))),
  bytes: 4 * (batchSize * inputs + 2 * (1 + moments) * parametersOf(layers)),
  bound: 'flops',
});
