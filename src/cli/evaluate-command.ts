import { confusionMatrix, evaluate } from '../train/evaluate.js';
import { confusionTable } from './confusion-table.js';
import { applyDevice, type DeviceOptions } from './device-options.js';
import { formatCount, formatLoss, formatPercent, formatSeconds } from './format.js';
import { loadData } from './load-data.js';
import { measuringOptions } from './measuring-options.js';
import { loadTrainedModel } from './trained-model.js';

export interface EvaluateOptions extends DeviceOptions {
  readonly model: string;
  readonly data?: string;
  readonly batchSize?: number;
  readonly json?: boolean;
}

/** `loom evaluate`: how good a trained model is on test data. */
export async function evaluateCommand(options: EvaluateOptions): Promise<void> {
  applyDevice(options);
  const { model, recipe, config } = await loadTrainedModel(options.model);
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  const { test, classes } = await loadData(recipe, {
    folder: options.data ?? config.data,
    seed: config.seed,
    note,
  });
  const start = performance.now();
  const measuring = measuringOptions(recipe, options.batchSize);
  const { loss, accuracy } = await evaluate(model, test, {
    ...measuring,
    loss: recipe.loss,
    metrics: recipe.task === 'classification' ? ['accuracy'] : [],
  });
  const seconds = (performance.now() - start) / 1000;
  if (options.json === true) {
    const result = {
      recipe: recipe.name,
      samples: test.length,
      testLoss: loss,
      testAccuracy: accuracy,
      seconds,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  if (classes !== undefined) {
    const counts = await confusionMatrix(model, test, measuring);
    process.stdout.write(`${confusionTable(counts, classes)}\n\n`);
  }
  process.stdout.write(
    `Test ${accuracy === undefined ? '' : `accuracy ${formatPercent(accuracy)}, `}loss ${formatLoss(loss)} ` +
      `on ${formatCount(test.length)} samples in ${formatSeconds(seconds)}.\n`,
  );
}
