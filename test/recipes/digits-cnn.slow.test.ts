import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freshFolder, jsonLines, loom } from '../cli/support.js';

it('the default recipe recognises at least 97% of the digits that it has not seen', async () => {
  const { code, stdout } = await loom('train', '--json', '--out', join(await freshFolder(), 'run'));
  expect(code).toBe(0);
  const end = jsonLines(stdout).at(-1);
  expect(end?.event).toBe('end');
  expect(end?.testAccuracy).toBeGreaterThanOrEqual(0.97);
});
