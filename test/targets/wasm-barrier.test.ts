import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { ATTENDANCE, PATIENCE_MS } from '../../src/targets/cpu/attendance.js';
import { func, i32 } from '../../src/targets/cpu/ir.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';
import { wasmImports } from '../../src/targets/wasm/host-functions.mjs';
import { COUNTERS, meeting, ROUNDS, STATE, WRONG } from '../support/barrier-meeting.js';
import { machine, RELAXED_FMA } from '../support/wasm-module.js';

const WORKER = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { module, memory, maySleep, thread, threads } = workerData;
  const { exports } = new WebAssembly.Instance(module, { env: { memory, maySleep, waited: () => undefined } });
  exports.run(thread, threads);
  parentPort.postMessage('done');
`;

async function meet(maySleep: boolean, threads: number, absent: number): Promise<Int32Array> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const bytes = encodeModule({ functions: [meeting(absent)] }, { relaxedFma: RELAXED_FMA });
  const module = new WebAssembly.Module(bytes);
  const workers = Array.from({ length: threads - 1 }, (_, n) => {
    const workerData = { module, memory, maySleep: maySleep ? 1 : 0, thread: n + 1, threads };
    return new Worker(WORKER, { eval: true, workerData });
  });
  const done = workers.map(
    async (worker) =>
      new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      }),
  );
  // The workers must be up before this thread blocks.
  await Promise.all(workers.map(async (worker) => new Promise((resolve) => worker.once('online', resolve))));
  const { run } = new WebAssembly.Instance(module, wasmImports(memory, maySleep)).exports;
  (run as (thread: number, threads: number) => void)(0, threads);
  await Promise.all(done);
  await Promise.all(workers.map(async (worker) => worker.terminate()));
  return new Int32Array(memory.buffer);
}

describe('barrier', () => {
  it.each([
    ['3 threads that may sleep', true, 3, 0],
    ['2 threads that only spin', false, 2, 0],
    ['3 threads that may sleep, of 4', true, 3, 1],
    ['2 threads that only spin, of 4', false, 2, 2],
  ])('keeps %s in step', async (_, maySleep, threads, absent) => {
    const words = await meet(maySleep, threads, absent);
    const counters = words.subarray(COUNTERS / 4, COUNTERS / 4 + threads);
    expect([...counters]).toEqual(Array(threads).fill(ROUNDS));
    expect(words[WRONG / 4]).toBe(0);
    // Nobody is counted as waiting but the absent, and every meeting was a generation.
    expect([words[STATE / 4], words[STATE / 4 + 1]]).toEqual([absent, 2 * ROUNDS]);
  });

  it('lets a single thread pass', () => {
    const m = machine({ functions: [meeting(0)] });
    m.call('run', 0, 1);
    expect([m.i32[COUNTERS / 4], m.i32[WRONG / 4]]).toEqual([ROUNDS, 0]);
  });

  it.each([
    ['sleeps', true],
    ['only spins', false],
  ])('asks now and then whether waiting is in vain: a thread that %s', (_, maySleep) => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    // Another thread has entered, and does not come.
    new Int32Array(memory.buffer)[STATE / 4 + ATTENDANCE.entered] = 1;
    const barrier = func(
      'run',
      [],
      (b) => b.push({ kind: 'barrier', state: i32(STATE), threads: i32(2) }),
      true,
    );
    const module = new WebAssembly.Module(
      encodeModule({ functions: [barrier] }, { relaxedFma: RELAXED_FMA }),
    );
    let times = 0;
    const waited = (): void => {
      if (++times === 3) throw new RangeError('in vain');
    };
    const start = performance.now();
    const { run } = new WebAssembly.Instance(module, wasmImports(memory, maySleep, waited)).exports;
    expect(run as () => void).toThrow('in vain');
    expect(times).toBe(3);
    if (maySleep) expect(performance.now() - start).toBeGreaterThan(2 * PATIENCE_MS);
  });
});
