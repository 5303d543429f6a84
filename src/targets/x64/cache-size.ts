/** How large the second-level cache of an x64 processor is. */

/** The words eax, ebx, ecx and edx of CPUID for a leaf and subleaf. */
export type CpuId = (leaf: number, subleaf: number) => ArrayLike<number>;

/** Leaves that describe caches, one a subleaf, in the same form: Intel's and AMD's. */
const LEAVES = [4, 0x8000001d];
const EXTENDED = 0x80000000;
const MOST_CACHES = 8;
/** Kinds of cache that keep data: only data, and instructions as well. */
const DATA = [1, 3];
/** What virtual machines say may be anything. Larger caches are shared by several cores. */
const LEAST_BYTES = 256 * 1024;
const MOST_BYTES = 2048 * 1024;

/** Bytes that a core may count on, or undefined where the processor says nothing sensible. */
export function secondLevelCache(cpuid: CpuId): number | undefined {
  for (const leaf of LEAVES) {
    const [highest = 0] = Array.from(cpuid(leaf < EXTENDED ? 0 : EXTENDED, 0));
    if (highest < leaf) continue;
    for (let subleaf = 0; subleaf < MOST_CACHES; subleaf++) {
      const [kind = 0, shape = 0, sets = 0] = Array.from(cpuid(leaf, subleaf));
      if ((kind & 31) === 0) break;
      if (!DATA.includes(kind & 31) || ((kind >>> 5) & 7) !== 2) continue;
      const ways = (shape >>> 22) + 1;
      const partitions = ((shape >>> 12) & 1023) + 1;
      const line = (shape & 4095) + 1;
      const bytes = ways * partitions * line * (sets + 1);
      return bytes < LEAST_BYTES ? undefined : Math.min(bytes, MOST_BYTES);
    }
  }
  return undefined;
}
