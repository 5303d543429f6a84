/** A program in which threads meet again and again, and see whether all have come. */
import * as ir from '../../src/targets/cpu/ir.js';
import { attendTogether } from './attend-together.js';

const { i32 } = ir;

export const ROUNDS = 200;
/** Byte addresses: the barrier's state, the counters (one per thread), and the number of wrong sights. */
export const [STATE, COUNTERS, WRONG] = [64, 128, 256];

/**
 * In every round each thread raises its own counter, meets the others, looks at all counters, and meets them again. Whoever is let
 * through early sees a counter that is behind; whoever is let through late sees one that is ahead. All are told that `absent` more would come.
 */
export const meeting = (absent: number): ir.Func =>
  ir.func(
    'run',
    ['thread', 'threads'],
    (b, thread, threads) => {
      const meet = (): void => {
        b.push({ kind: 'barrier', state: i32(STATE), threads: ir.add(threads, i32(absent)) });
      };
      attendTogether(b, thread, threads, i32(STATE), () => {
        b.for(i32(0), i32(ROUNDS), 1, (round) => {
          b.store('i32', ir.binary('shl', thread, i32(2)), ir.add(round, i32(1)), COUNTERS);
          meet();
          b.for(i32(0), threads, 1, (other) => {
            const seen = ir.load('i32', ir.binary('shl', other, i32(2)), COUNTERS);
            b.if(ir.compare('ne', seen, ir.add(round, i32(1))), () => {
              b.let(ir.atomicAdd(i32(WRONG), i32(1)));
            });
          });
          meet();
        });
      });
    },
    true,
  );
