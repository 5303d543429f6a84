import { describe, expect, it } from 'vitest';
import { secondLevelCache } from '../../src/targets/x64/cache-size.js';

interface Cache {
  readonly level: number;
  /** 1 for data, 2 for instructions, 3 for both. */
  readonly type: number;
  readonly ways: number;
  readonly sets: number;
  readonly partitions?: number;
}

/** The words of CPUID for a cache of lines of 64 bytes. */
const wordsOf = ({ level, type, ways, sets, partitions = 1 }: Cache): number[] => [
  (level << 5) | type,
  (((ways - 1) << 22) | ((partitions - 1) << 12) | 63) >>> 0,
  sets - 1,
  0,
];

/** A processor that describes caches in one leaf. */
const processor =
  (leaf: number, caches: readonly Cache[], highest = [0x16, 0x80000020]) =>
  (asked: number, subleaf: number): number[] => {
    if (asked === 0) return [highest[0] ?? 0, 0, 0, 0];
    if (asked === 0x80000000) return [highest[1] ?? 0, 0, 0, 0];
    const cache = caches[subleaf];
    return asked === leaf && cache !== undefined ? wordsOf(cache) : [0, 0, 0, 0];
  };

const LEVEL1 = [
  { level: 1, type: 1, ways: 12, sets: 64 },
  { level: 1, type: 2, ways: 8, sets: 64 },
];
const level2 = (ways: number, sets: number): Cache[] => [
  ...LEVEL1,
  { level: 2, type: 3, ways, sets },
  { level: 3, type: 3, ways: 15, sets: 65536 },
];
const MIB = 1024 * 1024;

describe('the second-level cache', () => {
  it('is what the processor says, in either leaf', () => {
    expect(secondLevelCache(processor(4, level2(16, 2048)))).toBe(2 * MIB);
    expect(secondLevelCache(processor(4, level2(20, 1024)))).toBe(1.25 * MIB);
    expect(secondLevelCache(processor(0x8000001d, level2(8, 1024)))).toBe(MIB / 2);
    expect(secondLevelCache(processor(4, [{ level: 2, type: 3, ways: 8, sets: 1024, partitions: 2 }]))).toBe(
      MIB,
    );
  });
  it('is not a larger one that cores share, and not one too small to be true', () => {
    expect(secondLevelCache(processor(4, level2(16, 4096)))).toBe(2 * MIB);
    expect(secondLevelCache(processor(4, level2(1, 64)))).toBeUndefined();
  });
  it('is unknown where the processor does not tell', () => {
    expect(secondLevelCache(processor(4, LEVEL1))).toBeUndefined();
    expect(secondLevelCache(processor(4, []))).toBeUndefined();
    expect(secondLevelCache(processor(4, level2(16, 2048), [3, 0x80000008]))).toBeUndefined();
    expect(secondLevelCache(processor(0x8000001d, level2(16, 2048), [3, 0x80000008]))).toBeUndefined();
  });
});
