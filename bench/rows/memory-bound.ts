/** Work whose limit is the memory: each number is read once and written once. */
import { compile, tensor, Variable } from '../../src/index.js';
import { either, limitBar, NEVER_SLOWER, peerBar } from '../bars.js';
import type { ComparedRow } from './row.js';
import { noise } from './synthetic.js';

const SIZE = 4_000_000;

const elementwise: ComparedRow = {
  kind: 'compared',
  name: 'elementwise',
  threads: 2,
  flops: 0,
  bytes: 2 * 4 * SIZE,
  bound: 'bytes',
  bars: { native: [limitBar(0.6)], wasm: [NEVER_SLOWER] },
  prepare() {
    const x = new Variable(tensor(noise(SIZE)));
    const y = new Variable(tensor(noise(SIZE)));
    return compile(() => {
      y.assign(x.mul(2).add(1).tanh().mul(x.sigmoid()));
    });
  },
};

const [ROWS, COLUMNS] = [4096, 1024];

const softmax: ComparedRow = {
  kind: 'compared',
  name: 'softmax',
  threads: 2,
  flops: 0,
  bytes: 2 * 4 * ROWS * COLUMNS,
  bound: 'bytes',
  bars: { native: [either(peerBar(1.2, 'pytorch'), limitBar(0.7))], wasm: [NEVER_SLOWER] },
  prepare() {
    const matrix = () => new Variable(tensor(noise(ROWS * COLUMNS), { shape: [ROWS, COLUMNS] }));
    const [x, y] = [matrix(), matrix()];
    return compile(() => {
      y.assign(x.softmax(1));
    });
  },
};

export const memoryRows: readonly ComparedRow[] = [elementwise, softmax];
