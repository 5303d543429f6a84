import type { MeasuringOptions } from '../train/evaluate.js';
import type { Recipe } from '../recipes/recipe.js';

/** How a recipe's model is measured and used. */
export function measuringOptions(recipe: Recipe, batchSize?: number): MeasuringOptions {
  return {
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(recipe.preprocess === undefined ? {} : { preprocess: recipe.preprocess }),
  };
}
