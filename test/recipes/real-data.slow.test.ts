import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { freshFolder, jsonLines, loom } from '../cli/support.js';

const data = fileURLToPath(new URL('../../../shared/data', import.meta.url));

/** The test accuracy that `loom train` ends with. */
async function accuracyOf(recipe: string, folder: string, ...options: string[]): Promise<unknown> {
  const out = join(await freshFolder(), 'run');
  const { code, stdout, stderr } = await loom(
    'train',
    recipe,
    '--data',
    join(data, folder),
    '--json',
    '--out',
    out,
    ...options,
  );
  expect(code, stderr).toBe(0);
  return jsonLines(stdout).at(-1)?.testAccuracy;
}

// The bars leave room for another seed's luck: half a percent below what is measured.
describe.skipIf(!existsSync(join(data, 'mnist')))(
  'on real data (skipped where the sets are not beside the project)',
  () => {
    it.each([
      ['mnist-mlp', 0.971],
      ['mnist-cnn-small', 0.978],
    ])('%s reaches %d on MNIST in 5 epochs', async (recipe, bar) => {
      expect(await accuracyOf(recipe, 'mnist', '--epochs', '5')).toBeGreaterThanOrEqual(bar);
    });

    it('mnist-cnn reaches 0.985 on MNIST in 2 epochs', async () => {
      expect(await accuracyOf('mnist-cnn', 'mnist', '--epochs', '2')).toBeGreaterThanOrEqual(0.985);
    });

    it('cifar10-lenet learns on the one batch that there is', async () => {
      expect(await accuracyOf('cifar10-lenet', 'cifar10', '--epochs', '5')).toBeGreaterThanOrEqual(0.15);
    });
  },
);
