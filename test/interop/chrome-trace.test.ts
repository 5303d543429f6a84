import { describe, expect, it } from 'vitest';
import { chromeTrace } from '../../src/interop/index.js';
import { kernel, measured } from '../support/profile.js';

interface Event {
  readonly ph: string;
  readonly tid: number;
  readonly name: string;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args: Readonly<Record<string, unknown>>;
}
const eventsOf = (trace: string): Event[] => (JSON.parse(trace) as { traceEvents: Event[] }).traceEvents;

describe('chromeTrace', () => {
  const events = eventsOf(chromeTrace(measured, { name: 'a step' }));

  it('names the process and its threads', () => {
    const names = events.filter(({ ph }) => ph === 'M').map(({ name, tid, args }) => [name, tid, args.name]);
    expect(names).toEqual([
      ['process_name', 0, 'a step (wasm)'],
      ['thread_name', 0, 'thread 0'],
      ['thread_name', 1, 'thread 1'],
    ]);
  });

  it('has an event for each span, in microseconds', () => {
    const spans = events.filter(({ ph }) => ph === 'X');
    expect(spans.map(({ name, tid, ts, dur, cat }) => [name, tid, ts, dur, cat])).toEqual([
      ['0 dot+where', 0, 500, 2000, 'contraction'],
      ['0 dot+where', 1, 600, 1800, 'contraction'],
      ['1 sum', 0, 2750, 1000, 'reduction'],
    ]);
  });

  it('tells of the kernel what the profile does', () => {
    const [first] = events.filter(({ ph }) => ph === 'X');
    expect(first?.args).toMatchObject({
      milliseconds: 2,
      'share of the run': '50.0%',
      'GFLOP/s': 2,
      'GB/s': 5,
      'of ceiling': '50% (arithmetic)',
    });
    expect(first?.args.kernel).toContain('dot+where(b0[i0])');
  });

  it('does not repeat the text of a kernel that runs many times', () => {
    const looped = { ...measured, kernels: measured.kernels.map(({ name }) => kernel(name, { runs: 1000 })) };
    const [first] = eventsOf(chromeTrace(looped)).filter(({ ph }) => ph === 'X');
    expect(first?.args.kernel).toBeUndefined();
    expect(first?.args.runs).toBe(1000);
  });
});
