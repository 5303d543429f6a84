// Installs the libraries that the benchmark compares with (bench/package.json), once and again when the list has changed. Without a
// network the benchmark still runs and leaves their columns empty.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('../bench', import.meta.url));
// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- The rule does not see casts in comments.
const { dependencies } = /** @type {{ dependencies: Record<string, string> }} */ (
  JSON.parse(readFileSync(`${bench}/package.json`, 'utf8'))
);
if (!Object.keys(dependencies).every((name) => existsSync(`${bench}/node_modules/${name}`))) {
  console.error('Installing the libraries to compare with (once): npm ci --prefix bench');
  // Its own output goes to stderr, since stdout belongs to the benchmark (`--json`).
  const { status } = spawnSync('npm', ['ci', '--prefix', bench, '--ignore-scripts'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) console.error('That failed; the benchmark runs without them.');
}
