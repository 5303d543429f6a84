/**
 * How threads share the units of a kernel. Every thread has a share of the units, the same one in every run: what a kernel reads and writes there, such as weights and
 * the state of an optimizer, is still in the cache of its core from the last time. Threads take chunks of their share from its counter until none is left, and
 * then of the others': so one that is held up does less.
 */
import * as ir from './ir.js';
import type { Builder, Expr, Func } from './ir.js';
import { CACHE_LINE } from './table-layout.js';

/** Shares of a kernel's units that have counters of their own, all in one cache line. */
const MOST_SHARES = CACHE_LINE / 4;

/** A thread's own words for this, in bytes from their address. */
const CLAIM = {
  /** Into how many shares units are cut, and which one this thread begins with. */
  shares: 0,
  own: 4,
  /** How many shares have turned out to be empty. */
  turn: 8,
  /** The chunk that was taken last; empty when all are taken. */
  begin: 12,
  end: 16,
} as const;

/** Bytes that each thread needs for it. */
export const CLAIM_BYTES = CACHE_LINE;

const NEXT = 'nextChunk';

/** Sets a thread's words up, at the start of a run. */
export function openClaim(b: Builder, claim: Expr, thread: Expr, threads: Expr): void {
  const shares = b.let(ir.binary('minS', threads, ir.i32(MOST_SHARES)), 'shares');
  b.store('i32', claim, shares, CLAIM.shares);
  b.store('i32', claim, ir.binary('divU', ir.mul(thread, shares), threads), CLAIM.own);
  b.store('i32', claim, ir.i32(0), CLAIM.turn);
}

/** Takes chunks of `grain` of `units` and calls `visit` for each, until all are taken. `counters` is the kernel's cache line of counters. */
export function takeChunks(
  b: Builder,
  claim: Expr,
  counters: Expr,
  { units, grain }: { readonly units: number; readonly grain: number },
  visit: (begin: Expr, end: Expr) => void,
): void {
  const more = b.variable(ir.i32(1), 'more');
  b.while(ir.get(more), () => {
    b.call(NEXT, claim, counters, ir.i32(units), ir.i32(grain));
    const begin = b.let(ir.load('i32', claim, CLAIM.begin), 'begin');
    const end = b.let(ir.load('i32', claim, CLAIM.end), 'end');
    b.set(more, ir.compare('lt', begin, end));
    b.if(ir.get(more), () => {
      visit(begin, end);
    });
  });
}

/** The function behind {@link takeChunks}, once in a module: the callers of all kernels together would be a tenth of its code. */
export const nextChunkFunction = (): Func =>
  ir.func(NEXT, ['claim', 'counters', 'units', 'grain'], (b, claim, counters, units, grain) => {
    const shares = b.let(ir.load('i32', claim, CLAIM.shares), 'shares');
    const own = b.let(ir.load('i32', claim, CLAIM.own), 'own');
    const turn = b.variable(ir.load('i32', claim, CLAIM.turn), 'turn');
    const size = b.let(ir.binary('divU', ir.sub(ir.add(units, shares), ir.i32(1)), shares), 'size');
    b.store('i32', claim, ir.i32(0), CLAIM.begin);
    b.store('i32', claim, ir.i32(0), CLAIM.end);
    const left = b.variable(ir.sub(shares, ir.get(turn)), 'left');
    b.while(ir.compare('gt', ir.get(left), ir.i32(0)), () => {
      const ahead = b.let(ir.add(own, ir.get(turn)), 'ahead');
      const share = b.let(ir.select(ir.compare('lt', ahead, shares), ahead, ir.sub(ahead, shares)), 'share');
      const first = b.let(ir.mul(share, size), 'first');
      const last = b.let(ir.binary('minS', ir.add(first, size), units), 'last');
      const counter = b.let(ir.add(counters, ir.mul(share, ir.i32(4))), 'counter');
      const begin = b.let(ir.add(first, ir.atomicAdd(counter, grain)), 'begin');
      b.if(
        ir.compare('lt', begin, last),
        () => {
          b.store('i32', claim, begin, CLAIM.begin);
          b.store('i32', claim, ir.binary('minS', ir.add(begin, grain), last), CLAIM.end);
          b.set(left, ir.i32(0));
        },
        () => {
          b.set(turn, ir.add(ir.get(turn), ir.i32(1)));
          b.set(left, ir.sub(ir.get(left), ir.i32(1)));
          // The next kernel begins with the thread's own share again.
          const isNext = ir.compare('gt', ir.get(left), ir.i32(0));
          b.store('i32', claim, ir.select(isNext, ir.get(turn), ir.i32(0)), CLAIM.turn);
        },
      );
    });
  });
