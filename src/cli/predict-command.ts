import { sigmoid } from '../tensor/elementwise.js';
import { concat } from '../tensor/movement.js';
import { softmax } from '../tensor/activations.js';
import type { Tensor } from '../tensor/tensor.js';
import { predict } from '../train/predict.js';
import { applyDevice, type DeviceOptions } from './device-options.js';
import { formatPercent, formatTable } from './format.js';
import { inputPicture } from './input-picture.js';
import { measuringOptions } from './measuring-options.js';
import { loadTrainedModel } from './trained-model.js';
import { UsageError } from './usage-error.js';

/** How many classes are named. */
const SHOWN = 3;

export interface PredictOptions extends DeviceOptions {
  readonly model: string;
  readonly image: string;
  readonly json?: boolean;
}

/** `loom predict`: the classes that a picture most likely belongs to. */
export async function predictCommand(options: PredictOptions): Promise<void> {
  applyDevice(options);
  const { model, recipe, config } = await loadTrainedModel(options.model);
  const { classes, inputShape } = config;
  if (recipe.picture === undefined || classes === undefined)
    throw new UsageError(
      `recipe ${recipe.name} does not classify pictures`,
      'give the folder of a run that does',
    );
  const { input, changes } = await inputPicture(options.image, inputShape, recipe.picture);
  const outputs = await predict(model, input, measuringOptions(recipe));
  const values = await probabilities(outputs).data();
  const ranked = classes
    .map((name, i) => ({ class: name, probability: values[i] ?? 0 }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, SHOWN);
  if (options.json === true) {
    const [best] = ranked;
    process.stdout.write(
      `${JSON.stringify({ image: options.image, class: best?.class, top: ranked, changes })}\n`,
    );
    return;
  }
  if (changes.length > 0) process.stdout.write(`The picture was ${changes.join(', ')}.\n`);
  const rows = ranked.map(({ class: name, probability }) => [name, formatPercent(probability)]);
  process.stdout.write(`${formatTable(rows)}\n`);
}

/** A single output is the logit of class 1 against class 0. */
function probabilities(outputs: Tensor): Tensor {
  if (outputs.shape.at(-1) !== 1) return softmax(outputs, 1);
  const second: Tensor = sigmoid(outputs);
  return concat([second.neg().add(1), second], 1);
}
