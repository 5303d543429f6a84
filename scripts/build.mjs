// Compiles src/ to dist/ with the native TypeScript compiler. `--if-stale` does so only when a source is newer than dist/.
// The output is swapped in whole, so that a failed build leaves the previous one in place.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
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

/** Tells builds apart: programs are kept between processes (see runtime/kept-programs.ts), and another build may make others. */
const buildId = (/** @type {string} */ folder) => {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort())
    if (/\.m?js$/.test(name))
      hash
        .update(name)
        .update('\0')
        .update(readFileSync(join(folder, name)));
  return hash.digest('hex');
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
    writeFileSync(join(fresh, 'build-id'), `${buildId(fresh)}\n`);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
    return 0;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
};

if (!process.argv.includes('--if-stale') || isStale()) process.exitCode = build();
