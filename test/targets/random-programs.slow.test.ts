import { describe, it } from 'vitest';
import { expectSameEffects } from '../support/ir-differential.js';
import { PAIRS } from '../support/ir-machine.js';

describe('thousands of random programs have the same effects', () => {
  for (const [a, b] of PAIRS) {
    it.skipIf(a.missing ?? b.missing)(`as ${a.name} and as ${b.name}`, () => {
      expectSameEffects(a, b, 1000, 1200);
    });
  }
});
