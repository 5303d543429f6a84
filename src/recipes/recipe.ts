import type { Shape } from '../core/shape.js';
import type { Dataset } from '../data/dataset.js';
import type { FindOptions } from '../data/node/find-files.js';
import type { Transform } from '../data/transform.js';
import type { Module } from '../nn/module.js';
import type { OptimizerSpec } from '../optim/optimizer.js';
import type { Preprocess } from '../train/preprocess.js';
import type { LossFunction } from '../train/step.js';

/** What a recipe's `load` is told: where files are (`dir`), and how to go about a download. */
export interface LoadOptions extends FindOptions {
  /** Decides what is drawn where a recipe makes its own data. */
  readonly seed?: number;
}

/** What a recipe trains and tests with. */
export interface RecipeData {
  readonly training: Dataset;
  readonly test: Dataset;
  /** The shape of one input. */
  readonly inputShape: Shape;
  /** The names of the classes in the order of their labels; none for a regression. */
  readonly classes?: readonly string[];
}

/** How pictures from elsewhere become inputs like those that the model was trained on. */
export interface PictureFormat {
  /** `dark`: bright drawings on a dark background, so that pictures with a light one are inverted; `any`: taken as they are. */
  readonly background: 'dark' | 'any';
  /** Free pixels around a drawing on a dark background. */
  readonly margin?: number;
}

/**
 * Everything that a training run needs: data, model, loss, optimizer and their settings. The command line trains a recipe; a program
 * hands the same parts to `train.fit`.
 *
 * @example
 * ```ts
 * import { recipes } from 'tensorloom';
 *
 * recipes.mnistCnn.batchSize; // => 64
 * recipes.mnistCnn.model().parameters().length; // => 6
 * ```
 */
export interface Recipe {
  readonly name: string;
  /** One line, which goes on after the name and a colon. */
  readonly description: string;
  readonly task: 'classification' | 'regression';
  load(options: LoadOptions): RecipeData | Promise<RecipeData>;
  /** What happens to inputs before they reach the model; bytes become numbers from 0 to 1 when left out. */
  readonly preprocess?: Preprocess;
  /** A fresh model; its weights follow from the seed that was set before (`setSeed`). */
  model(): Module;
  readonly loss: LossFunction;
  /** The learning rate that `optimizer` gets when nobody asks for another. */
  readonly lr: number;
  optimizer(lr: number): OptimizerSpec;
  readonly epochs: number;
  readonly batchSize: number;
  /** Whether each epoch has a new random order; true when left out. */
  readonly shuffle?: boolean;
  /** Changes training batches: augmentation. */
  readonly transform?: Transform;
  /** Present when inputs are pictures. */
  readonly picture?: PictureFormat;
}
