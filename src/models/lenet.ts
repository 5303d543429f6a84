import { Conv2d } from '../nn/conv.js';
import { Flatten } from '../nn/flatten.js';
import { Linear } from '../nn/linear.js';
import { MaxPool2d } from '../nn/pooling.js';
import { Sequential } from '../nn/sequential.js';
import { relu } from '../tensor/activations.js';

export interface LenetOptions {
  /** Channels of the pictures; 3 when left out. */
  readonly channels?: number;
  /** Outputs, one for each class; 10 when left out. */
  readonly classes?: number;
}

/**
 * LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998) as it is taught today, with ReLU and max pooling, for pictures
 * `[n, channels, 32, 32]`: 6 and 16 filters of 5x5, each pooled 2x2, then layers of 120, 84 and `classes`.
 */
export function lenet({ channels = 3, classes = 10 }: LenetOptions = {}): Sequential {
  return new Sequential(
    new Conv2d(channels, 6, 5),
    relu,
    new MaxPool2d(2),
    new Conv2d(6, 16, 5),
    relu,
    new MaxPool2d(2),
    new Flatten(),
    new Linear(16 * 5 * 5, 120),
    relu,
    new Linear(120, 84),
    relu,
    new Linear(84, classes),
  );
}
