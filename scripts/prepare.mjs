// Runs after `npm ci` and `npm install`. Builds dist/ in a clone with its development tools; where either is missing
// (`npm ci --omit=dev`, a folder without sources) there is nothing to build with or from.
import { existsSync } from 'node:fs';

const here = (/** @type {string} */ path) => existsSync(new URL(`../${path}`, import.meta.url));
if (here('src/index.ts') && here('node_modules/@typescript/compiler')) {
  // npx runs this too, before each command of this very package.
  process.argv.push('--if-stale');
  await import('./build.mjs');
}
