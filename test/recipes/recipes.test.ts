import { describe, expect, it } from 'vitest';
import {
  all,
  cifar10Lenet,
  digitsCnn,
  fashionCnn,
  mnistCnn,
  mnistCnnSmall,
  mnistMlp,
  xor,
  type Recipe,
} from '../../src/recipes/index.js';
import { setSeed, tensor, zeros } from '../../src/tensor/index.js';
import { fit, scalePixels } from '../../src/train/index.js';

const parametersOf = (recipe: Recipe): number =>
  recipe
    .model()
    .parameters()
    .reduce((sum, { size }) => sum + size, 0);

describe('recipes', () => {
  it('have names of their own, the default one first', () => {
    expect(all.map(({ name }) => name)).toEqual([
      'digits-cnn',
      'mnist-cnn',
      'mnist-cnn-small',
      'mnist-mlp',
      'xor',
      'fashion-cnn',
      'cifar10-lenet',
    ]);
  });

  it.each<[Recipe, readonly number[], readonly number[], number]>([
    [digitsCnn, [1, 28, 28], [2, 10], 16 * 9 + 16 + 32 * 16 * 9 + 32 + 800 * 10 + 10],
    [mnistCnn, [1, 28, 28], [2, 10], 32 * 9 + 32 + 64 * 32 * 9 + 64 + 1600 * 10 + 10],
    [mnistCnnSmall, [1, 28, 28], [2, 10], 32 * 9 + 32 + 32 * 13 * 13 * 10 + 10],
    [mnistMlp, [1, 28, 28], [2, 10], 785 * 128 + 129 * 64 + 65 * 10],
    [xor, [2], [2, 1], 3 * 4 + 5],
    [fashionCnn, [1, 28, 28], [2, 10], 320 + 18_496 + 1601 * 128 + 129 * 10],
    [cifar10Lenet, [3, 32, 32], [2, 10], 76 * 6 + 151 * 16 + 401 * 120 + 121 * 84 + 85 * 10],
  ])('$name has the layers it should have', (recipe, inputShape, outputShape, parameters) => {
    const input = zeros([2, ...inputShape], { dtype: recipe.picture === undefined ? 'float32' : 'uint8' });
    const output = recipe.model().forward((recipe.preprocess ?? scalePixels)(input));
    expect(output.shape).toEqual(outputShape);
    expect(parametersOf(recipe)).toBe(parameters);
  });

  it.each<[Recipe, string, number, number]>([
    [mnistCnn, 'adam', 1e-3, 64],
    [mnistCnnSmall, 'adam', 1e-3, 64],
    [mnistMlp, 'adam', 1e-3, 64],
    [xor, 'sgd', 1, 4],
    [cifar10Lenet, 'sgd', 1e-3, 128],
  ])('$name is trained as the literature does', (recipe, optimizer, lr, batchSize) => {
    const spec = recipe.optimizer(recipe.lr);
    expect([spec.name, spec.lr, recipe.batchSize]).toEqual([optimizer, lr, batchSize]);
  });

  it('cifar10-lenet normalises each channel', async () => {
    const white = tensor(new Uint8Array(3).fill(255), { shape: [1, 3, 1, 1] });
    const [red = 0] = await (cifar10Lenet.preprocess ?? scalePixels)(white).array1d();
    expect(red).toBeCloseTo((1 - 0.4914) / 0.247, 4);
  });

  it('digits-cnn draws the same digits for the same seed', async () => {
    const first = async (seed: number): Promise<unknown> => {
      const { training } = await digitsCnn.load({ seed });
      return (await training.get(0)).input.data;
    };
    expect(await first(1)).toEqual(await first(1));
    expect(await first(2)).not.toEqual(await first(1));
  });

  it('xor is solved from at least 9 of 10 seeds', async () => {
    const { training, test } = await xor.load({});
    let solved = 0;
    for (let seed = 0; seed < 10; seed++) {
      setSeed(seed);
      const { epochs } = await fit(xor.model(), training, {
        loss: xor.loss,
        optimizer: xor.optimizer(xor.lr),
        epochs: xor.epochs,
        batchSize: xor.batchSize,
        shuffle: false,
        validation: test,
        metrics: ['accuracy'],
      });
      if (epochs.at(-1)?.valAccuracy === 1) solved++;
    }
    expect(solved).toBeGreaterThanOrEqual(9);
  });
});
