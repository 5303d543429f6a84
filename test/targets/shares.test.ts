import { describe, expect, it } from 'vitest';
import { compileGraph } from '../../src/compiler/program.js';
import * as g from '../../src/graph/build.js';
import { lowerProgram } from '../../src/targets/cpu/program.js';
import { WASM_MACHINE } from '../../src/targets/cpu/machine.js';
import { takeSpans } from '../../src/targets/cpu/timeline.js';
import { machine } from '../support/wasm-module.js';

const SIZE = 1 << 18;
const VALUE = 1 << 20;
const NOTES = 1 << 16;
const SCRATCH = 1 << 19;

/** A program of one kernel that adds 1 to a value where it lies, over all of which it may run once. */
function addOne() {
  const input = g.placeholder([SIZE], 'float32');
  const outputs = [g.plus(input, 1)];
  const graph = { inputs: [input], scalars: [], outputs, overwrites: [0] };
  const kernels = compileGraph(graph, WASM_MACHINE.traits);
  const code = lowerProgram(kernels, WASM_MACHINE, { timed: true });
  const m = machine(code.module);
  const table = 1024;
  const { layout, timeline } = code;
  if (timeline === undefined) throw new Error('the program is timed');
  kernels.buffers.forEach((_, buffer) => (m.i32[table / 4 + buffer] = VALUE));
  for (const { at, to } of layout.frames) m.i32[(table + at) / 4] = table + to;
  m.i32[(table + layout.timeline) / 4] = NOTES;
  m.i32[(table + layout.scratch) / 4] = SCRATCH;
  return {
    units: code.kernels[0]?.units ?? 0,
    values: () => m.f32.subarray(VALUE / 4, VALUE / 4 + SIZE),
    /** Lets a thread run to its end, and gives the units that it has done. */
    run(thread: number, threads: number): number {
      m.call('run', thread, threads, table);
      const { spans } = takeSpans(
        timeline,
        m.u8.subarray(NOTES, NOTES + threads * timeline.threadBytes),
        thread,
      );
      return spans.reduce((sum, { units }) => sum + units, 0);
    },
  };
}

describe('shares of the units of work', () => {
  it.each([1, 2, 3, 7, 16, 17, 40])('all are done once, whichever of %i threads comes first', (threads) => {
    for (const first of [0, threads - 1, threads >> 1]) {
      const program = addOne();
      expect(program.units).toBeGreaterThan(7);
      expect(program.run(first, threads)).toBe(program.units);
      for (let thread = 0; thread < threads; thread++) expect(program.run(thread, threads)).toBe(0);
      expect(program.values().every((value) => value === 1)).toBe(true);
    }
  });
});
