import * as data from '../data/index.js';
import * as nn from '../nn/index.js';
import * as optim from '../optim/index.js';
import type { Recipe } from './recipe.js';

/** The smallest CNN that tutorials show: one convolution, one pooling, one dense layer; about 98.1% on MNIST's test set. */
export const mnistCnnSmall: Recipe = {
  name: 'mnist-cnn-small',
  description: 'one convolution and one dense layer on MNIST',
  task: 'classification',
  load: (options) => data.mnist(options),
  model: () =>
    new nn.Sequential(
      new nn.Conv2d(1, 32, 3),
      nn.relu,
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(32 * 13 * 13, 10),
    ),
  loss: nn.crossEntropy,
  lr: 1e-3,
  optimizer: (lr) => optim.adam({ lr }),
  epochs: 5,
  batchSize: 64,
  picture: { background: 'dark', margin: 4 },
};
