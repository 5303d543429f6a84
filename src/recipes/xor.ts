import * as data from '../data/index.js';
import * as nn from '../nn/index.js';
import * as optim from '../optim/index.js';
import type { Recipe } from './recipe.js';

/** The four points of exclusive or. */
const points = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];
const answers = [[0], [1], [1], [0]];

/** How often an epoch goes through the four points. */
const rounds = 100;

/**
 * Exclusive or by gradient descent: no straight line separates its points, so it takes a hidden layer (Rumelhart, Hinton and
 * Williams 1986). Each batch holds all four points.
 */
export const xor: Recipe = {
  name: 'xor',
  description: 'a network of 2, 4 and 1 units learns exclusive or by gradient descent',
  task: 'classification',
  load: () => ({
    training: new data.ArrayDataset(
      Array.from({ length: rounds }, () => points).flat(),
      Array.from({ length: rounds }, () => answers).flat(),
    ),
    test: new data.ArrayDataset(points, answers),
    inputShape: [2],
    classes: ['0', '1'],
  }),
  model: () => new nn.Sequential(new nn.Linear(2, 4), nn.tanh, new nn.Linear(4, 1)),
  loss: nn.binaryCrossEntropyWithLogits,
  lr: 1,
  optimizer: (lr) => optim.sgd({ lr }),
  epochs: 20,
  batchSize: 4,
  shuffle: false,
};
