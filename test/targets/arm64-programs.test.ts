/** Whole programs as arm64 code, emulated: what the compiler makes of graphs, against the reference. */
import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/core/threefry.js';
import type { Node } from '../../src/graph/node.js';
import * as nn from '../../src/nn/index.js';
import type { CpuDevice } from '../../src/runtime/cpu-device.js';
import { cumsum, grad, logSoftmax, softmax, sort, Tensor } from '../../src/tensor/index.js';
import { arm64Device } from '../support/arm64-device.js';
import { NO_EMULATOR } from '../support/arm64-emulator.js';
import { expectAgreement, randomValue, runOnCpu, type Tolerance } from '../support/device-agreement.js';
import { randomGraph } from '../support/random-graph.js';

const made = new Map<number, CpuDevice>();

function device(threads = 1): CpuDevice {
  const known = made.get(threads) ?? arm64Device(threads);
  made.set(threads, known);
  return known;
}

/** On the reference and as arm64 code, of which every program here can be made. */
function check(outputs: readonly Node[], tolerance?: Partial<Tolerance>, threads = 1): void {
  const program = expectAgreement(outputs, tolerance, device(threads));
  expect(program.compiled.generator.name).toBe('native');
}

const random = new HostRandom(7);
const given = (...shape: number[]): Tensor => new Tensor(randomValue(random, shape));
const nodes = (...tensors: readonly Tensor[]): Node[] => tensors.map(({ node }) => node);

/** The loss that weighs each element, and its gradients. */
function gradientsOf(y: Tensor, of: readonly Tensor[]): Node[] {
  const loss = y.mul(given(...y.shape)).sum();
  return nodes(y, loss, ...grad(loss, [...of]));
}

const skipped = NO_EMULATOR === undefined ? '' : ` (skipped: ${NO_EMULATOR})`;

describe.skipIf(NO_EMULATOR !== undefined)(`arm64 programs${skipped}`, () => {
  it.each([4, 40])('random graphs of %i steps', (size) => {
    for (let seed = 0; seed < 25; seed++) {
      try {
        check(randomGraph(seed * 1000 + size, size), { float32: 2e-3 });
      } catch (error) {
        expect.fail(`seed ${seed * 1000 + size}: ${String(error)}`);
      }
    }
  });

  it.each([
    [1, 1, 1],
    [5, 3, 7],
    [6, 40, 16],
    [13, 17, 19],
    [64, 64, 64],
    [65, 300, 37],
    [31, 1000, 50],
  ])('a product of %i x %i by %i columns, either side turned or not', (m, k, n) => {
    const tolerance = { float32: 2e-4 };
    check(nodes(given(m, k).matmul(given(k, n))), tolerance);
    check(nodes(given(k, m).transpose(0, 1).matmul(given(k, n))), tolerance);
    check(nodes(given(m, k).matmul(given(n, k).transpose(0, 1))), tolerance);
    check(
      nodes(
        given(3, m, k)
          .matmul(given(3, k, n))
          .relu(),
      ),
      tolerance,
    );
  });

  it.each([1, 3, 4, 7, 16, 1000])('softmax, its logarithm and their gradients over %i columns', (columns) => {
    const x = given(9, columns);
    check([...gradientsOf(softmax(x, -1), [x]), ...gradientsOf(logSoftmax(x, -1), [x])]);
  });

  it.each([
    ['5x5, stride 2', new nn.Conv2d(3, 8, 5, { stride: 2, padding: 2 }), [2, 3, 13, 11]],
    ['1x1', new nn.Conv2d(7, 9, 1), [2, 7, 6, 5]],
    ['3x3, few channels', new nn.Conv2d(1, 6, 3), [3, 1, 12, 12]],
    ['3x3, many channels', new nn.Conv2d(16, 32, 3, { padding: 1 }), [4, 16, 18, 18]],
    ['3x3, groups', new nn.Conv2d(8, 8, 3, { groups: 4 }), [2, 8, 9, 9]],
  ] as const)('a convolution forward and backward: %s', (_, layer, shape) => {
    const x = given(...shape);
    check(gradientsOf(layer.forward(x), [x, ...layer.parameters()]), { float32: 1e-3 });
  });

  it('normalisations and pooling, with gradients', () => {
    const x = given(6, 4, 10, 10);
    const norm = new nn.LayerNorm([10]);
    const batchNorm = new nn.BatchNorm2d(4);
    const tolerance = { float32: 5e-4 };
    check(gradientsOf(norm.forward(x), [x, ...norm.parameters()]), tolerance);
    check(gradientsOf(batchNorm.forward(x), [x, ...batchNorm.parameters()]), tolerance);
    check(gradientsOf(new nn.MaxPool2d(2).forward(x), [x]), tolerance);
  });

  it('sorting, running sums and functions of every kind', () => {
    const x = given(5, 37);
    check(nodes(sort(x), cumsum(x, 1)));
    check(nodes(x.exp(), x.abs().add(0.1).log(), x.sin(), x.tanh(), x.sigmoid(), x.erf(), x.abs().pow(0.3)));
    check(nodes(x.cast('int32').cast('float32'), x.cast('float16').cast('float32'), x.floor(), x.gt(0)));
  });

  it('gives the same numbers on several threads', () => {
    const x = given(64, 200);
    const y = softmax(x.matmul(given(200, 300)).mul(0.05).tanh().matmul(given(300, 100)).mul(0.05), -1);
    const outputs = gradientsOf(y, [x]).slice(1);
    const [one, several] = [1, 4].map((threads) => runOnCpu(outputs, device(threads)).results);
    expect(several).toEqual(one);
    check(outputs, { float32: 1e-3 }, 4);
  });
});
