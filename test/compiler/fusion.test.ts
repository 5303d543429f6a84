import { describe, expect, it } from 'vitest';
import { nn, optim } from '../../src/index.js';
import {
  compile,
  grad,
  inspect,
  layerNorm,
  logSoftmax,
  ones,
  softmax,
  tensor,
  zeros,
  type Tensor,
} from '../../src/tensor/index.js';

/** Kernels of an expression of one input. */
const kernels = (shape: number[], build: (x: Tensor) => Tensor): number =>
  inspect(build(ones(shape).add(tensor(1)))).kernelCount;

describe('kernel counts', () => {
  it.each<[string, number, number[], (x: Tensor) => Tensor]>([
    ['a chain of element-wise functions', 1, [32, 64], (x) => x.mul(2).exp().tanh().sigmoid()],
    ['gelu', 1, [32, 64], (x) => nn.gelu(x)],
    ['movement in front of arithmetic', 1, [32, 64], (x) => x.permute([1, 0]).reshape([64, 4, 8]).mul(3)],
    ['a sum of squares', 1, [32, 64], (x) => x.mul(x).sum([1])],
    ['a sum with arithmetic behind', 1, [32, 64], (x) => x.sum([1]).sqrt().add(1)],
    ['softmax', 1, [32, 64], (x) => softmax(x, 1)],
    ['logSoftmax', 1, [32, 64], (x) => logSoftmax(x, 1)],
    ['variance', 1, [32, 64], (x) => x.var([1])],
    ['layer norm', 1, [32, 64], (x) => layerNorm(x)],
    [
      'standardising',
      1,
      [32, 64],
      (x) => x.sub(x.mean([1], { keepDims: true })).div(x.std([1], { keepDims: true })),
    ],
  ])('%s: %i', (_, count, shape, build) => {
    expect(kernels(shape, build)).toBe(count);
  });

  it('a linear layer with bias and activation: 1', () => {
    const layer = new nn.Linear(64, 32);
    const x = tensor(new Float32Array(16 * 64), { shape: [16, 64] });
    expect(inspect(nn.relu(layer.forward(x))).kernelCount).toBe(1);
  });

  it('cross-entropy with its gradient: at most 3', () => {
    const logits = ones([32, 10]).add(tensor(1));
    const targets = zeros([32], { dtype: 'int32' });
    const step = compile((x: Tensor, y: Tensor) => {
      const loss = nn.crossEntropy(x, y);
      return [loss, grad(loss, x)];
    });
    step(logits, targets);
    expect(inspect(step).kernelCount).toBeLessThanOrEqual(3);
  });

  it('Adam: one kernel per parameter, and one for the step count', () => {
    const layer = new nn.Linear(64, 32);
    const optimizer = optim.adam({ lr: 1e-3 }).for(layer);
    const update = compile((w: Tensor, b: Tensor) => {
      optimizer.step([w, b]);
    });
    update(ones([32, 64]), ones([32]));
    expect(inspect(update).kernelCount).toBeLessThanOrEqual(3);
  });

  it('an update joins its averages, not what happens to read the same weights: nothing is copied', () => {
    const model = new nn.Sequential(new nn.Linear(24, 48), nn.relu, new nn.Linear(48, 32));
    const optimizer = optim.adam({ lr: 1e-3 }).for(model);
    const step = compile((x: Tensor) => {
      const loss = model.forward(x).square().mean();
      optimizer.step(grad(loss, model.parameters()));
      return loss;
    });
    // As many rows as the last layer has results: the gradient of its input has the shape of its weights.
    step(ones([32, 24]).add(tensor(1)));
    expect(inspect(step).kernels).not.toContain('copy');
  });

  it('a training step of a small CNN stays below 32', () => {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 8, 3),
      nn.relu,
      new nn.MaxPool2d(2),
      new nn.Conv2d(8, 16, 3),
      nn.relu,
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(400, 10),
    );
    const optimizer = optim.adam({ lr: 1e-3 }).for(model);
    const step = compile((x: Tensor, y: Tensor) => {
      const loss = nn.crossEntropy(model.forward(x), y);
      optimizer.step(grad(loss, model.parameters()));
      return loss;
    });
    step(ones([8, 1, 28, 28]), zeros([8], { dtype: 'int32' }));
    expect(inspect(step).kernelCount).toBeLessThan(32);
  });
});
