import { describe, expect, it } from 'vitest';
import * as ir from '../../src/targets/cpu/ir.js';
import { arithmeticProbe, copyProbe, PROBE_TABLE, readProbe } from '../../src/targets/cpu/probes.js';
import { noteSpan, takeSpans, timelineLayout, timelineOf } from '../../src/targets/cpu/timeline.js';
import { machine } from '../support/wasm-module.js';

describe('notes of when kernels run', () => {
  const layout = timelineLayout(3);
  const NOTES = 4096;
  /** run(thread, units): one kernel's work, which is nothing. */
  const run = ir.func(
    'run',
    ['thread', 'units'],
    (b, thread, units) => {
      noteSpan(b, layout, b.let(timelineOf(layout, ir.i32(NOTES), thread)), 7, () => units);
    },
    true,
  );
  const m = machine({ functions: [run] });
  const notes = m.u8.subarray(NOTES, NOTES + 2 * layout.threadBytes);

  it('are kept for each thread, in order, until they are taken', () => {
    const before = process.hrtime();
    m.call('run', 0, 5);
    m.call('run', 1, 6);
    m.call('run', 0, 7);
    const { spans, lost } = takeSpans(layout, notes, 0);
    expect(lost).toBe(0);
    expect(spans.map(({ kernel, thread, units }) => [kernel, thread, units])).toEqual([
      [7, 0, 5],
      [7, 0, 7],
    ]);
    const [first, second] = spans;
    expect(first?.begin).toBeGreaterThanOrEqual(before[0] * 1e3 + before[1] / 1e6);
    expect(first?.end).toBeGreaterThanOrEqual(first?.begin ?? Infinity);
    expect(second?.begin).toBeGreaterThanOrEqual(first?.end ?? Infinity);
    expect(takeSpans(layout, notes, 1).spans.map(({ units }) => units)).toEqual([6]);
    expect(takeSpans(layout, notes, 0).spans).toEqual([]);
  });

  it('are not made where nothing was done', () => {
    m.call('run', 0, 0);
    expect(takeSpans(layout, notes, 0).spans).toEqual([]);
  });

  it('are counted where there is no room for them', () => {
    for (let n = 1; n <= 5; n++) m.call('run', 0, n);
    const { spans, lost } = takeSpans(layout, notes, 0);
    expect([spans.length, lost]).toEqual([3, 2]);
    m.call('run', 0, 1);
    expect(takeSpans(layout, notes, 0)).toMatchObject({ spans: [{ units: 1 }], lost: 0 });
  });
});

describe('probes of what the machine can do', () => {
  const [TABLE, SOURCE, TARGET, BYTES] = [1024, 65536, 65536 * 8, 66 * 1024];
  /** Has each of two threads run the probe over its part. */
  const probed = (module: ir.Module, rounds: number): ReturnType<typeof machine> => {
    const m = machine(module);
    m.i32[(TABLE + PROBE_TABLE.rounds) / 4] = rounds;
    m.i32[(TABLE + PROBE_TABLE.source) / 4] = SOURCE;
    m.i32[(TABLE + PROBE_TABLE.target) / 4] = TARGET;
    m.i32[(TABLE + PROBE_TABLE.bytes) / 4] = BYTES;
    for (let i = 0; i < (2 * BYTES) / 4; i++) m.i32[SOURCE / 4 + i] = i;
    for (const thread of [0, 1]) m.call('run', thread, 2, TABLE);
    return m;
  };
  const part = (m: ReturnType<typeof machine>, start: number): Int32Array =>
    m.i32.subarray(start / 4, (start + 2 * BYTES) / 4);

  it('copy all of the source, and no more', () => {
    const m = probed(copyProbe(4), 1);
    expect(part(m, TARGET)).toEqual(part(m, SOURCE));
    expect(m.i32[(TARGET + 2 * BYTES) / 4]).toBe(0);
  });

  it('read all of the source', () => {
    const m = probed(readProbe(4), 3);
    // What a thread has last read is the last block of its part.
    const last = part(m, SOURCE).subarray((64 * 1024) / 4, BYTES / 4);
    expect(m.i32[(TABLE + PROBE_TABLE.results) / 4]).toBe(last.reduce((sum, value) => (sum + value) | 0, 0));
  });

  it('compute something, which does not grow', () => {
    const m = probed(arithmeticProbe(), 5);
    const result = m.f32[(TABLE + PROBE_TABLE.results) / 4] ?? 0;
    expect(result).toBeCloseTo(4 * 12, 3);
  });
});
