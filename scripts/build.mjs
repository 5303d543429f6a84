// Compiles src/ to dist/ with the native TypeScript compiler. `--if-stale` does so only when a source is newer than dist/.
// The output is swapped in whole, so that a failed build leaves the previous one in place.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const compiler = join(root, 'node_modules/@typescript/compiler/bin/tsc');

/** Directories count too: removing a file changes nothing else. */
const inputs = () => [
  join(root, 'package.json'),
  join(root, 'tsconfig.json'),
  join(root, 'tsconfig.build.json'),
  join(root, 'src'),
  ...readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).map((name) =>
    join(root, 'src', name),
  ),
];

const isStale = () => {
  const marker = join(dist, 'index.js');
  if (!existsSync(marker)) return true;
  const built = statSync(marker).mtimeMs;
  return inputs().some((path) => statSync(path).mtimeMs > built);
};

const build = () => {
  if (!existsSync(compiler)) {
    console.error('The TypeScript compiler is not installed. Run: npm ci');
    return 1;
  }
  const fresh = join(root, `dist-${String(process.pid)}`);
  try {
    const args = [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', fresh];
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    if (status !== 0) return status ?? 1;
    const main = join(fresh, 'cli/main.js');
    if (existsSync(main)) chmodSync(main, 0o755);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
    return 0;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
};

if (!process.argv.includes('--if-stale') || isStale()) process.exitCode = build();
