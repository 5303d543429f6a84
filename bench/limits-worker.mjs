// One thread of the measurement in limits.ts: runs both probes and reports the best rate of each.
import { parentPort, workerData } from 'node:worker_threads';

// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- The rule does not see casts in comments.
const { module, memory, gate, threads, thread, milliseconds, copyBytes, copyChunk } =
  /** @type {import('./limits.js').ProbeOrder} */ (workerData);

const { exports } = new WebAssembly.Instance(module, { env: { memory } });
const probes =
  /** @type {{ flops(result: number): void, copy(to: number, from: number, vectors: number): void }} */ (
    /** @type {unknown} */ (exports)
  );

// Each thread copies a part of its own; the first page holds the results of the other probe.
const part = Math.floor(copyBytes / threads / copyChunk) * copyChunk;
const source = 65536 + thread * part;
const target = source + copyBytes;
let at = 0;
const copy = () => {
  probes.copy(target + at, source + at, copyChunk / 16);
  at = (at + copyChunk) % part;
};
const flops = () => probes.flops(64 * thread);

/** All threads begin each probe together. @param {number} round */
const meet = (round) => {
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < round * threads);
};

// Shorter than a time slice, so that some windows are undisturbed on a busy machine.
const WINDOW = 0.5;

/** The best number of calls a millisecond, over windows of some milliseconds. @param {() => void} call */
const bestRate = (call) => {
  let best = 0;
  const end = performance.now() + milliseconds;
  for (;;) {
    const start = performance.now();
    let calls = 0;
    let now = start;
    while (now - start < WINDOW) {
      call();
      calls++;
      now = performance.now();
    }
    best = Math.max(best, calls / (now - start));
    if (now >= end) return best;
  }
};

meet(1);
bestRate(flops);
meet(2);
const rates = { flops: bestRate(flops), copy: 0 };
meet(3);
bestRate(copy);
meet(4);
rates.copy = bestRate(copy);
parentPort?.postMessage(rates);
