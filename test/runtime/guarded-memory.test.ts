import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { CAN_RUN_X64 } from '../support/fake-native.js';

function runGuarded(
  length: number,
  readable = 0,
): { status: number | null; signal: string | null; stdout: string; stderr: string } {
  const script = fileURLToPath(new URL('../support/guarded-process.ts', import.meta.url));
  return spawnSync(process.execPath, ['--import', 'tsx', script, String(length), String(readable)], {
    encoding: 'utf8',
  });
}

describe.runIf(CAN_RUN_X64)('code over guarded memory', () => {
  test('runs if it stays in its buffers', () => {
    expect(runGuarded(1000)).toMatchObject({ status: 0, stdout: 'wrong at -1\n' });
  });

  test('ends the process if it leaves them by one number', () => {
    expect(runGuarded(1001)).toMatchObject({ signal: 'SIGSEGV', stdout: '' });
  });

  test('is told of if it writes where it may only read', () => {
    const { status, stderr } = runGuarded(1001, 64);
    expect(status).toBe(1);
    expect(stderr).toMatch(/buffer 2 of 4000 bytes: something was written 4000 bytes from its start/);
  });
});
