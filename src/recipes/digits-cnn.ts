import * as data from '../data/index.js';
import * as nn from '../nn/index.js';
import * as optim from '../optim/index.js';
import type { Recipe } from './recipe.js';

/** A small CNN on digits that the program draws itself: no file, no network, done within a minute. */
export const digitsCnn: Recipe = {
  name: 'digits-cnn',
  description: 'a small convolutional network on handwritten digits that the program draws itself',
  task: 'classification',
  // A folder of MNIST's files may take the place of the drawn digits.
  load: ({ dir, seed = 0 }) =>
    dir === undefined ? data.digits({ train: 10_000, test: 2_000, seed }) : data.mnist({ dir }),
  model: () =>
    new nn.Sequential(
      new nn.Conv2d(1, 16, 3),
      nn.relu,
      new nn.MaxPool2d(2),
      new nn.Conv2d(16, 32, 3),
      nn.relu,
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(32 * 5 * 5, 10),
    ),
  loss: nn.crossEntropy,
  lr: 2e-3,
  optimizer: (lr) => optim.adam({ lr }),
  epochs: 5,
  batchSize: 64,
  picture: { background: 'dark', margin: 4 },
};
