/** How many kernels known graphs become, so that fusion cannot silently break. */
import { expect, test } from 'vitest';
import * as nn from '../../src/nn/index.js';
import * as optim from '../../src/optim/index.js';
import {
  compile,
  grad,
  inspect,
  ones,
  Parameter,
  tensor,
  zeros,
  type Tensor,
} from '../../src/tensor/index.js';

test('crossEntropy and its gradient are one kernel over rows and one sum', async () => {
  const both = compile((logits: Tensor, labels: Tensor) => {
    const loss = nn.crossEntropy(logits, labels);
    return [loss, grad(loss, logits)];
  });
  const [loss] = both(ones([64, 10]), zeros([64], { dtype: 'uint8' }));
  expect(await loss?.item()).toBeCloseTo(Math.log(10), 5);
  expect(inspect(both).kernelCount).toBe(2);
});

test('layerNorm is one kernel', () => {
  const layer = new nn.LayerNorm(32);
  const forward = compile((x: Tensor) => layer.forward(x));
  forward(ones([8, 32]));
  expect(inspect(forward).kernelCount).toBe(1);
});

test('an Adam step is one kernel for the numbers of the step, and one for the parameter', async () => {
  const w = new Parameter(ones([100]));
  const optimizer = optim.adam({ lr: 1 }).for([w]);
  const step = compile((gradient: Tensor) => optimizer.step([gradient]));
  step(ones([100]));
  expect((await w.array1d())[0]).toBeCloseTo(0, 5);
  expect(inspect(step).kernelCount).toBe(2);
});

test('an Adam step of a linear layer happens where its gradient is made', async () => {
  const layer = new nn.Linear(32, 16, { bias: false });
  const optimizer = optim.adam().for(layer);
  const step = compile((x: Tensor) => {
    optimizer.step(grad(layer.forward(x).sum(), layer.parameters()));
  });
  step(tensor(new Float32Array(8 * 32).fill(1), { shape: [8, 32] }));
  expect(await optimizer.steps.item()).toBe(1);
  expect(inspect(step).kernels).toMatch(/contraction dot\+where\+where\+sub/);
});
