/** The networks of the benchmark, and what their shapes demand. */
import { nn } from '../../src/index.js';
import { batchNorm, conv, linear, type LayerWork } from '../work.js';

export interface Network {
  readonly make: () => nn.Sequential;
  /** Of one picture. */
  readonly shape: readonly number[];
  /** In the order of the model. */
  readonly layers: readonly LayerWork[];
}

export const mnistMlp: Network = {
  make: () =>
    new nn.Sequential(
      new nn.Linear(784, 128),
      nn.relu,
      new nn.Linear(128, 64),
      nn.relu,
      new nn.Linear(64, 10),
    ),
  shape: [784],
  layers: [linear(784, 128), linear(128, 64), linear(64, 10)],
};

export const mnistCnn: Network = {
  make: () =>
    new nn.Sequential(
      new nn.Conv2d(1, 32, 3),
      nn.relu,
      new nn.MaxPool2d(2),
      new nn.Conv2d(32, 64, 3),
      nn.relu,
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(1600, 10),
    ),
  shape: [1, 28, 28],
  layers: [
    conv({ from: 1, to: 32, kernel: 3, size: 26 }),
    conv({ from: 32, to: 64, kernel: 3, size: 11 }),
    linear(1600, 10),
  ],
};

export const lenet: Network = {
  make: () =>
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
    ),
  shape: [3, 32, 32],
  layers: [
    conv({ from: 3, to: 6, kernel: 5, size: 28 }),
    conv({ from: 6, to: 16, kernel: 5, size: 10 }),
    linear(400, 120),
    linear(120, 84),
    linear(84, 10),
  ],
};

const normalized = (from: number, stride: number) =>
  [new nn.Conv2d(from, 64, 3, { stride, padding: 1, bias: false }), new nn.BatchNorm2d(64), nn.relu] as const;

/** Three times convolution, batch normalisation and ReLU, the last one halving the picture. */
export const convBn: Network = {
  make: () => new nn.Sequential(...normalized(3, 1), ...normalized(64, 1), ...normalized(64, 2)),
  shape: [3, 32, 32],
  layers: [
    conv({ from: 3, to: 64, kernel: 3, size: 32, bias: false }),
    batchNorm(64),
    conv({ from: 64, to: 64, kernel: 3, size: 32, bias: false }),
    batchNorm(64),
    conv({ from: 64, to: 64, kernel: 3, size: 16, bias: false }),
    batchNorm(64),
  ],
};
