/** One epoch of mnist-cnn on 60,000 pictures, with everything that `train.fit` does. */
import { data, nn, optim, setSeed, train } from '../../src/index.js';
import { mnistCnn } from './models.js';
import type { OwnRow } from './row.js';
import { noise } from './synthetic.js';

const PICTURES = 60_000;

export const epochCnn: OwnRow = {
  kind: 'own',
  name: 'epoch-cnn',
  onRequest: true,
  limit: 30_000,
  async measure() {
    const pixels = Uint8Array.from(noise(PICTURES * 784), (u) => u * 256);
    const labels = Int32Array.from(noise(PICTURES, 2), (u) => u * 10);
    const set = new data.ArrayDataset(
      data.hostArray(pixels, [PICTURES, 1, 28, 28]),
      data.hostArray(labels, [PICTURES]),
      { classes: 10 },
    );
    setSeed(1);
    const start = performance.now();
    await train.fit(mnistCnn.make(), set, {
      loss: nn.crossEntropy,
      optimizer: optim.adam({ lr: 1e-3 }),
      epochs: 1,
      batchSize: 64,
      metrics: ['accuracy'],
    });
    const milliseconds = performance.now() - start;
    return {
      unit: 'ms',
      median: milliseconds,
      min: milliseconds,
      note: `one epoch of ${PICTURES} pictures through train.fit; the limit is what we demand of it`,
    };
  },
};
