// One thread of the measurement in ceilings.ts: runs a probe when it is told to, and says how fast it was in each window.
import { parentPort, workerData } from 'node:worker_threads';
import { loadKoffi } from '../../src/runtime/native/koffi.mjs';

/** @typedef {import('./ceilings.js').ProbeName} ProbeName */
// eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- The rule does not see casts in comments.
const { module, memory, gate, native, fmaSteps, copyBytes, copyChunk, thread } =
  /** @type {import('./ceilings.js').ProbeSetting} */ (workerData);

// Shorter than a time slice, so that some windows are undisturbed on a busy machine.
const WINDOW = 0.5;
// The first page holds the results of the multiply-adds.
const FIRST = 65536;

const { exports } = new WebAssembly.Instance(module, { env: { memory } });
const wasm =
  /** @type {{ flops(result: number): void, copy(to: number, from: number, vectors: number): void }} */ (
    /** @type {unknown} */ (exports)
  );

/** Calls of one probe of `threads` threads. @type {Record<ProbeName, (threads: number) => () => void>} */
const probes = {
  'wasm-fma': () => () => wasm.flops(64 * thread),
  'native-fma': () => {
    const call = machineCode('fma', ['int64']);
    return () => void call(fmaSteps);
  },
  copy: (threads) => {
    // Each thread copies a part of its own, chunk by chunk.
    const part = Math.floor(copyBytes / threads / copyChunk) * copyChunk;
    const source = FIRST + thread * part;
    const target = source + copyBytes;
    let at = 0;
    /** @type {(copy: (to: number, from: number) => void) => () => void} */
    const walk = (copy) => () => {
      copy(target + at, source + at);
      at = (at + copyChunk) % part;
    };
    if (native === undefined) return walk((to, from) => wasm.copy(to, from, copyChunk / 16));
    const call = machineCode('copy', ['uintptr_t', 'uintptr_t', 'int64']);
    const base = Number(loadKoffi(native.koffi).koffi.address(new Uint8Array(memory.buffer)));
    return walk((to, from) => void call(base + to, base + from, copyChunk));
  },
};

/** @param {'fma' | 'copy'} which @param {readonly string[]} parameters */
const machineCode = (which, parameters) => {
  if (native === undefined) throw new Error('no machine code here');
  const { koffi } = loadKoffi(native.koffi);
  return koffi.decode(BigInt(native[which]), koffi.proto('void', parameters));
};

/** Calls a millisecond, window by window. @param {() => void} call @param {number} milliseconds */
const rates = (call, milliseconds) => {
  const all = [];
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
    all.push(calls / (now - start));
    if (now >= end) return all;
  }
};

parentPort?.on('message', (/** @type {import('./ceilings.js').ProbeOrder} */ order) => {
  const call = probes[order.probe](order.threads);
  // All threads begin together.
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < order.arrivals);
  parentPort?.postMessage(rates(call, order.milliseconds));
});
