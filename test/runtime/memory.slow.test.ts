import { describe, expect, it } from 'vitest';
import { currentDevice } from '../../src/runtime/index.js';
import { CpuDevice } from '../../src/runtime/cpu-device.js';
import { smallTraining } from '../support/small-training.js';

const heapBytes = (): number => {
  const device = currentDevice();
  if (!(device instanceof CpuDevice)) throw new Error('these tests are about the heap of the processor');
  return device.memory.heap.bytesInUse;
};

describe('the heap stays as it is', () => {
  it.each([
    ['compiled', true],
    ['step by step', false],
  ] as const)('over 10,000 training steps, %s', async (_, compiled) => {
    const { step } = smallTraining(compiled);
    // The first steps compile, and give variables their two places.
    for (let i = 0; i < 20; i++) await step(i);
    const before = heapBytes();
    for (let i = 0; i < 10_000; i++) await step(i);
    expect(heapBytes()).toBe(before);
  });
});
