import * as data from '../data/index.js';
import * as nn from '../nn/index.js';
import * as optim from '../optim/index.js';
import * as train from '../train/index.js';
import type { Recipe } from './recipe.js';

/** Three dense layers on MNIST. */
export const mnistMlp: Recipe = {
  name: 'mnist-mlp',
  description: 'dense layers of 784, 128, 64 and 10 units on MNIST',
  task: 'classification',
  load: (options) => data.mnist(options),
  preprocess: train.normalizePixels({ mean: [0.1307], std: [0.3081] }),
  model: () =>
    new nn.Sequential(
      new nn.Flatten(),
      new nn.Linear(784, 128),
      nn.relu,
      new nn.Linear(128, 64),
      nn.relu,
      new nn.Linear(64, 10),
    ),
  loss: nn.crossEntropy,
  lr: 1e-3,
  optimizer: (lr) => optim.adam({ lr }),
  epochs: 5,
  batchSize: 64,
  picture: { background: 'dark', margin: 4 },
};
