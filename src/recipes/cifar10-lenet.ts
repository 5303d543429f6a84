import * as data from '../data/index.js';
import * as nn from '../nn/index.js';
import * as optim from '../optim/index.js';
import * as train from '../train/index.js';
import type { Recipe } from './recipe.js';

/** LeNet-5's layers (LeCun et al. 1998) with ReLU and max pooling, on the colour photographs of CIFAR-10. */
export const cifar10Lenet: Recipe = {
  name: 'cifar10-lenet',
  description: 'a LeNet on the colour photographs of CIFAR-10, with random crops and flips',
  task: 'classification',
  load: (options) => data.cifar10(options),
  preprocess: train.normalizePixels({ mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] }),
  model: () =>
    new nn.Sequential(
      new nn.Conv2d(3, 6, 5),
      nn.relu,
      new nn.MaxPool2d(2),
      new nn.Conv2d(6, 16, 5),
      nn.relu,
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(16 * 5 * 5, 120),
      nn.relu,
      new nn.Linear(120, 84),
      nn.relu,
      new nn.Linear(84, 10),
    ),
  loss: nn.crossEntropy,
  lr: 1e-3,
  optimizer: (lr) => optim.sgd({ lr, momentum: 0.9 }),
  epochs: 20,
  batchSize: 128,
  transform: data.compose(data.randomCrop({ padding: 4 }), data.randomHorizontalFlip()),
  picture: { background: 'any' },
};
