import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../../src/core/errors.js';
import { digitsCnn, lenet, mnistCnn, mnistCnnSmall, mnistMlp, xor } from '../../src/models/index.js';
import type { Sequential } from '../../src/nn/index.js';
import { zeros } from '../../src/tensor/index.js';

const parameters = (model: Sequential): number => model.parameters().reduce((sum, { size }) => sum + size, 0);
const shapes = (model: Sequential): string[] =>
  Object.entries(model.namedParameters()).map(([name, { shape }]) => `${name} ${shape.join('x')}`);

describe('reference models', () => {
  it.each<[string, () => Sequential, number[], number]>([
    ['mnistCnn', mnistCnn, [1, 28, 28], 34_826],
    ['mnistCnnSmall', mnistCnnSmall, [1, 28, 28], 54_410],
    ['mnistMlp', mnistMlp, [1, 28, 28], 109_386],
    ['digitsCnn', digitsCnn, [1, 28, 28], 12_810],
    ['lenet', lenet, [3, 32, 32], 62_006],
  ])(
    '%s takes its pictures to ten logits, with the number of parameters that PyTorch counts',
    (_, make, picture, count) => {
      const model = make();
      expect(model.forward(zeros([2, ...picture])).shape).toEqual([2, 10]);
      expect(parameters(model)).toBe(count);
    },
  );
  it('xor has a hidden layer of four and one output', () => {
    expect(shapes(xor())).toEqual(['0.weight 4x2', '0.bias 4', '2.weight 1x4', '2.bias 1']);
  });
  it("have PyTorch's layouts and names", () => {
    expect(shapes(mnistCnn())).toEqual([
      '0.weight 32x1x3x3',
      '0.bias 32',
      '3.weight 64x32x3x3',
      '3.bias 64',
      '7.weight 10x1600',
      '7.bias 10',
    ]);
  });
  it('have as many outputs and channels as they are told', () => {
    expect(mnistCnn({ classes: 3 }).forward(zeros([1, 1, 28, 28])).shape).toEqual([1, 3]);
    expect(lenet({ channels: 1, classes: 5 }).forward(zeros([1, 1, 32, 32])).shape).toEqual([1, 5]);
    expect(() => mnistMlp({ classes: 0 })).toThrow(ArgumentError);
  });
});
