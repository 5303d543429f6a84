import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Ceilings } from '../../bench/limits/ceilings.js';
import { bindingProbe, Limit } from '../../bench/limits/limit.js';

describe('what the machine can do', () => {
  let ceilings: Ceilings;
  beforeAll(() => {
    ceilings = new Ceilings();
  });
  afterAll(() => {
    ceilings.close();
  });

  test.each(['native-fma', 'wasm-fma', 'copy'] as const)(
    '%s runs on one thread and on two',
    async (probe) => {
      if (!ceilings.has(probe)) return;
      for (const threads of [1, 2]) {
        const rates = await ceilings.rates(probe, threads, 20);
        expect(rates.length).toBeGreaterThan(0);
        expect(Math.min(...rates)).toBeGreaterThan(0);
        // No machine of today does ten times as much: a probe that is optimized away would.
        expect(Math.max(...rates)).toBeLessThan(10_000);
      }
    },
  );

  test('without machine code there is no limit for it, and copying is measured in WebAssembly', async () => {
    const plain = new Ceilings('no koffi');
    expect(plain.has('native-fma')).toBe(false);
    expect(Math.max(...(await plain.rates('copy', 1, 5)))).toBeGreaterThan(0);
    plain.close();
  });

  test('a limit is work divided by rate', async () => {
    const fixed = { rates: async () => [100, 50] } as unknown as Ceilings;
    const work = { flops: 1e9, bytes: 2e8, bound: 'flops' } as const;
    expect(await new Limit(work, 'wasm-fma', fixed).run('', 1, 1)).toEqual([10, 20]);
    expect(await new Limit(work, 'copy', fixed).run('', 1, 1)).toEqual([2, 4]);
  });

  test('each device has multiply-adds of its own, and all copy alike', () => {
    const work = { flops: 1, bytes: 1 };
    expect(bindingProbe({ ...work, bound: 'flops' }, 'native')).toBe('native-fma');
    expect(bindingProbe({ ...work, bound: 'flops' }, 'wasm')).toBe('wasm-fma');
    expect(bindingProbe({ ...work, bound: 'bytes' }, 'wasm')).toBe('copy');
  });
});
