/** One picture in, ten numbers out. */
import { compile, setSeed, tensor, type Tensor } from '../../src/index.js';
import { NEVER_SLOWER, peerBar } from '../bars.js';
import { inferenceWork } from '../work.js';
import { mnistCnn } from './models.js';
import type { ComparedRow } from './row.js';
import { noise } from './synthetic.js';

export const inferCnn: ComparedRow = {
  kind: 'compared',
  name: 'infer-cnn',
  threads: 2,
  ...inferenceWork(mnistCnn.layers, 784, 10),
  bars: { native: [peerBar(1, 'onnxruntime')], wasm: [NEVER_SLOWER] },
  prepare() {
    setSeed(1);
    const model = mnistCnn.make();
    model.eval();
    const forward = compile((x: Tensor) => model.forward(x));
    const picture = noise(784);
    return () => forward(tensor(picture, { shape: [1, 1, 28, 28] })).array();
  },
};
