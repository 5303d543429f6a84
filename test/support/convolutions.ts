/** Graphs of one convolution, and what becomes of it. */
import { expect } from 'vitest';
import type { HostRandom } from '../../src/core/threefry.js';
import type { ContractionKernel } from '../../src/compiler/kernel.js';
import * as g from '../../src/graph/build.js';
import type { Node } from '../../src/graph/node.js';
import type { InspectableProgram } from '../../src/runtime/cpu-device.js';
import { randomValue } from './device-agreement.js';

/** [images, channels, filters, height, width]. */
export type Sizes = readonly [number, number, number, number, number];

export interface ConvolutionOptions {
  /** Rows and columns of the filters; 1 when left out. */
  readonly kernel?: number;
  readonly stride?: number;
  readonly spread?: number;
  readonly padding?: readonly [number, number];
}

/** A convolution of random numbers. */
export function convolution(
  random: HostRandom,
  [images, channels, filters, height, width]: Sizes,
  options: ConvolutionOptions = {},
): Node {
  const { kernel = 1, stride = 1, spread = 1, padding = [0, 0] } = options;
  return g.conv(
    randomValue(random, [images, channels, height, width]),
    randomValue(random, [filters, channels, kernel, kernel]),
    {
      stride: [stride, stride],
      padding: [padding, padding],
      dilation: [1, 1],
      inputDilation: [spread, spread],
      groups: 1,
    },
  );
}

/** The one contraction of a program. */
export function contractionOf({ compiled }: InspectableProgram): ContractionKernel {
  const found = compiled.kernels.steps.flat().filter((kernel) => kernel.kind === 'contraction');
  expect(found).toHaveLength(1);
  return found[0] as ContractionKernel;
}
