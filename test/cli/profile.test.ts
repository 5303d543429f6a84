import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setDevice, setThreads, threadCount } from '../../src/runtime/index.js';
import type { Profile } from '../../src/index.js';
import { freshFolder, jsonLines, loom, type Outcome } from './support.js';

const threadsBefore = threadCount();
let folder = '';
let profiled: Outcome;

const files = ['profile.json', 'profile.svg', 'trace.json'];
const written = (name: string, from = folder): Promise<string> => readFile(join(from, name), 'utf8');

beforeAll(async () => {
  folder = join(await freshFolder(), 'run');
  const args = ['--batch-size', '32', '--seed', '2', '--device', 'wasm', '--threads', '2', '--repeats', '2'];
  profiled = await loom('profile', 'digits-cnn', ...args, '--json', '--out', folder);
}, 60_000);
afterAll(() => {
  setDevice('auto');
  setThreads(threadsBefore);
});

describe('loom profile', () => {
  it('prints one JSON object for each kernel and one at the end, and nothing else', async () => {
    expect([profiled.code, profiled.stderr]).toEqual([0, '']);
    const lines = jsonLines(profiled.stdout);
    const { kernels } = JSON.parse(await written('profile.json')) as Profile;
    expect(lines).toHaveLength(kernels.length + 1);
    expect(lines[0]).toMatchObject({ event: 'kernel', number: 0, name: kernels[0]?.name, runs: 1 });
    expect(lines[0]?.text).toBeUndefined();
    expect(lines.at(-1)).toMatchObject({
      event: 'end',
      recipe: 'digits-cnn',
      batchSize: 32,
      target: 'wasm',
      threads: 2,
      out: folder,
    });
  });

  it('measures the whole step: forward, backward, optimizer and metrics', async () => {
    const { kernels } = JSON.parse(await written('profile.json')) as Profile;
    // The first convolution: 32 pictures, 16 channels, 26x26 positions, 3x3 filters.
    const first = 2 * 32 * 16 * 26 * 26 * 9;
    expect(kernels.filter(({ kind, flops }) => kind === 'contraction' && flops >= first).length).toBe(2);
    expect(kernels.some(({ name }) => name.includes('argmax'))).toBe(true);
    expect(kernels.length).toBeGreaterThan(10);
  });

  it('writes the profile, its picture and a trace', async () => {
    expect((await readdir(folder)).sort()).toEqual(files);
    expect(await written('profile.svg')).toMatch(/^<svg[^]*digits-cnn: a training step with 32 samples/);
    const { traceEvents } = JSON.parse(await written('trace.json')) as { traceEvents: { ph: string }[] };
    const { spans } = JSON.parse(await written('profile.json')) as Profile;
    expect(traceEvents.filter(({ ph }) => ph === 'X')).toHaveLength(spans.length);
    expect(JSON.parse(await written('profile.json'))).toMatchObject({
      recipe: 'digits-cnn',
      batchSize: 32,
      seed: 2,
      target: 'wasm',
    });
  });

  it('prints a table for people, and leaves the files of a run where they are', async () => {
    const out = await freshFolder();
    await writeFile(join(out, 'config.json'), '{}');
    const { code, stdout, stderr } = await loom('profile', 'xor', '--repeats', '1', '--out', out);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^A training step of xor with 4 samples on (native|wasm), \d+ threads?: \d+\.\d\d ms/,
    );
    expect(stdout).toMatch(/kernel +kind +ms +share +MFLOP +MB +GFLOP\/s +GB\/s +of ceiling/);
    expect(stdout).toMatch(/^ *\d+ +\S+ +(contraction|map|reduction) +\d+\.\d{3} +\d+\.\d%/m);
    expect(stdout).toMatch(/^ +all kernels +\d+\.\d{3}/m);
    expect(stdout).toMatch(/^ +no kernel +\d+\.\d{3} +\d+\.\d%$/m);
    expect(stdout).toContain(`Written to ${out}: profile.svg, trace.json, profile.json`);
    expect((await readdir(out)).sort()).toEqual(['config.json', ...files]);
  });

  it('says what is wrong with the data, or the folder', async () => {
    const missing = await loom('profile', 'mnist-cnn', '--data', join(folder, 'nothing'));
    expect([missing.code, missing.stdout]).toEqual([1, '']);
    expect(missing.stderr).toMatch(/data folder .*nothing does not exist\n {2}hint: check the path/);
    const blocked = join(await freshFolder(), 'file');
    await writeFile(blocked, '');
    const unwritable = await loom('profile', 'xor', '--repeats', '1', '--out', join(blocked, 'run'));
    expect([unwritable.code, unwritable.stdout]).toEqual([1, '']);
    expect(unwritable.stderr).toMatch(/cannot make the folder/);
  });

  it('replaces an earlier profile as a whole', async () => {
    const out = join(await freshFolder(), 'run');
    await mkdir(out);
    for (const name of files) await writeFile(join(out, name), 'an earlier one');
    expect((await loom('profile', 'xor', '--repeats', '1', '--out', out)).code).toBe(0);
    for (const name of files) expect(await written(name, out)).not.toContain('an earlier one');
    expect((await readdir(out)).sort()).toEqual(files);
  });
});
