/** Threads that are called and do not come, or come too late, on every encoder that can run here. */
import { describe, expect, it } from 'vitest';
import { absentees, ATTENDANCE, attend, CLOSED, haveAllLeft } from '../../src/targets/cpu/attendance.js';
import * as ir from '../../src/targets/cpu/ir.js';
import { ENCODERS, machineOf } from '../support/ir-machine.js';

const { i32 } = ir;
const MEETINGS = 50;
/** Byte addresses: what the barrier needs, and how often each thread has come from a meeting. */
const [STATE, PASSED] = [64, 128];

const meetings = ir.func(
  'run',
  ['thread', 'threads'],
  (b, thread, threads) => {
    attend(b, thread, i32(STATE), () => {
      b.for(i32(0), i32(MEETINGS), 1, () => {
        b.push({ kind: 'barrier', state: i32(STATE), threads });
        b.let(ir.atomicAdd(ir.add(i32(PASSED), ir.binary('shl', thread, i32(2))), i32(1)));
      });
    });
  },
  true,
);

describe.each(ENCODERS)('$name', (encoder) => {
  it.skipIf(encoder.missing !== undefined).each([
    ['sleeps', true],
    ['watches', false],
  ])('a thread that %s does not wait for ever for others, who come too late then', (_, maySleep) => {
    const m = machineOf(encoder, { functions: [meetings] }, undefined, maySleep);
    const words = m.i32.subarray(STATE / 4, STATE / 4 + ATTENDANCE.words);
    const passed = m.i32.subarray(PASSED / 4, PASSED / 4 + 3);
    m.call('run', 0, 3);
    expect([...passed]).toEqual([MEETINGS, 0, 0]);
    // The absent are counted as having arrived, nobody sleeps, and nobody has entered or left.
    expect([...words]).toEqual([2, MEETINGS, 0, 2, CLOSED, 0]);
    expect(haveAllLeft(words, 3)).toBe(true);
    m.call('run', 1, 3);
    m.call('run', 2, 3);
    expect([...passed]).toEqual([MEETINGS, 0, 0]);
    expect([...words]).toEqual([2, MEETINGS, 0, 2, CLOSED + 2, 0]);
    expect(haveAllLeft(words, 3)).toBe(true);
    // Thread 0 is let in whether others have closed the entrance or not.
    m.call('run', 0, 3);
    expect([...passed]).toEqual([2 * MEETINGS, 0, 0]);
    m.free();
  });
});

describe('a run is over', () => {
  /** Three threads, of which so many others have entered and left. */
  const after = (entered: number, left: number): Int32Array => {
    const words = new Int32Array(new SharedArrayBuffer(4 * ATTENDANCE.words));
    words[ATTENDANCE.entered] = entered;
    words[ATTENDANCE.left] = left;
    return words;
  };

  it.each([
    [0, 0, true],
    [1, 0, false],
    [1, 1, true],
    [2, 1, false],
    [2, 2, true],
  ])('where %i have entered and %i left: %s', (entered, left, over) => {
    const words = after(entered, left);
    expect(haveAllLeft(words, 3)).toBe(over);
    expect(haveAllLeft(words, 3)).toBe(over);
    expect(words[ATTENDANCE.entered]).toBe(entered + CLOSED);
  });
});

describe('the absent', () => {
  it.each([
    ['are not known while some may come', 1, 0, undefined],
    ['are none when all have come', 2, 0, 0],
    ['are none when the last one came as the entrance was closed', CLOSED + 2, 0, 0],
    ['are not known before whoever has closed the entrance has said it', CLOSED + 1, 0, undefined],
    ['are known then', CLOSED + 1, 1, 1],
    ['are as many when they come after all', CLOSED + 2, 1, 1],
  ])('%s', (_, entered, absent, expected) => {
    const words = new Int32Array(new SharedArrayBuffer(4 * ATTENDANCE.words));
    words[ATTENDANCE.entered] = entered;
    words[ATTENDANCE.absent] = absent;
    expect(absentees(words, 3)).toBe(expected);
  });
});
