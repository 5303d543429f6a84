/** Sums that are long beside their results are cut into parts. */
import { afterAll, describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/core/threefry.js';
import { cutOf } from '../../src/compiler/parts.js';
import type { Node } from '../../src/graph/node.js';
import * as g from '../../src/graph/build.js';
import { setThreads, threadCount } from '../../src/runtime/index.js';
import { AVX512_MACHINE } from '../../src/targets/cpu/machine.js';
import { expectAgreement, randomValue, runOnCpu } from '../support/device-agreement.js';
import { cpuDevices } from '../support/devices.js';

const random = new HostRandom(11);
const setting = { ...AVX512_MACHINE.traits, isSteady: () => false };

/** a [m, k] · b [k, n]. */
const product = (m: number, n: number, k: number): Node =>
  g.dot(randomValue(random, [m, k]), randomValue(random, [k, n]), {
    batchA: [],
    batchB: [],
    contractA: [1],
    contractB: [0],
  });

/** What the gradient of `filters` filters of size x size is, from `images` images. */
const filterGradient = (
  images: number,
  channels: number,
  filters: number,
  height: number,
  size: number,
): Node =>
  g.conv(
    randomValue(random, [channels, images, height + size - 1, height + size - 1]),
    randomValue(random, [filters, images, height, height]),
    {
      stride: [1, 1],
      padding: [
        [0, 0],
        [0, 0],
      ],
      dilation: [1, 1],
      inputDilation: [1, 1],
      groups: 1,
    },
  );

describe('how sums are cut', () => {
  it('into parts that are worth a unit of work', () => {
    expect(cutOf(product(64, 10, 1600), setting)).toBeUndefined();
    expect(cutOf(product(64, 10, 3200), setting)).toEqual({ axis: 0, parts: 2 });
    expect(cutOf(product(64, 64, 8192), setting)).toEqual({ axis: 0, parts: 8 });
  });
  it('not where there are results for many units', () => {
    expect(cutOf(product(256, 256, 4096), setting)).toBeUndefined();
  });
  it('along the axis that gives most, the outermost of equals', () => {
    expect(cutOf(filterGradient(64, 1, 32, 26, 3), setting)).toEqual({ axis: 0, parts: 8 });
    expect(cutOf(filterGradient(3, 1, 32, 160, 5), setting)).toEqual({ axis: 1, parts: 8 });
  });
});

describe('sums of parts', () => {
  const graphs: readonly (readonly [string, () => Node[]])[] = [
    ['of a product', () => [product(24, 40, 4096)]],
    ['of a gradient', () => [filterGradient(16, 3, 6, 28, 5)]],
    [
      'and what is computed on the way',
      () => {
        const sum = product(24, 40, 4096);
        return [g.binary('mul', sum, randomValue(random, [24, 40])), g.unary('tanh', sum)];
      },
    ],
  ];
  it.each(graphs)('%s agree with the reference', (_, make) => {
    const outputs = make();
    for (const device of cpuDevices()) {
      const program = expectAgreement(outputs, { float32: 1e-3 }, device);
      const kernels = program.compiled.kernels.steps.flat();
      expect(kernels.map(({ kind }) => kind)).toEqual(['contraction', 'loop']);
    }
  });

  describe('do not depend on the number of threads', () => {
    const before = threadCount();
    afterAll(() => {
      setThreads(before);
    });
    it.each(graphs)('%s', (_, make) => {
      const outputs = make();
      for (const device of cpuDevices()) {
        const [one, two, four] = [1, 2, 4].map((threads) => {
          setThreads(threads);
          return runOnCpu(outputs, device).results;
        });
        expect(two).toEqual(one);
        expect(four).toEqual(one);
      }
    });
  });
});
