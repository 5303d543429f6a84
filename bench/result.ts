/** One line of the benchmark's output. */
import { judge, type Bar } from './bars.js';
import type { Work } from './limits/limit.js';
import type { Timing } from './measure.js';

/** What a row cannot beat, or for rows of this library alone what it must not exceed; in the row's unit. */
export interface ResultLimit {
  /** What it comes from, such as `AVX-512 FMA`. */
  readonly bound: string;
  readonly median: number;
  readonly min: number;
}

export interface Result {
  readonly name: string;
  readonly target: string;
  readonly threads: number;
  readonly unit: 'ms' | 'bytes';
  /** Why there is no figure of ours; undefined if there is one. */
  readonly failure: string | undefined;
  readonly ours: Timing | undefined;
  /** What has to be done; undefined for rows of this library alone. */
  readonly work: Work | undefined;
  readonly limit: ResultLimit | undefined;
  readonly bars: readonly Bar[];
  /** Times by peer, or why there are none. Peers that are not installed are left out. */
  readonly peers: ReadonlyMap<string, Timing | string>;
  readonly note: string;
}

const significant = (value: number): number => Number(value.toPrecision(4));

/** How many times faster we are than a peer. */
export function ratioTo({ ours, peers }: Result, peer: string): number | undefined {
  const theirs = peers.get(peer);
  return ours === undefined || theirs === undefined || typeof theirs === 'string'
    ? undefined
    : theirs.median / ours.median;
}

/** How near we are to the limit: medians of both. */
export function shareOfLimit({ ours, limit }: Result): number | undefined {
  return ours === undefined || limit === undefined ? undefined : limit.median / ours.median;
}

/** The same of the best times of both: less disturbed on a busy machine. */
export function bestShareOfLimit({ ours, limit }: Result): number | undefined {
  return ours === undefined || limit === undefined ? undefined : limit.min / ours.min;
}

/**
 * The line for other programs. `ms` (or `bytes`) is our median, `limit` is in the same unit; a ratio above 1 means that we are
 * faster, and null that the peer cannot do this. `met` is null for a bar that nothing was measured for.
 */
export function toJson(result: Result): string {
  const { name, target, threads, unit, ours, work, limit, failure, bars } = result;
  const value = ours === undefined ? null : significant(ours.median);
  const ratio = Object.fromEntries(
    [...result.peers.keys()].map((peer) => {
      const known = ratioTo(result, peer);
      return [peer, known === undefined ? null : significant(known)];
    }),
  );
  const share = shareOfLimit(result);
  return JSON.stringify({
    name,
    target,
    threads,
    [unit]: value,
    limit: limit === undefined ? null : significant(limit.median),
    ...(limit === undefined ? {} : { bound: limit.bound }),
    ...(work === undefined ? {} : { flops: work.flops, bytes: work.bytes }),
    ...(share === undefined ? {} : { ofLimit: significant(share) }),
    ratio,
    ...(ours === undefined ? {} : { min: significant(ours.min) }),
    ...(bars.length === 0 ? {} : { bars: bars.map((bar) => judgementJson(bar, result)) }),
    ...(failure === undefined ? {} : { failure }),
  });
}

function judgementJson(bar: Bar, result: Result): object {
  const { met, ...texts } = judge(bar, result);
  return { ...texts, met: met ?? null };
}
