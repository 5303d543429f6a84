/** What the machine can do at the most, measured: 128-bit multiply-adds, and copying memory. */
import { Worker } from 'node:worker_threads';
import {
  add,
  func,
  fma,
  f32,
  get,
  i32,
  load,
  mul,
  splat,
  type Expr,
  type Module,
} from '../src/targets/cpu/ir.js';
import { encodeModule } from '../src/targets/wasm/encode.js';
import { wasmFeatures } from '../src/targets/wasm/features.js';

/** Ceilings for one number of threads. */
export interface Ceiling {
  /** Billions of floating point operations a second, in 128-bit vectors. */
  readonly gigaflops: number;
  /** Billions of bytes a second read and written by a copy. */
  readonly gigabytes: number;
}

/** Ceilings by number of threads. */
export type Limits = ReadonlyMap<number, Ceiling>;

/** Chains of dependent additions: more than latency (4 cycles) times units (2), no more than there are registers. */
const CHAINS = 12;
const STEPS = 20_000;
const FLOPS_PER_CALL = CHAINS * STEPS * 4 * 2;

/** As much as the rows that are bound by memory read: what fits into the last cache there does so here. */
const COPY_BYTES = 16 << 20;
const COPY_CHUNK = 1 << 20;
const MILLISECONDS = 250;

/** A loop of multiply-adds on registers, and a copy. */
function probes(): Module {
  const flops = func(
    'flops',
    ['result'],
    (b, result) => {
      const factor = b.let(load('f32', result, 0, true));
      const sums = Array.from({ length: CHAINS }, (_, i) => b.variable(splat(f32(i))));
      b.for(i32(0), i32(STEPS), 1, () => {
        for (const sum of sums) b.set(sum, fma(factor, factor, get(sum)));
      });
      b.store('f32', result, sums.map((sum): Expr => get(sum)).reduce(add));
    },
    true,
  );
  const copy = func(
    'copy',
    ['to', 'from', 'vectors'],
    (b, to, from, vectors) => {
      b.for(i32(0), mul(vectors, i32(16)), 64, (at) => {
        const target = b.let(add(to, at));
        const source = b.let(add(from, at));
        for (let offset = 0; offset < 64; offset += 16)
          b.store('f32', target, load('f32', source, offset, true), offset);
      });
    },
    true,
  );
  return { functions: [flops, copy] };
}

/** What a thread of the measurement is told; bench/limits-worker.mjs. */
export interface ProbeOrder {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** One word: the number of threads that are ready. All begin when all are. */
  readonly gate: Int32Array;
  readonly threads: number;
  readonly thread: number;
  readonly milliseconds: number;
  readonly copyBytes: number;
  readonly copyChunk: number;
}

/** Best calls a millisecond of each probe. */
export interface ProbeRates {
  readonly flops: number;
  readonly copy: number;
}

export async function measureLimits(threadCounts: readonly number[]): Promise<Limits> {
  const { relaxedFma } = wasmFeatures();
  const module = new WebAssembly.Module(encodeModule(probes(), { relaxedFma, shared: true }));
  const pages = (2 * COPY_BYTES) / 65536 + 1;
  const limits = new Map<number, Ceiling>();
  for (const threads of threadCounts) {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const order = {
      module,
      memory,
      gate,
      threads,
      milliseconds: MILLISECONDS,
      copyBytes: COPY_BYTES,
      copyChunk: COPY_CHUNK,
    };
    const rates = await Promise.all(
      Array.from({ length: threads }, (_, thread) => runProbe({ ...order, thread })),
    );
    const sum = (which: keyof ProbeRates): number => rates.reduce((total, rate) => total + rate[which], 0);
    limits.set(threads, {
      gigaflops: (sum('flops') * FLOPS_PER_CALL) / 1e6,
      gigabytes: (sum('copy') * 2 * COPY_CHUNK) / 1e6,
    });
  }
  return limits;
}

function runProbe(order: ProbeOrder): Promise<ProbeRates> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./limits-worker.mjs', import.meta.url), {
      workerData: order,
      execArgv: [],
    });
    worker.on('message', (rates: ProbeRates) => {
      resolve(rates);
      void worker.terminate();
    });
    worker.on('error', reject);
  });
}

/** Milliseconds below which nobody gets on this machine with 128-bit vectors. */
export function limitOf(work: { readonly flops: number; readonly bytes: number }, ceiling: Ceiling): number {
  return Math.max(work.flops / ceiling.gigaflops, work.bytes / ceiling.gigabytes) / 1e6;
}
