/** Convolutions and products that are computed without packing: few channels, few results. */
import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/core/threefry.js';
import type { Node } from '../../src/graph/node.js';
import * as g from '../../src/graph/build.js';
import { planContraction } from '../../src/targets/cpu/contraction-plan.js';
import { planDirect } from '../../src/targets/cpu/direct-plan.js';
import { planDots } from '../../src/targets/cpu/dots-plan.js';
import { AVX2_MACHINE, AVX512_MACHINE, WASM_MACHINE } from '../../src/targets/cpu/machine.js';
import { autoDevice } from '../../src/runtime/devices.js';
import { contractionOf, convolution } from '../support/convolutions.js';
import { expectAgreement, randomValue } from '../support/device-agreement.js';

const device = autoDevice();
const random = new HostRandom(7);

const conv = (
  images: number,
  channels: number,
  filters: number,
  size: number,
  kernel: number,
  stride = 1,
): Node => convolution(random, [images, channels, filters, size, size], { kernel, stride });

describe('convolutions with few channels read their input where it lies', () => {
  // Widths of 1 to 4 vectors of either machine, whole and not; heights that panels do not divide.
  it.each([
    [2, 1, 32, 28, 3],
    [3, 3, 6, 32, 5],
    [2, 6, 16, 14, 5],
    [1, 2, 7, 9, 2],
    [2, 3, 17, 20, 4],
    [1, 1, 5, 67, 3],
    [2, 2, 3, 36, 1],
    [4, 3, 1, 13, 3],
  ])(
    '%i images of %i channels, %i filters, %i wide, kernel %i',
    (images, channels, filters, size, kernel) => {
      expectAgreement([conv(images, channels, filters, size, kernel)], {}, device);
    },
  );

  it('is chosen for the first layers of known networks, on machines with masks', () => {
    for (const [images, channels, filters, size, kernel] of [
      [4, 1, 32, 28, 3],
      [8, 3, 6, 32, 5],
    ] as const) {
      const found = contractionOf(
        expectAgreement([conv(images, channels, filters, size, kernel)], {}, device),
      );
      expect(planDirect(found, WASM_MACHINE)).toBeUndefined();
      expect(planDirect(found, AVX2_MACHINE)).toBeDefined();
      expect(planDirect(found, AVX512_MACHINE)?.cycles).toBeLessThan(
        planContraction(found, AVX512_MACHINE).cycles,
      );
    }
  });
});

/** a · bᵀ, both read along k. */
const products = (m: number, n: number, k: number, batch = 1): Node =>
  g.dot(randomValue(random, [batch, m, k]), randomValue(random, [batch, n, k]), {
    batchA: [0],
    batchB: [0],
    contractA: [2],
    contractB: [2],
  });

describe('few results of long sums', () => {
  it.each([
    [64, 10, 1600, 1],
    [1, 1, 8, 1],
    [1, 3, 17, 2],
    [5, 7, 100, 1],
    [13, 9, 33, 3],
    [6, 75, 784, 2],
  ])('%i x %i over %i, %i at a time', (m, n, k, batch) => {
    expectAgreement([products(m, n, k, batch)], { float32: 1e-4 }, device);
  });

  it('are summed in lanes on machines with masks', () => {
    const found = contractionOf(expectAgreement([products(32, 9, 676)], { float32: 1e-4 }, device));
    expect(planDots(found, WASM_MACHINE)).toBeUndefined();
    const dots = planDots(found, AVX512_MACHINE);
    expect(dots?.cycles).toBeLessThan(planContraction(found, AVX512_MACHINE).cycles);
    // 24 sums, and what they are made of, fit the registers.
    for (const height of dots?.heights ?? [])
      for (const width of dots?.widths ?? []) expect(height * width).toBeLessThanOrEqual(25);
  });
});
