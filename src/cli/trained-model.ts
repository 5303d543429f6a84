import { join } from 'node:path';
import { CheckpointError } from '../core/errors.js';
import { loadSafetensors } from '../interop/safetensors.js';
import type { Module } from '../nn/module.js';
import type { Recipe } from '../recipes/recipe.js';
import { findRecipe } from './find-recipe.js';
import { readConfig, type RunConfig } from './run-config.js';

export const MODEL_FILE = 'model.safetensors';

/** The model of a finished run, ready to be used. */
export interface TrainedModel {
  readonly model: Module;
  readonly recipe: Recipe;
  readonly config: RunConfig;
}

/**
 * Loads the model of the run in a folder.
 *
 * @throws CheckpointError if it is no run's folder, or its weights are not those of its recipe.
 * @throws FormatError if the file with the weights is damaged.
 */
export async function loadTrainedModel(folder: string): Promise<TrainedModel> {
  const config = await readConfig(folder);
  const recipe = await findRecipe(config.recipe);
  const model = recipe.model();
  const path = join(folder, MODEL_FILE);
  const { tensors } = await loadSafetensors(path);
  try {
    model.loadState(Object.fromEntries(tensors));
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(
      `${path} holds the weights of another model than recipe ${recipe.name}'s`,
      'give the folder of a run as it was written',
      { cause: error },
    );
  }
  model.eval();
  return { model, recipe, config };
}
