/** Memory over a long training: what a step leaves behind would add up. */
import { WasmDevice } from '../../src/runtime/wasm-device.js';
import { currentDevice } from '../../src/runtime/runtime.js';
import type { OwnRow } from './row.js';
import { trainings, trainingStep } from './training.js';

const [EARLY, LATE] = [1000, 10_000];

function bytesInUse(): number {
  const device = currentDevice();
  if (!(device instanceof WasmDevice)) throw new Error(`device '${device.name}' has no heap to look at`);
  return device.heap.bytesInUse;
}

export const heap: OwnRow = {
  kind: 'own',
  name: 'heap',
  onRequest: false,
  limit: undefined,
  async measure() {
    const { run } = trainingStep(trainings.mnistMlp);
    let early = 0;
    for (let step = 1; step <= LATE; step++) {
      await run();
      if (step === EARLY) early = bytesInUse();
    }
    const late = bytesInUse();
    return {
      unit: 'bytes',
      median: late,
      min: early,
      note: `bytes in use after ${LATE} steps of mnist-mlp: ${late}; after ${EARLY} steps (in brackets): ${early}`,
    };
  },
};
