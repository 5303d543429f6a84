/** One line of the benchmark's output. */
import type { Timing } from './measure.js';

export interface Result {
  readonly name: string;
  readonly target: string;
  readonly threads: number;
  readonly unit: 'ms' | 'bytes';
  /** Why there is no figure of ours; undefined if there is one. */
  readonly failure: string | undefined;
  readonly ours: Timing | undefined;
  /** In the same unit: what the machine cannot beat, or for rows without peers what we must not exceed. */
  readonly limit: number | undefined;
  /** Median times by peer, or why there is none. Peers that are not installed are left out. */
  readonly peers: ReadonlyMap<string, Timing | string>;
  readonly note: string;
}

const significant = (value: number): number => Number(value.toPrecision(4));

/** How many times faster we are than a peer. */
export function ratioTo(result: Result, peer: string): number | undefined {
  const theirs = result.peers.get(peer);
  return result.ours === undefined || theirs === undefined || typeof theirs === 'string'
    ? undefined
    : theirs.median / result.ours.median;
}

/**
 * The line for other programs. `ms` (or `bytes`) is our median, `limit` is in the same unit; a ratio above 1 means that we are
 * faster, and null that the peer cannot do this.
 */
export function toJson(result: Result): string {
  const { name, target, threads, unit, ours, limit, failure } = result;
  const value = ours === undefined ? null : significant(ours.median);
  const ratio = Object.fromEntries(
    [...result.peers.keys()].map((peer) => {
      const known = ratioTo(result, peer);
      return [peer, known === undefined ? null : significant(known)];
    }),
  );
  return JSON.stringify({
    name,
    target,
    threads,
    [unit]: value,
    limit: limit === undefined ? null : significant(limit),
    ratio,
    ...(ours === undefined ? {} : { min: significant(ours.min) }),
    ...(failure === undefined ? {} : { failure }),
  });
}
