import { describe, it } from 'vitest';
import { expectSameEffects } from '../support/ir-differential.js';
import { PAIRS } from '../support/ir-machine.js';

/** Thousands more are in random-programs.slow.test.ts. */
describe('random programs have the same effects', () => {
  for (const [a, b] of PAIRS) {
    it.skipIf(a.missing ?? b.missing)(`as ${a.name} and as ${b.name}`, () => {
      expectSameEffects(a, b, 0, 50);
    });
  }
});
