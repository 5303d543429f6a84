/** What the machine can do at the most, measured: multiply-adds on registers, and copying memory. */
import { Worker } from 'node:worker_threads';
import { FMA_CHAINS } from './machine-code.js';
import { nativeProbes, type NativeProbes } from './native-probes.js';
import { WASM_CHAINS, WASM_STEPS, wasmProbes } from './wasm-probes.js';

/** Multiply-adds of machine code in the widest vectors, of WebAssembly in 128-bit vectors; copying, by machine code where there is any. */
export type ProbeName = 'native-fma' | 'wasm-fma' | 'copy';

/** What a thread knows from the start; worker.mjs. */
export interface ProbeSetting {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** One word: how often a thread has been ready so far. */
  readonly gate: Int32Array;
  readonly native: NativeProbes | undefined;
  readonly fmaSteps: number;
  readonly copyBytes: number;
  readonly copyChunk: number;
  readonly thread: number;
}

export interface ProbeOrder {
  readonly probe: ProbeName;
  readonly threads: number;
  readonly milliseconds: number;
  /** What the gate shows when all are ready. */
  readonly arrivals: number;
}

/** Several times the second-level caches, as the rows that are bound by memory have it. */
const COPY_BYTES = 64 << 20;
const COPY_CHUNK = 1 << 20;
const FMA_STEPS = 20_000;
const PEAK_MILLISECONDS = 200;

export class Ceilings {
  /** Machine code, or why there is none. */
  readonly native: NativeProbes | string;
  private readonly setting: Omit<ProbeSetting, 'thread'>;
  private readonly workers: Worker[] = [];
  private arrivals = 0;

  constructor(native: NativeProbes | string = nativeProbes()) {
    this.native = native;
    const pages = (2 * COPY_BYTES) / 65536 + 1;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    // Pages that were never written are all the same one.
    new Uint8Array(memory.buffer).fill(1);
    this.setting = {
      module: wasmProbes(),
      memory,
      gate: new Int32Array(new SharedArrayBuffer(4)),
      native: typeof native === 'string' ? undefined : native,
      fmaSteps: FMA_STEPS,
      copyBytes: COPY_BYTES,
      copyChunk: COPY_CHUNK,
    };
  }

  /** Whether a probe can run here. */
  has(probe: ProbeName): boolean {
    return probe !== 'native-fma' || this.setting.native !== undefined;
  }

  /** What a probe measures, for people. */
  nameOf(probe: ProbeName): string {
    if (probe === 'native-fma')
      return this.setting.native === undefined ? 'FMA' : `${this.setting.native.vectors} FMA`;
    return probe === 'wasm-fma' ? '128-bit FMA' : 'copy';
  }

  /** Windows of the measurement: billions a second, of floating point operations or of bytes read and written. */
  async rates(probe: ProbeName, threads: number, milliseconds: number): Promise<number[]> {
    this.arrivals += threads;
    const order: ProbeOrder = { probe, threads, milliseconds, arrivals: this.arrivals };
    const perThread = await Promise.all(
      Array.from({ length: threads }, (_, thread) =>
        ask((this.workers[thread] ??= this.worker(thread)), order),
      ),
    );
    const windows = Math.min(...perThread.map((rates) => rates.length));
    const each = this.perCall(probe) / 1e6;
    return Array.from(
      { length: windows },
      (_, i) => perThread.reduce((sum, rates) => sum + (rates[i] ?? 0), 0) * each,
    );
  }

  /** The best rate in a short while. */
  async peak(probe: ProbeName, threads: number): Promise<number> {
    // Code warms up.
    await this.rates(probe, threads, PEAK_MILLISECONDS / 4);
    return Math.max(...(await this.rates(probe, threads, PEAK_MILLISECONDS)));
  }

  close(): void {
    for (const worker of this.workers) void worker.terminate();
    this.workers.length = 0;
  }

  /** Operations, or bytes read and written, of a call. */
  private perCall(probe: ProbeName): number {
    const { native } = this.setting;
    if (probe === 'wasm-fma') return 2 * 4 * WASM_CHAINS * WASM_STEPS;
    return probe === 'copy' ? 2 * COPY_CHUNK : 2 * (native?.lanes ?? 0) * FMA_CHAINS * FMA_STEPS;
  }

  private worker(thread: number): Worker {
    const workerData: ProbeSetting = { ...this.setting, thread };
    return new Worker(new URL('./worker.mjs', import.meta.url), { workerData, execArgv: [] });
  }
}

function ask(worker: Worker, order: ProbeOrder): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      worker.off('message', onMessage).off('error', onError);
    };
    const onMessage = (rates: number[]): void => {
      done();
      resolve(rates);
    };
    const onError = (error: unknown): void => {
      done();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    worker.on('message', onMessage).on('error', onError);
    worker.postMessage(order);
  });
}
