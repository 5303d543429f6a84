import { Conv2d } from '../nn/conv.js';
import { Flatten } from '../nn/flatten.js';
import { Linear } from '../nn/linear.js';
import { MaxPool2d } from '../nn/pooling.js';
import { Sequential } from '../nn/sequential.js';
import { relu } from '../tensor/activations.js';

/**
 * A small convolutional net for the digits that this library draws, `[n, 1, 28, 28]`: 16 and 32 filters of 3x3, each with ReLU and 2x2
 * pooling, then one layer to ten logits. 12,810 parameters; it learns within seconds.
 */
export function digitsCnn(): Sequential {
  return new Sequential(
    new Conv2d(1, 16, 3),
    relu,
    new MaxPool2d(2),
    new Conv2d(16, 32, 3),
    relu,
    new MaxPool2d(2),
    new Flatten(),
    new Linear(32 * 5 * 5, 10),
  );
}
