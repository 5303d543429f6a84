import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { setTuning } from '../../src/runtime/index.js';
import { tuningCache, tuningEnabled } from '../../src/runtime/tuning.js';
import { freshFolder, jsonLines, loom } from './support.js';

beforeEach(async () => {
  vi.stubEnv('TENSORLOOM_CACHE', await freshFolder());
});

afterEach(() => {
  setTuning(false);
  vi.unstubAllEnvs();
});

const tunedKernels = async (): Promise<unknown> =>
  jsonLines((await loom('info', '--json')).stdout)[0]?.tunedKernels;

describe('--tune', () => {
  it('measures the heavy kernels of a step, and `info` says how many are known', async () => {
    expect((await loom('info')).stdout).toMatch(/^tuning cache +none$/m);
    expect(await tunedKernels()).toBeUndefined();
    const out = await freshFolder();
    const { code, stderr } = await loom(
      ...['profile', 'digits-cnn', '--tune', '--batch-size', '256', '--repeats', '1', '--out', out],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await tuningCache().saved();
    expect(await tunedKernels()).toBeGreaterThan(0);
    expect((await loom('info')).stdout).toMatch(/^tuning cache +\d+ kernels?$/m);
  });

  it('is off unless asked for', async () => {
    await loom('train', 'xor', '--epochs', '1', '--out', await freshFolder());
    expect(tuningEnabled()).toBe(false);
  });

  it('stays on in a run that goes on', async () => {
    const out = await freshFolder();
    const trained = await loom('train', 'xor', '--tune', '--epochs', '1', '--out', out);
    expect(trained.code).toBe(0);
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toMatchObject({ tune: true });
    setTuning(false);
    expect((await loom('train', '--resume', out, '--epochs', '2')).code).toBe(0);
    expect(tuningEnabled()).toBe(true);
  });
});
