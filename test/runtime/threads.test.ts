import { afterAll, describe, expect, it } from 'vitest';
import { currentDevice, setThreads, threadCount } from '../../src/runtime/index.js';
import { CpuDevice } from '../../src/runtime/cpu-device.js';
import { smallTraining } from '../support/small-training.js';

const before = threadCount();
afterAll(() => {
  setThreads(before);
});

async function trained(threads: number, compiled: boolean): Promise<number[][]> {
  setThreads(threads);
  const device = currentDevice();
  if (device instanceof CpuDevice) await device.memory.pool.ready();
  const { model, step } = smallTraining(compiled);
  const losses: number[] = [];
  for (let i = 0; i < 12; i++) losses.push(await step(i));
  const weights = await Promise.all(model.parameters().map((each) => each.array1d()));
  return [losses, ...weights];
}

describe('results do not depend on the number of threads', () => {
  it.each([2, 4])('%i threads give what one gives, bit for bit', async (threads) => {
    expect(await trained(threads, true)).toEqual(await trained(1, true));
  });

  it('nor on whether the step is compiled, but for rounding', async () => {
    const [compiled, eager] = [await trained(2, true), await trained(2, false)];
    compiled.flat().forEach((value, i) => {
      expect(eager.flat()[i]).toBeCloseTo(value, 4);
    });
  });
});
