import { Linear } from '../nn/linear.js';
import { Sequential } from '../nn/sequential.js';
import { tanh } from '../tensor/elementwise.js';

/**
 * The smallest net with a hidden layer worth the name, 2-4-1 with tanh: it learns exclusive or. The output is a logit, positive for
 * true; train it with `nn.binaryCrossEntropyWithLogits`.
 */
export function xor(): Sequential {
  return new Sequential(new Linear(2, 4), tanh, new Linear(4, 1));
}
