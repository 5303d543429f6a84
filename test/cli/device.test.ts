import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { setDevice } from '../../src/runtime/index.js';
import { jsonLines, loom, type Outcome } from './support.js';

afterAll(() => {
  setDevice('auto');
});

/** Runs a command line in a process where TENSORLOOM_CPU has a value. */
function loomOn(cpu: string, ...args: string[]): Outcome {
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', main, ...args], {
    encoding: 'utf8',
    env: { ...process.env, TENSORLOOM_CPU: cpu },
  });
  return { code: status ?? -1, stdout, stderr };
}

describe('loom info', () => {
  it.each(['auto', 'native', 'wasm', 'reference'])('knows the device %s', async (name) => {
    expect((await loom('info')).stdout).toMatch(new RegExp(`^devices +.*${name}`, 'm'));
  });

  it('says what is in use', async () => {
    expect((await loom('info', '--device', 'wasm')).stdout).toMatch(/^device +wasm: .+/m);
    expect((await loom('info', '--device', 'reference')).stdout).toMatch(
      /^device +reference: an interpreter/m,
    );
  });

  it('says why nothing better is', () => {
    const { code, stdout } = loomOn('none', 'info');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^device +wasm: TENSORLOOM_CPU is none$/m);
    expect(jsonLines(loomOn('none', 'info', '--json').stdout)[0]).toMatchObject({
      device: 'wasm',
      deviceDescription: 'TENSORLOOM_CPU is none',
    });
  });
});

describe('a device that cannot be used', () => {
  it('is refused, with the reason', () => {
    const { code, stderr } = loomOn('none', 'train', 'xor', '--device', 'native');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^loom: device 'native' cannot be used: TENSORLOOM_CPU is none\n {2}hint: device 'auto' uses it where/,
    );
  });

  it('is not taken for one that is misspelt', () => {
    const { code, stderr } = loomOn('avx9', 'info');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^loom: TENSORLOOM_CPU is 'avx9'\n {2}hint: use avx512, avx2 or none/);
  });
});
