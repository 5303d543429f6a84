/** Products of square matrices that stay where the device keeps them, on one thread. */
import { compile, tensor, Variable } from '../../src/index.js';
import { limitBar, NEVER_SLOWER, peerBar } from '../bars.js';
import type { ComparedRow } from './row.js';
import { noise } from './synthetic.js';

/** By size, the share of the processor's multiply-adds that machine code must reach. */
const SHARES: readonly (readonly [number, number])[] = [
  [256, 0.92],
  [512, 0.9],
  [1024, 0.88],
  [2048, 0.85],
];

export const sgemmRows: readonly ComparedRow[] = SHARES.map(([size, share]) => ({
  kind: 'compared',
  name: `sgemm-${size}`,
  threads: 1,
  flops: 2 * size ** 3,
  bytes: 3 * 4 * size ** 2,
  bound: 'flops',
  bars: {
    native: [limitBar(share), peerBar(1.15, 'openblas')],
    wasm: [limitBar(0.8), NEVER_SLOWER],
  },
  prepare() {
    const matrix = (seed: number) => new Variable(tensor(noise(size * size, seed), { shape: [size, size] }));
    const [a, b, c] = [matrix(1), matrix(2), matrix(3)];
    return compile(() => {
      c.assign(a.matmul(b));
    });
  },
}));
