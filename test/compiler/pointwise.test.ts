/** Convolutions by 1x1 filters, which are products of matrices, and their gradients. */
import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/core/threefry.js';
import type { ContractionKernel } from '../../src/compiler/kernel.js';
import type { Node } from '../../src/graph/node.js';
import * as g from '../../src/graph/build.js';
import { setThreads, threadCount } from '../../src/runtime/index.js';
import { autoDevice } from '../../src/runtime/devices.js';
import { compile, conv2d, grad, inspect, ones, tensor, type Tensor } from '../../src/tensor/index.js';
import { planContraction } from '../../src/targets/cpu/contraction-plan.js';
import { planDirect } from '../../src/targets/cpu/direct-plan.js';
import { AVX2_MACHINE, AVX512_MACHINE, WASM_MACHINE } from '../../src/targets/cpu/machine.js';
import { contractionOf, convolution, type ConvolutionOptions, type Sizes } from '../support/convolutions.js';
import { expectAgreement, randomValue } from '../support/device-agreement.js';

const device = autoDevice();
const random = new HostRandom(11);

const conv = (sizes: Sizes, options?: ConvolutionOptions): Node => convolution(random, sizes, options);

/** The one contraction of a program that agrees with the reference. */
const agreeing = (outputs: readonly Node[]): ContractionKernel =>
  contractionOf(expectAgreement(outputs, { float32: 1e-4 }, device));

describe('1x1 convolutions', () => {
  it.each<Sizes>([
    [1, 8, 8, 5, 7],
    [3, 24, 20, 8, 8],
    [5, 16, 33, 14, 14],
    [9, 40, 12, 7, 7],
    [2, 64, 64, 28, 28],
    [4, 130, 19, 16, 16],
    [2, 48, 9, 1, 130],
  ])('%i images of %i channels, %i filters, %i x %i', (...sizes) => {
    agreeing([conv(sizes)]);
    // With something behind, which may be computed on the way out.
    agreeing([
      g.binary(
        'max',
        conv(sizes),
        g.expand(randomValue(random, [1, sizes[2], 1, 1]), [sizes[0], sizes[2], sizes[3], sizes[4]]),
      ),
    ]);
  });

  it('take images one by one where these fill panels, and together where they do not', () => {
    const batchOf = (sizes: Sizes): number =>
      planContraction(agreeing([conv(sizes)]), AVX512_MACHINE).batchAxes.rows.length;
    expect(batchOf([4, 64, 32, 32, 32])).toBe(1);
    expect(batchOf([2, 64, 32, 56, 56])).toBe(1);
    expect(batchOf([16, 256, 256, 3, 3])).toBe(0);
    // What lies without gaps is one image.
    expect(batchOf([1, 64, 32, 32, 32])).toBe(0);
  });

  it.each([AVX2_MACHINE, WASM_MACHINE])('give each image its units: %#', (machine) => {
    const kernel = agreeing([conv([4, 64, 32, 16, 16])]);
    const plan = planContraction(kernel, machine);
    const images = plan.batchAxes.rows.reduce((count, { extent }) => count * extent, 1);
    expect(images * plan.columnCount * plan.rowCount).toBe(4 * 32 * 16 * 16);
  });

  it('are not read in place where their channels do not stay in the cache', () => {
    const cyclesOf = (sizes: Sizes): [number, number] => {
      const kernel = agreeing([conv(sizes)]);
      const direct = planDirect(kernel, AVX512_MACHINE)?.cycles ?? Infinity;
      return [direct, planContraction(kernel, AVX512_MACHINE).cycles];
    };
    const [far, packed] = cyclesOf([2, 256, 64, 56, 56]);
    expect(far).toBeGreaterThan(1.2 * packed);
  });

  it('give the same numbers on 1, 2 and 4 threads', async () => {
    const before = threadCount();
    const x = tensor(
      Float32Array.from({ length: 6 * 40 * 400 }, () => random.uniform()),
      { shape: [6, 40, 20, 20] },
    );
    const w = tensor(
      Float32Array.from({ length: 24 * 40 }, () => random.uniform()),
      { shape: [24, 40, 1, 1] },
    );
    const step = compile((input: Tensor, filter: Tensor) => {
      const result = conv2d(input, filter, undefined, { stride: 2 });
      return [result, ...grad(result.square().sum(), [input, filter])];
    });
    const results: (readonly unknown[])[] = [];
    try {
      for (const threads of [1, 2, 4]) {
        setThreads(threads);
        results.push(await Promise.all(step(x, w).map((each) => each.data())));
      }
    } finally {
      setThreads(before);
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});

describe('1x1 convolutions of spread inputs', () => {
  it.each<[Sizes, ConvolutionOptions]>([
    [[2, 8, 12, 5, 7], { spread: 2 }],
    [[3, 16, 8, 4, 4], { spread: 2, padding: [0, 1] }],
    [[2, 8, 8, 5, 5], { spread: 3, padding: [2, 1] }],
    [[2, 8, 8, 6, 5], { spread: 2, padding: [-1, 1] }],
    [[2, 8, 8, 6, 6], { spread: 2, padding: [-2, -1] }],
    [[2, 3, 2, 6, 6], { spread: 2 }],
  ])('%j %j', (sizes, options) => {
    expectAgreement([conv(sizes, options)], { float32: 1e-4 }, device);
  });

  it('sum before they spread: the input gradient of a stride takes as many products as the convolution', () => {
    const { k, m, n } = agreeing([conv([2, 16, 24, 7, 7], { spread: 2, padding: [0, 1] })]);
    const products = [...k, ...m, ...n].reduce((product, { extent }) => product * extent, 1);
    expect(products).toBe(2 * 16 * 24 * 7 * 7);
  });

  it('stay as they are under larger filters, and under strides', () => {
    agreeing([conv([2, 8, 12, 5, 7], { spread: 2, kernel: 2 })]);
    agreeing([conv([2, 8, 12, 8, 7], { spread: 2, stride: 3 })]);
  });
});

describe('depthwise convolutions', () => {
  it('store their padded input, not its windows: 2 kernels', () => {
    const x = ones([4, 8, 12, 12]).add(tensor(1));
    const filter = ones([8, 1, 3, 3]).add(tensor(1));
    const result = conv2d(x.exp().sqrt().tanh(), filter, undefined, { padding: 1, groups: 8 });
    const { kernels, kernelCount } = inspect(result);
    expect(kernels).not.toContain('window');
    expect(kernelCount).toBe(2);
  });
});
