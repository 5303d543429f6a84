import { describe, expect, test } from 'vitest';
import { convBn, lenet, mnistCnn, mnistMlp } from '../../bench/rows/models.js';
import { inferenceWork, linear, parametersOf, trainingWork } from '../../bench/work.js';

describe('what the shapes of a model demand', () => {
  test.each([
    ['mnist-mlp', mnistMlp],
    ['mnist-cnn', mnistCnn],
    ['lenet', lenet],
    ['conv-bn', convBn],
  ])('the layers of %s have as many parameters as the model', (_, { make, layers }) => {
    const parameters = make().parameters();
    const count = parameters.reduce(
      (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    );
    expect(parametersOf(layers)).toBe(count);
  });

  test('inference multiplies and adds once, and moves everything once', () => {
    expect(inferenceWork([linear(3, 2)], 3, 2)).toEqual({
      flops: 12,
      bytes: 4 * (3 + 8 + 2),
      bound: 'flops',
    });
  });

  test('training has two more products for each layer, but only one more for the first', () => {
    const layers = [linear(3, 2), linear(2, 1)];
    const { flops, bytes } = trainingWork(layers, 3, 10, 2);
    expect(flops).toBe(10 * (2 * 2 * 6 + 3 * 2 * 2));
    expect(bytes).toBe(4 * (30 + 2 * 3 * (8 + 3)));
  });
});
