/** Products of square matrices that stay where the device keeps them. */
import { compile, tensor, Variable } from '../../src/index.js';
import type { ComparedRow } from './row.js';
import { noise } from './synthetic.js';

export const sgemmRows: readonly ComparedRow[] = [256, 512, 1024].map((size) => ({
  kind: 'compared',
  name: `sgemm-${size}`,
  threads: [2, 1],
  flops: 2 * size ** 3,
  bytes: 3 * 4 * size ** 2,
  prepare() {
    const matrix = (seed: number) => new Variable(tensor(noise(size * size, seed), { shape: [size, size] }));
    const [a, b, c] = [matrix(1), matrix(2), matrix(3)];
    return compile(() => {
      c.assign(a.matmul(b));
    });
  },
}));
