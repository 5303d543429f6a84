import { describe, expect, it } from 'vitest';
import { encodeArm64 } from '../../src/targets/arm64/encode.js';

import * as ir from '../../src/targets/cpu/ir.js';
import { attendTogether } from '../support/attend-together.js';
import { callArm64, NO_EMULATOR } from '../support/arm64-emulator.js';

const { i32 } = ir;
const ROUNDS = 200;
/** Byte addresses: the barrier's state, the counters (one per thread), and the number of wrong sights. */
const [STATE, COUNTERS, WRONG] = [64, 128, 256];

/**
 * In every round each thread raises its own counter, meets the others, looks at all counters, and meets them again. Whoever is let
 * through early sees a counter that is behind; whoever is let through late sees one that is ahead. All are told that `absent` more would come.
 */
const meeting = (absent: number): ir.Func =>
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

const skipped = NO_EMULATOR === undefined ? '' : ` (skipped: ${NO_EMULATOR})`;

describe.skipIf(NO_EMULATOR !== undefined)(`the barrier of arm64${skipped}`, () => {
  it.each([
    ['2 threads that may sleep', true, 2, 0],
    ['4 threads that may sleep', true, 4, 0],
    ['2 threads that only watch', false, 2, 0],
    ['3 threads that may sleep, of 4', true, 3, 1],
    ['2 threads that only watch, of 4', false, 2, 2],
  ])('keeps %s in step', (_, linux, threads, absent) => {
    const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    callArm64(encodeArm64({ functions: [meeting(absent)] }, { linux }), 'run', buffer, [], threads);
    const words = new Int32Array(buffer);
    expect([...words.subarray(COUNTERS / 4, COUNTERS / 4 + threads)]).toEqual(Array(threads).fill(ROUNDS));
    expect(words[WRONG / 4]).toBe(0);
    // Nobody is counted as waiting or sleeping but the absent, and every meeting was a generation.
    expect([...words.subarray(STATE / 4, STATE / 4 + 4)]).toEqual([absent, 2 * ROUNDS, 0, absent]);
  });

  it('lets a single thread through', () => {
    const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    callArm64(encodeArm64({ functions: [meeting(0)] }, { linux: true }), 'run', buffer, [0, 1]);
    expect(new Int32Array(buffer)[COUNTERS / 4]).toBe(ROUNDS);
  });
});
