import { all } from '../recipes/index.js';
import { recipeNamed } from './find-recipe.js';
import { formatTable } from './format.js';
import { recipeSource } from './recipe-source.js';

/** `loom recipes`: lists the recipes, or prints one as a file to copy. */
export async function recipesCommand(
  name: string | undefined,
  options: { readonly json?: boolean },
): Promise<void> {
  if (name !== undefined) {
    const recipe = recipeNamed(name);
    process.stdout.write(await recipeSource(recipe.name));
    return;
  }
  if (options.json === true) {
    for (const { name: each, description, task, epochs, batchSize, lr } of all)
      process.stdout.write(`${JSON.stringify({ name: each, description, task, epochs, batchSize, lr })}\n`);
    return;
  }
  const rows = all.map(({ name: each, description }) => [each, description]);
  process.stdout.write(`${formatTable(rows, [0, 1])}

Train one:      loom train <recipe>
Make your own:  loom recipes <recipe> > mine.mjs, change it, loom train ./mine.mjs
`);
}
