import * as optim from '../optim/index.js';
import type { OptimizerSpec } from '../optim/optimizer.js';
import type { Recipe } from '../recipes/recipe.js';
import { nearestName } from './nearest-name.js';
import { UsageError } from './usage-error.js';

/** What `--optimizer` can name; each with its own default settings. */
const OPTIMIZERS: Readonly<Record<string, (options: { readonly lr?: number }) => OptimizerSpec>> = {
  sgd: optim.sgd,
  momentum: (options) => optim.sgd({ ...options, momentum: 0.9 }),
  nesterov: (options) => optim.sgd({ ...options, momentum: 0.9, nesterov: true }),
  rmsprop: optim.rmsprop,
  adagrad: optim.adagrad,
  adadelta: optim.adadelta,
  adam: optim.adam,
  adamw: optim.adamw,
  adamax: optim.adamax,
  nadam: optim.nadam,
  lion: optim.lion,
};

export const optimizerNames: readonly string[] = Object.keys(OPTIMIZERS);

/**
 * The optimizer of a run: the recipe's unless another is named. The recipe's learning rate belongs to the recipe's optimizer, so one that is
 * named starts from its own.
 */
export function chooseOptimizer(
  recipe: Recipe,
  name: string | undefined,
  lr: number | undefined,
): OptimizerSpec {
  if (name === undefined) return recipe.optimizer(lr ?? recipe.lr);
  const make = Object.hasOwn(OPTIMIZERS, name) ? OPTIMIZERS[name] : undefined;
  if (make === undefined) throw unknownOptimizer(name);
  return make(lr === undefined ? {} : { lr });
}

/** Reads `--optimizer`. */
export function optimizerName(text: string): string {
  if (!optimizerNames.includes(text)) throw unknownOptimizer(text);
  return text;
}

function unknownOptimizer(name: string): UsageError {
  const nearest = nearestName(name, optimizerNames);
  const list = `the optimizers are ${optimizerNames.join(', ')}`;
  return new UsageError(
    `unknown optimizer '${name}'`,
    nearest === undefined ? list : `did you mean ${nearest}? ${list}`,
  );
}
