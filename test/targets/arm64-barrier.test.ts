import { describe, expect, it } from 'vitest';
import { encodeArm64 } from '../../src/targets/arm64/encode.js';
import { COUNTERS, meeting, ROUNDS, STATE, WRONG } from '../support/barrier-meeting.js';
import { callArm64, NO_EMULATOR } from '../support/arm64-emulator.js';

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
