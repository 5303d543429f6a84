/** One picture in, ten numbers out. */
import { compile, setSeed, tensor, type Tensor } from '../../src/index.js';
import { mnistCnn } from './models.js';
import type { ComparedRow } from './row.js';
import { noise } from './synthetic.js';

export const inferCnn: ComparedRow = {
  kind: 'compared',
  name: 'infer-cnn',
  threads: [2],
  flops: 2 * (26 * 26 * 32 * 9 + 11 * 11 * 64 * 32 * 9 + 1600 * 10),
  bytes: 4 * (784 + 34_826 + 10),
  prepare() {
    setSeed(1);
    const model = mnistCnn();
    const forward = compile((x: Tensor) => model.forward(x));
    const picture = noise(784);
    return () => forward(tensor(picture, { shape: [1, 1, 28, 28] })).array();
  },
};
