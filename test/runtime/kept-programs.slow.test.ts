import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { jsonLines } from '../cli/support.js';
import { usableDevices } from '../support/devices.js';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const freshFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'kept-programs-'));

/** Runs the built command line in a process of its own: sources that have not been built keep nothing. */
function loom(
  cache: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Record<string, unknown>[] {
  const output = execFileSync(process.execPath, [path('../../dist/cli/main.js'), ...args, '--json'], {
    env: { ...process.env, TENSORLOOM_CACHE: cache, ...env },
    encoding: 'utf8',
  });
  return jsonLines(output);
}

beforeAll(() => {
  execFileSync(process.execPath, [path('../../scripts/build.mjs'), '--if-stale']);
});

describe.each(usableDevices().filter((name) => name !== 'reference'))('programs for %s', (device) => {
  /** What a training comes to, without what the clock says. */
  async function train(cache: string, env?: NodeJS.ProcessEnv): Promise<unknown[]> {
    const out = await freshFolder();
    const args = ['train', 'digits-cnn', '--epochs', '1', '--limit', '256', '--device', device, '--out', out];
    return loom(cache, args, env).map(
      ({ seconds: _s, samplesPerSecond: _p, out: _o, ...numbers }) => numbers,
    );
  }

  it('are kept from one process to the next, with the same results', async () => {
    const cache = await freshFolder();
    const folder = join(cache, 'programs');
    const expected = await train(cache);
    const names = (await readdir(folder)).sort();
    expect(names.length).toBeGreaterThanOrEqual(2);
    expect(loom(cache, ['info'])[0]?.keptPrograms).toMatchObject({ count: names.length });

    expect(await train(cache)).toEqual(expected);
    expect((await readdir(folder)).sort()).toEqual(names);

    // Whatever has happened to the files, they do no harm.
    for (const [i, name] of names.entries()) {
      const bytes = await readFile(join(folder, name));
      const at = Math.floor((bytes.length * (i + 1)) / (names.length + 1));
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await writeFile(join(folder, name), bytes);
    }
    expect(await train(cache)).toEqual(expected);
    // They have been written anew meanwhile.
    expect(await train(cache)).toEqual(expected);
  });

  it('are not kept where the environment says so', async () => {
    const cache = await freshFolder();
    const env = { TENSORLOOM_PROGRAM_CACHE: 'off' };
    await train(cache, env);
    expect(await readdir(cache)).not.toContain('programs');
    expect(loom(cache, ['info'], env)[0]).not.toHaveProperty('keptPrograms');
  });
});
