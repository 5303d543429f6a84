/** The networks of the benchmark, as the recipes have them. */
import { nn } from '../../src/index.js';

export const mnistMlp = (): nn.Sequential =>
  new nn.Sequential(new nn.Linear(784, 128), nn.relu, new nn.Linear(128, 64), nn.relu, new nn.Linear(64, 10));

export const mnistCnn = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(1, 32, 3),
    nn.relu,
    new nn.MaxPool2d(2),
    new nn.Conv2d(32, 64, 3),
    nn.relu,
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(1600, 10),
  );

export const lenet = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(3, 6, 5),
    nn.relu,
    new nn.MaxPool2d(2),
    new nn.Conv2d(6, 16, 5),
    nn.relu,
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(400, 120),
    nn.relu,
    new nn.Linear(120, 84),
    nn.relu,
    new nn.Linear(84, 10),
  );
