import { all } from '../recipes/index.js';
import { formatTable } from './format.js';

/** `loom recipes` */
export function recipesCommand(options: { readonly json: boolean }): void {
  if (options.json) {
    for (const { name, description, task, epochs, batchSize, lr } of all)
      process.stdout.write(`${JSON.stringify({ name, description, task, epochs, batchSize, lr })}\n`);
    return;
  }
  process.stdout.write(`${formatTable(all.map(({ name, description }) => [name, description]), [0, 1])}\n\n`);
  process.stdout.write('Train one with: loom train <recipe>. A recipe of your own is a module that exports one: loom train ./mine.js\n');
}
