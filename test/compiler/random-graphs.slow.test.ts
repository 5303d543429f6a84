import { expect, it } from 'vitest';
import { expectAgreement } from '../support/device-agreement.js';
import { nativeMachines } from '../support/devices.js';
import { runGuarded } from '../support/guarded-program.js';
import { randomGraph } from '../support/random-graph.js';

it.each([4, 12, 40, 100])('hundreds of random graphs of %i steps agree with the reference', (size) => {
  for (let seed = 0; seed < 300; seed++) {
    try {
      expectAgreement(randomGraph(seed * 1009 + size, size), { float32: 2e-3 });
    } catch (error) {
      expect.fail(`seed ${seed * 1009 + size}, size ${size}: ${String(error)}`);
    }
  }
});

it.each(nativeMachines().map((machine) => [machine.target.name, machine] as const))(
  'and stay in their buffers: %s',
  (_, machine) => {
    for (let seed = 0; seed < 1000; seed++)
      runGuarded(machine, randomGraph(seed + 5000, 5 + (seed % 40)), seed % 2 === 0 ? 'end' : 'start');
  },
);
