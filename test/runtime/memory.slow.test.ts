import { afterEach, describe, expect, it } from 'vitest';
import { currentDevice, setDevice } from '../../src/runtime/index.js';
import { CpuDevice } from '../../src/runtime/cpu-device.js';
import { nativeMachine } from '../../src/runtime/native/native-machine.js';
import { usableDevices } from '../support/devices.js';
import { smallTraining } from '../support/small-training.js';

const heapBytes = (): number => {
  const device = currentDevice();
  if (!(device instanceof CpuDevice)) throw new Error('these tests are about the heap of the processor');
  return device.memory.heap.bytesInUse;
};

/** Pages of machine code. */
const codeBytes = (): number => {
  const machine = nativeMachine();
  return typeof machine === 'string' ? 0 : machine.code.bytesInUse;
};

afterEach(() => {
  setDevice('auto');
});

describe.each(usableDevices().filter((name) => name !== 'reference'))('on %s', (name) => {
  it.each([
    ['compiled', true],
    ['step by step', false],
  ] as const)('heap and code stay as they are over 10,000 training steps, %s', async (_, compiled) => {
    setDevice(name);
    const { step } = smallTraining(compiled);
    // The first steps compile, and give variables their two places.
    for (let i = 0; i < 20; i++) await step(i);
    const before = [heapBytes(), codeBytes()];
    for (let i = 0; i < 10_000; i++) await step(i);
    expect([heapBytes(), codeBytes()]).toEqual(before);
  });
});
