/** A profile as if it had been measured, for tests of what is made of one. */
import type { KernelProfile, Profile } from '../../src/index.js';

export const kernel = (name: string, more: Partial<KernelProfile> = {}): KernelProfile => ({
  name,
  kind: 'map',
  text: `loop ${name}: rows i0<8\n  b1[i0] = ${name}(b0[i0])`,
  runs: 1,
  milliseconds: 1,
  share: 0.25,
  flops: 2e6,
  executedFlops: 2e6,
  bytesRead: 4e6,
  bytesWritten: 1e6,
  gigaflopsPerSecond: 2,
  gigabytesPerSecond: 5,
  limit: 'memory',
  ceilingMilliseconds: 0.5,
  ofCeiling: 0.5,
  ...more,
});

/** Two kernels on two threads, in 4 ms. */
export const measured: Profile = {
  target: 'wasm',
  threads: 2,
  milliseconds: 4,
  idleMilliseconds: 1,
  kernels: [
    kernel('dot+where', { kind: 'contraction', milliseconds: 2, share: 0.5, limit: 'arithmetic' }),
    kernel('sum', { kind: 'reduction' }),
  ],
  spans: [
    { kernel: 0, thread: 0, begin: 0.5, end: 2.5 },
    { kernel: 0, thread: 1, begin: 0.6, end: 2.4 },
    { kernel: 1, thread: 0, begin: 2.75, end: 3.75 },
  ],
  lostSpans: 0,
  ceilings: {
    gigaflopsPerSecond: 80,
    memory: [
      { bytes: 32768, copyGigabytesPerSecond: 160, readGigabytesPerSecond: 120 },
      { bytes: 67108864, copyGigabytesPerSecond: 10, readGigabytesPerSecond: 12 },
    ],
  },
};
