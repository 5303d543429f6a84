import { describe, expect, test } from 'vitest';
import { either, judge, limitBar, NEVER_SLOWER, peerBar } from '../../bench/bars.js';
import type { Timing } from '../../bench/measure.js';
import type { Result } from '../../bench/result.js';

const time = (median: number): Timing => ({ median, min: median, count: 1 });

const result: Result = {
  name: 'softmax',
  target: 'native',
  threads: 2,
  unit: 'ms',
  failure: undefined,
  ours: time(10),
  work: undefined,
  limit: { bound: 'copy', median: 6, min: 6 },
  bars: [],
  peers: new Map<string, Timing | string>([
    ['pytorch', time(15)],
    ['jax-js', time(9)],
    ['tfjs-wasm', 'Kernel not registered'],
  ]),
  note: '',
};

const met = (...args: Parameters<typeof judge>): boolean | undefined => judge(...args).met;

describe('bars', () => {
  test('a share of the limit', () => {
    expect(judge(limitBar(0.6), result)).toEqual({
      bar: '60% of limit',
      figure: '60% of limit',
      met: true,
    });
    expect(met(limitBar(0.61), result)).toBe(false);
    expect(met(limitBar(0.6), { ...result, limit: undefined })).toBeUndefined();
  });

  test('so many times as fast as a peer', () => {
    expect(met(peerBar(1.5, 'pytorch'), result)).toBe(true);
    expect(judge(peerBar(1.6, 'pytorch'), result)).toEqual({
      bar: '1.6x pytorch',
      figure: '1.50x pytorch',
      met: false,
    });
  });

  test('a peer that cannot do the work is slower than we are, one that was not asked is unknown', () => {
    expect(met(peerBar(1, 'tfjs-wasm'), result)).toBe(true);
    expect(met(peerBar(1, 'tfjs-wasm'), { ...result, ours: undefined })).toBeUndefined();
    expect(met(peerBar(1, 'onnxruntime'), result)).toBeUndefined();
  });

  test('several peers: one that is faster decides, whatever the others are', () => {
    expect(met(NEVER_SLOWER, result)).toBe(false);
    expect(met(peerBar(1, 'pytorch', 'tfjs-wasm'), result)).toBe(true);
    expect(met(peerBar(1, 'pytorch', 'onnxruntime'), result)).toBeUndefined();
  });

  test('one of several bars is enough', () => {
    expect(judge(either(peerBar(1.2, 'pytorch'), limitBar(0.7)), result)).toEqual({
      bar: '1.2x pytorch or 70% of limit',
      figure: '1.50x pytorch, 60% of limit',
      met: true,
    });
    expect(met(either(peerBar(2, 'pytorch'), limitBar(0.7)), result)).toBe(false);
    expect(met(either(peerBar(2, 'onnxruntime'), limitBar(0.7)), result)).toBeUndefined();
  });
});
