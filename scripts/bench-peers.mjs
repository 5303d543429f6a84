// Installs the libraries that the benchmark compares with (bench/package.json), once. Without a network the benchmark
// still runs and leaves their columns empty.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('../bench', import.meta.url));
if (!existsSync(`${bench}/node_modules/@tensorflow/tfjs`)) {
  console.error('Installing the libraries to compare with (once): npm ci --prefix bench');
  // Its own output goes to stderr, since stdout belongs to the benchmark (`--json`).
  const { status } = spawnSync('npm', ['ci', '--prefix', bench, '--ignore-scripts'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) console.error('That failed; the benchmark runs without them.');
}
