import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { all } from '../recipes/index.js';
import type { Recipe } from '../recipes/recipe.js';
import { nearestName } from './nearest-name.js';
import { UsageError } from './usage-error.js';

/**
 * The recipe of that name, or the one that a file exports: `./my-recipe.js`.
 *
 * @throws UsageError if there is none, with the nearest name.
 */
export async function findRecipe(name: string): Promise<Recipe> {
  return isPath(name) ? recipeIn(name) : recipeNamed(name);
}

/** The recipe of that name among those that come with the library. */
export function recipeNamed(name: string): Recipe {
  const found = all.find((recipe) => recipe.name === name);
  if (found !== undefined) return found;
  const names = all.map((recipe) => recipe.name);
  const nearest = nearestName(name, names);
  throw new UsageError(
    `unknown recipe '${name}'`,
    nearest === undefined
      ? `the recipes are ${names.join(', ')}`
      : `did you mean ${nearest}? 'loom recipes' lists all`,
  );
}

/** How a recipe is named in a run's config.json, so that it is found again from any folder. */
export function lastingName(name: string): string {
  return isPath(name) ? resolve(name) : name;
}

const isPath = (name: string): boolean => /[\\/]/.test(name) || /\.[mc]?[jt]s$/.test(name);

async function recipeIn(path: string): Promise<Recipe> {
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await import(pathToFileURL(resolve(path)).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    throw new UsageError(
      `cannot load the recipe ${path}: ${error instanceof Error ? error.message : String(error)}`,
      missing
        ? 'check the path, and that tensorloom can be imported from there'
        : 'give a JavaScript module that exports a recipe',
      { cause: error },
    );
  }
  const recipe = Object.values(exported).find(isRecipe);
  if (recipe === undefined) {
    throw new UsageError(
      `${path} exports no recipe`,
      'export an object with name, description, task, load, model, loss, lr, optimizer, epochs and batchSize',
    );
  }
  return recipe;
}

function isRecipe(value: unknown): value is Recipe {
  if (typeof value !== 'object' || value === null) return false;
  const part = value as Partial<Record<keyof Recipe, unknown>>;
  const functions = [part.load, part.model, part.loss, part.optimizer];
  const numbers = [part.lr, part.epochs, part.batchSize];
  return (
    typeof part.name === 'string' &&
    functions.every((each) => typeof each === 'function') &&
    numbers.every((each) => typeof each === 'number')
  );
}
