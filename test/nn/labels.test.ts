import { describe, expect, it } from 'vitest';
import * as nn from '../../src/nn/index.js';
import { compile, grad, logSoftmax, tensor, type Tensor } from '../../src/tensor/index.js';

const logits = tensor([
  [1, 2, 3],
  [3, 2, 1],
]);

describe('class indices that do not exist', () => {
  it.each([[3], [-1], [255]])('label %i makes the loss NaN, in a compiled step too', async (label) => {
    const targets = tensor([0, label], { dtype: 'int32' });
    const loss = compile((x: Tensor, y: Tensor) => nn.crossEntropy(x, y));
    expect(await loss(logits, targets).item()).toBeNaN();
    expect(await nn.nll(logSoftmax(logits, 1), targets).item()).toBeNaN();
  });

  it('the ignored one counts for nothing instead', async () => {
    const targets = tensor([0, -100], { dtype: 'int32' });
    const loss = nn.crossEntropy(logits, targets, { ignoreIndex: -100 });
    expect(await loss.item()).toBeCloseTo(2.407606, 5);
    const gradient = (await grad(loss, logits).array()) as number[][];
    expect(gradient[1]).toEqual([0, 0, 0]);
  });
});
