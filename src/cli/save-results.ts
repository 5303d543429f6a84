import { join } from 'node:path';
import { writeFileAtomic } from '../core/node/atomic-file.js';
import { saveSafetensors } from '../interop/safetensors.js';
import type { Module } from '../nn/module.js';
import type { Recipe, RecipeData } from '../recipes/recipe.js';
import { confusionMatrix, evaluate, type MeasuringOptions } from '../train/evaluate.js';
import type { EpochRecord } from '../train/history.js';
import type { RunEnd } from './reporter.js';
import { CONFIG_FILE } from './run-config.js';
import { RUN_FILES } from './run-folder.js';

/** A run whose training is done. */
export interface FinishedRun {
  readonly folder: string;
  readonly model: Module;
  readonly recipe: Recipe;
  readonly data: RecipeData;
  readonly epochs: readonly EpochRecord[];
  readonly measuring: MeasuringOptions;
}

/** Measures a trained model on the test data, and writes the model and the pictures. */
export async function saveResults(run: FinishedRun): Promise<Omit<RunEnd, 'seconds' | 'out'>> {
  const { folder, model, recipe, data, epochs, measuring } = run;
  const { test, classes } = data;
  const isClassifier = recipe.task === 'classification';
  const path = (name: string): string => join(folder, name);

  await saveSafetensors(path(RUN_FILES.model), model.stateDict(), { recipe: recipe.name });
  const { loss, accuracy } = await evaluate(model, test, {
    ...measuring,
    loss: recipe.loss,
    metrics: isClassifier ? ['accuracy'] : [],
  });
  const measured = { testLoss: loss, testAccuracy: accuracy, takesPictures: recipe.picture !== undefined };
  // Loaded when it is needed: drawing takes longer to load than everything else together.
  const { confusionChart, historyChart, svgToPng } = await import('../plot/index.js');
  const history = await historyChart(epochs, { title: recipe.name });
  await writeFileAtomic(path(RUN_FILES.historySvg), history);
  await writeFileAtomic(path(RUN_FILES.historyPng), await svgToPng(history));
  const files: string[] = [
    CONFIG_FILE,
    RUN_FILES.metrics,
    RUN_FILES.model,
    RUN_FILES.checkpoint,
    RUN_FILES.historySvg,
    RUN_FILES.historyPng,
  ];
  if (!isClassifier || classes === undefined) return { ...measured, files, confusion: undefined };
  const counts = await confusionMatrix(model, test, measuring);
  await writeFileAtomic(
    path(RUN_FILES.confusion),
    await confusionChart(counts, classes, { title: `${recipe.name}: test data` }),
  );
  return {
    ...measured,
    files: [...files, RUN_FILES.confusion],
    confusion: { counts, classes },
  };
}
