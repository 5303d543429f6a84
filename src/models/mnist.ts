import { Conv2d } from '../nn/conv.js';
import { Flatten } from '../nn/flatten.js';
import { Linear } from '../nn/linear.js';
import { MaxPool2d } from '../nn/pooling.js';
import { Sequential } from '../nn/sequential.js';
import { relu } from '../tensor/activations.js';

export interface ClassifierOptions {
  /** Outputs, one for each class; 10 when left out. */
  readonly classes?: number;
}

/**
 * Two convolutions for pictures `[n, 1, 28, 28]`: 32 and 64 filters of 3x3, each with ReLU and 2x2 pooling, then one layer to the
 * classes' logits. 34,826 parameters.
 *
 * @example
 * ```ts
 * models.mnistCnn().forward(zeros([1, 1, 28, 28])).shape; // => [1, 10]
 * ```
 */
export function mnistCnn({ classes = 10 }: ClassifierOptions = {}): Sequential {
  return new Sequential(
    new Conv2d(1, 32, 3),
    relu,
    new MaxPool2d(2),
    new Conv2d(32, 64, 3),
    relu,
    new MaxPool2d(2),
    new Flatten(),
    new Linear(64 * 5 * 5, classes),
  );
}

/** One convolution for pictures `[n, 1, 28, 28]`: 32 filters of 3x3, ReLU, 2x2 pooling, one layer to the classes' logits. */
export function mnistCnnSmall({ classes = 10 }: ClassifierOptions = {}): Sequential {
  return new Sequential(
    new Conv2d(1, 32, 3),
    relu,
    new MaxPool2d(2),
    new Flatten(),
    new Linear(32 * 13 * 13, classes),
  );
}

/** Fully connected layers for pictures of 784 pixels: 784-128-64-10 with ReLU between. */
export function mnistMlp({ classes = 10 }: ClassifierOptions = {}): Sequential {
  return new Sequential(
    new Flatten(),
    new Linear(28 * 28, 128),
    relu,
    new Linear(128, 64),
    relu,
    new Linear(64, classes),
  );
}
