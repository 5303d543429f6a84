/** Memory over a long training: what a step leaves behind would add up. */
import { currentDevice } from '../../src/runtime/index.js';
import type { OwnRow } from './row.js';
import { trainings, trainingStep } from './training.js';

const [EARLY, LATE] = [1000, 10_000];

interface Memory {
  readonly heap?: { readonly bytesInUse: number };
}

function bytesInUse(): number {
  const { name, memory } = currentDevice();
  const { heap } = memory as Memory;
  if (heap === undefined) throw new Error(`device '${name}' has no heap to look at`);
  return heap.bytesInUse;
}

export const heap: OwnRow = {
  kind: 'own',
  name: 'heap',
  onRequest: false,
  limit: undefined,
  async measure(target) {
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
      note: `bytes in use on ${target} after ${LATE} steps of mnist-mlp: ${late}; after ${EARLY} steps (in brackets): ${early}`,
    };
  },
};
