/** What a row must reach, and whether it has. */
import { ratioTo, shareOfLimit, type Result } from './result.js';

export type Bar =
  /** This share of what the machine can do. */
  | { readonly kind: 'limit'; readonly share: number }
  /** So many times as fast as each of these peers. */
  | { readonly kind: 'peers'; readonly peers: readonly string[]; readonly ratio: number }
  /** One of these. */
  | { readonly kind: 'either'; readonly bars: readonly Bar[] };

export const limitBar = (share: number): Bar => ({ kind: 'limit', share });
export const peerBar = (ratio: number, ...peers: readonly string[]): Bar => ({ kind: 'peers', peers, ratio });
export const either = (...bars: readonly Bar[]): Bar => ({ kind: 'either', bars });

/** The bars of a row by device. */
export type Bars = Readonly<Record<'native' | 'wasm', readonly Bar[]>>;

/** WebAssembly is never slower than other libraries that use it. Plain JavaScript, as tfjs-cpu is, is no rival. */
export const NEVER_SLOWER = peerBar(1, 'tfjs-wasm', 'jax-js');

/** The bars of a device; devices that no bar is set for have none. */
export const barsOf = (bars: Bars, target: string): readonly Bar[] =>
  target === 'native' || target === 'wasm' ? bars[target] : [];

export interface Judgement {
  /** Such as `1.15x openblas`. */
  readonly bar: string;
  /** What there is instead, such as `0.98x openblas`. */
  readonly figure: string;
  /** Undefined: whoever it depends on was not measured. */
  readonly met: boolean | undefined;
}

const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;

export function judge(bar: Bar, result: Result): Judgement {
  switch (bar.kind) {
    case 'limit': {
      const share = shareOfLimit(result);
      return {
        bar: `${percent(bar.share)} of limit`,
        figure: share === undefined ? 'limit not measured' : `${percent(share)} of limit`,
        met: share === undefined ? undefined : share >= bar.share,
      };
    }
    case 'peers': {
      const each = bar.peers.map((peer) => comparedWith(peer, bar.ratio, result));
      return {
        bar: `${bar.ratio}x ${bar.peers.join(', ')}`,
        figure: each.map(({ figure }) => figure).join(', '),
        met: all(each.map(({ met }) => met)),
      };
    }
    case 'either': {
      const each = bar.bars.map((one) => judge(one, result));
      return {
        bar: each.map((one) => one.bar).join(' or '),
        figure: each.map(({ figure }) => figure).join(', '),
        met: any(each.map(({ met }) => met)),
      };
    }
  }
}

function comparedWith(peer: string, wanted: number, result: Result): Omit<Judgement, 'bar'> {
  const ratio = ratioTo(result, peer);
  if (ratio !== undefined) return { figure: `${ratio.toFixed(2)}x ${peer}`, met: ratio >= wanted };
  // Whoever cannot do it at all is slower; whoever was not asked may be anything.
  const cannot = result.ours !== undefined && result.peers.has(peer);
  return { figure: `${peer} ${cannot ? 'cannot' : 'not measured'}`, met: cannot ? true : undefined };
}

/** What is true of all, as far as it is known. */
export function all(known: readonly (boolean | undefined)[]): boolean | undefined {
  if (known.includes(false)) return false;
  return known.includes(undefined) ? undefined : true;
}

function any(known: readonly (boolean | undefined)[]): boolean | undefined {
  if (known.includes(true)) return true;
  return known.includes(undefined) ? undefined : false;
}
