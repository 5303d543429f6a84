import { resolve } from 'node:path';
import type { Recipe } from '../recipes/recipe.js';
import type { DeviceOptions } from './device-options.js';
import { findRecipe, lastingName } from './find-recipe.js';
import { readConfig, type RunConfig } from './run-config.js';
import { UsageError } from './usage-error.js';

/** The options of `loom train` as they were typed. */
export interface TrainOptions extends DeviceOptions {
  readonly data?: string;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly lr?: number;
  readonly optimizer?: string;
  readonly seed?: number;
  readonly limit?: number;
  readonly out?: string;
  readonly json?: boolean;
  readonly resume?: string;
}

/** What a training run is to be. */
export interface TrainSettings {
  readonly recipe: Recipe;
  /** How config.json names the recipe. */
  readonly recipeName: string;
  readonly data: string | undefined;
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number | undefined;
  readonly optimizer: string | undefined;
  readonly seed: number;
  readonly limit: number | undefined;
  readonly device: DeviceOptions;
}

/** What is trained, or profiled, when nobody names a recipe. */
export const DEFAULT_RECIPE = 'digits-cnn';

/**
 * The settings of a run: what was typed, else what the resumed run had, else what the recipe says.
 *
 * @throws UsageError for an unknown recipe, or a setting that would make a resumed run another one.
 * @throws CheckpointError if the folder to resume is no run's.
 */
export async function trainSettings(name: string | undefined, options: TrainOptions): Promise<TrainSettings> {
  const earlier = options.resume === undefined ? undefined : await readConfig(options.resume);
  const recipeName = lastingName(name ?? earlier?.recipe ?? DEFAULT_RECIPE);
  const recipe = await findRecipe(recipeName);
  if (earlier !== undefined)
    checkUnchanged({ ...options, recipe: recipeName }, earlier, options.resume ?? '');
  return {
    recipe,
    recipeName,
    data: options.data === undefined ? earlier?.data : resolve(options.data),
    epochs: options.epochs ?? earlier?.epochs ?? recipe.epochs,
    batchSize: options.batchSize ?? earlier?.batchSize ?? recipe.batchSize,
    lr: options.lr ?? earlier?.lr,
    optimizer: options.optimizer ?? earlier?.optimizer,
    seed: options.seed ?? earlier?.seed ?? 0,
    limit: options.limit ?? earlier?.limit,
    device: {
      ...(options.device === undefined ? {} : { device: options.device }),
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      ...((options.tune ?? earlier?.tune) === true ? { tune: true } : {}),
    },
  };
}

/** Settings that decide the numbers, with their options. */
const FIXED = [
  ['recipe', 'the recipe'],
  ['batchSize', '--batch-size'],
  ['optimizer', '--optimizer'],
  ['lr', '--lr'],
  ['seed', '--seed'],
  ['limit', '--limit'],
] as const satisfies readonly (readonly [keyof RunConfig, string])[];

function checkUnchanged(
  typed: Partial<Pick<RunConfig, (typeof FIXED)[number][0]>>,
  earlier: RunConfig,
  folder: string,
): void {
  for (const [key, option] of FIXED) {
    const value = typed[key];
    if (value === undefined || value === earlier[key]) continue;
    const before = earlier[key] === undefined ? 'without it' : `with ${earlier[key]}`;
    throw new UsageError(
      `${option} is ${value}, but the run in ${folder} was started ${before}`,
      'a resumed run keeps its settings; only --epochs, --data, --out, --threads and --device may change',
    );
  }
}
