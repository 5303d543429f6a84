/** Times of repeated calls. The machine may be shared: medians over many short bursts, and the minimum beside them. */

/** What many timings come to. */
export interface Timing {
  /** Milliseconds. */
  readonly median: number;
  /** Milliseconds. */
  readonly min: number;
  readonly count: number;
}

export function summarize(times: readonly number[]): Timing {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const lower = sorted[sorted.length % 2 === 0 ? middle - 1 : middle] ?? upper;
  return { median: (lower + upper) / 2, min: sorted[0] ?? Number.NaN, count: sorted.length };
}

/** The times of calls one after the other, as many as fit into `milliseconds`, one at the least. */
export async function burst(work: () => unknown, milliseconds: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  for (;;) {
    const start = performance.now();
    await work();
    const now = performance.now();
    times.push(now - start);
    if (now >= end) return times;
  }
}
