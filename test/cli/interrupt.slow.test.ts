import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshFolder, jsonLines, type Outcome } from './support.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Started {
  readonly ended: Promise<Outcome & { readonly signal: string | null }>;
  /** Resolves once stdout and stderr together have shown this. */
  shown(text: string): Promise<void>;
  interrupt(): void;
  isRunning(): boolean;
}

/** Runs the sources' command line in a process of its own. */
function start(...args: readonly string[]): Started {
  const child = spawn(process.execPath, ['--import', 'tsx', join(root, 'src/cli/main.ts'), ...args], {
    cwd: root,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const ended = new Promise<Outcome & { signal: string | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code: code ?? -1, signal, stdout, stderr }));
  });
  return {
    ended,
    shown: async (text) => {
      while (!(stdout + stderr).includes(text) && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 5));
    },
    interrupt: () => child.kill('SIGINT'),
    isRunning: () => child.exitCode === null,
  };
}

/** The numbers that do not depend on the clock. */
function numbers(stdout: string): unknown[] {
  return jsonLines(stdout).map(({ seconds: _s, samplesPerSecond: _p, out: _o, ...rest }) => rest);
}

/** A recipe in which everything is random that can be: order, crops, dropout. It also shows that a file of one's own is trained. */
const recipeSource = `
import { data, nn, optim } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)};
export const mine = {
  name: 'mine',
  description: 'a recipe in a file of its own',
  task: 'classification',
  load: ({ seed }) => data.digits({ train: 3000, test: 200, seed }),
  model: () => new nn.Sequential(
    new nn.Conv2d(1, 4, 3), nn.relu, new nn.MaxPool2d(2), new nn.BatchNorm2d(4),
    new nn.Flatten(), new nn.Dropout(0.3), new nn.Linear(676, 10),
  ),
  loss: nn.crossEntropy,
  lr: 1e-3,
  optimizer: (lr) => optim.adam({ lr }),
  epochs: 4,
  batchSize: 16,
  transform: data.randomCrop({ padding: 2 }),
};
`;

describe('Ctrl-C', () => {
  let recipe = '';
  let settings: string[] = [];
  let straight: Outcome;
  let straightFolder = '';

  beforeAll(async () => {
    recipe = join(await freshFolder(), 'mine.mjs');
    await writeFile(recipe, recipeSource);
    settings = ['train', recipe, '--seed', '5', '--json'];
    straightFolder = join(await freshFolder(), 'straight');
    straight = await start(...settings, '--out', straightFolder).ended;
  });

  it('the uninterrupted run succeeds', () => {
    expect([straight.code, straight.stderr]).toEqual([0, '']);
    expect(numbers(straight.stdout)).toHaveLength(5);
  });

  it('saves a checkpoint and exits with 130; the resumed run gives the numbers of an uninterrupted one', async () => {
    const folder = join(await freshFolder(), 'run');
    const run = start(...settings, '--out', folder);
    await run.shown('"epoch":1,');
    run.interrupt();
    const stopped = await run.ended;
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(/Stopping after this batch[^]*--resume/);
    const before = numbers(stopped.stdout);
    expect(before.length).toBeLessThan(4);
    expect(existsSync(join(folder, 'checkpoint.safetensors'))).toBe(true);
    expect(existsSync(join(folder, 'model.safetensors'))).toBe(false);

    const resumed = await start('train', '--resume', folder, '--json').ended;
    expect(resumed.code).toBe(0);
    expect([...before, ...numbers(resumed.stdout)]).toEqual(numbers(straight.stdout));
    const model = (at: string): Promise<Buffer> => readFile(join(at, 'model.safetensors'));
    expect((await model(folder)).equals(await model(straightFolder))).toBe(true);
  });

  it('before the first epoch ends, too', async () => {
    const folder = join(await freshFolder(), 'run');
    const run = start('train', recipe, '--seed', '5', '--out', folder);
    await run.shown('Files go to');
    run.interrupt();
    const stopped = await run.ended;
    expect(stopped.code).toBe(130);
    const resumed = await start('train', '--resume', folder, '--json').ended;
    expect(numbers(resumed.stdout)).toEqual(numbers(straight.stdout));
  });

  it('a second time ends the process at once, even one that does not come to an end', async () => {
    const stuck = join(await freshFolder(), 'stuck.mjs');
    const load =
      "load: () => { process.stderr.write('loading'); return new Promise(() => setInterval(() => {}, 1000)); },";
    await writeFile(stuck, recipeSource.replace(/load: .*/, load));
    const run = start('train', stuck, '--json', '--out', join(await freshFolder(), 'run'));
    await run.shown('loading');
    run.interrupt();
    await run.shown('once more to stop at once');
    // The same key press may arrive twice, through npm.
    run.interrupt();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(run.isRunning()).toBe(true);
    run.interrupt();
    expect((await run.ended).code).toBe(130);
  });
});
