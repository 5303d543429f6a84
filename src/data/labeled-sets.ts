import type { Shape } from '../core/shape.js';
import type { ArrayDataset } from './dataset.js';

/** A known classification task: its two data sets and what a model needs to know about them. */
export interface LabeledSets {
  readonly training: ArrayDataset;
  readonly test: ArrayDataset;
  /** The names of the classes, in the order of their labels. */
  readonly classes: readonly string[];
  /** The shape of one input: channels, height, width. */
  readonly inputShape: Shape;
  /** Mean of each channel over the training set, for values scaled to 0..1. */
  readonly mean: readonly number[];
  /** Standard deviation of each channel over the training set, for values scaled to 0..1. */
  readonly std: readonly number[];
}
