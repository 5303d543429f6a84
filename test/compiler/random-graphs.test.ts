import { expect, it } from 'vitest';
import { sizeOf } from '../../src/core/shape.js';
import { gradients } from '../../src/graph/differentiate.js';
import { sum } from '../../src/graph/build.js';
import { topologicalOrder, type Node } from '../../src/graph/node.js';
import { expectAgreement } from '../support/device-agreement.js';
import { randomGraph } from '../support/random-graph.js';

/** Many more are in random-graphs.slow.test.ts. */
it.each([4, 12, 40, 100])('random graphs of %i steps agree with the reference', (size) => {
  for (let seed = 0; seed < 25; seed++) {
    try {
      expectAgreement(randomGraph(seed * 1000 + size, size), { float32: 2e-3 });
    } catch (error) {
      expect.fail(`seed ${seed * 1000 + size}, size ${size}: ${String(error)}`);
    }
  }
});

it('their gradients agree too', () => {
  for (let seed = 0; seed < 20; seed++) {
    const [last] = randomGraph(seed + 77_000, 15) as [Node];
    const leaves = topologicalOrder([last]).filter(
      (node) => node.value !== undefined && node.dtype === 'float32',
    );
    const loss = sum(
      last,
      last.shape.map((_, axis) => axis),
    );
    const found = gradients(loss, leaves).filter(
      (node) => node !== undefined && sizeOf(node.shape) > 0,
    ) as Node[];
    if (found.length === 0 || last.value !== undefined) continue;
    try {
      expectAgreement([loss, ...found], { float32: 5e-2 });
    } catch (error) {
      expect.fail(`seed ${seed + 77_000}: ${String(error)}`);
    }
  }
});
