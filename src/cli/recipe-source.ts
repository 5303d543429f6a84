import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ROOM_IMPORT = /^import \* as (\w+) from '\.\.\/\w+\/index\.js';\n/gm;

/** The source of a recipe that comes with the library, importing from the library as a program of one's own does. */
export async function recipeSource(name: string): Promise<string> {
  // Compiled in dist/, as it was written in src/.
  const path = ['js', 'ts']
    .map((ending) => fileURLToPath(new URL(`../recipes/${name}.${ending}`, import.meta.url)))
    .find((candidate) => existsSync(candidate));
  const text = await readFile(path ?? `${name}.js`, 'utf8');
  const rooms = [...text.matchAll(ROOM_IMPORT)].map(([, room]) => room);
  const body = text
    .replaceAll(ROOM_IMPORT, '')
    .replace("import type { Recipe } from './recipe.js';\n", '')
    .replace(/\n\/\/# sourceMappingURL=.*\n?/, '\n')
    .replace(': Recipe =', ' =')
    .trim();
  return `import { ${rooms.join(', ')} } from 'tensorloom';\n\n${body}\n`;
}
