/** Workers that die: what runs give then, and what becomes of the threads. */
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { sizeOf } from '../../src/core/shape.js';
import { HostRandom } from '../../src/core/threefry.js';
import type { Node } from '../../src/graph/node.js';
import { structureOf } from '../../src/graph/structure.js';
import { CpuDevice, type InspectableProgram } from '../../src/runtime/cpu-device.js';
import { CpuMemory } from '../../src/runtime/cpu-memory.js';
import { setThreads, threadCount } from '../../src/runtime/index.js';
import { nativeMachine } from '../../src/runtime/native/native-machine.js';
import { nativeGenerator } from '../../src/runtime/native-generator.js';
import { LostThreadError, type ThreadPool } from '../../src/runtime/pool.js';
import { lineOf, MAIN, ORDER, WORKER } from '../../src/runtime/pool-protocol.mjs';
import { valueOf } from '../../src/runtime/storage.js';
import { wasmGenerator } from '../../src/runtime/wasm-generator.js';
import { ATTENDANCE } from '../../src/targets/cpu/attendance.js';
import { softmax, Tensor } from '../../src/tensor/index.js';
import { randomValue } from '../support/device-agreement.js';
import { attendanceOf, inside, killInKernel, replaceThread, whenOrdered } from '../support/pool-inside.js';

const MACHINE = nativeMachine();
const KINDS = typeof MACHINE === 'string' ? (['wasm'] as const) : (['native', 'wasm'] as const);
const [LONG, SHORT] = [30_000, 10_000];

const before = threadCount();
const pools: ThreadPool[] = [];
afterEach(() => {
  for (const pool of pools.splice(0)) pool.close();
});
afterAll(() => {
  setThreads(before);
});

/** A compiled graph over random numbers. */
class Runnable {
  readonly pool: ThreadPool;
  readonly program: InspectableProgram;
  private readonly device: CpuDevice;
  private readonly output: Node;

  constructor(kind: 'native' | 'wasm', threads: number, make: (x: Tensor) => Tensor, size = 300) {
    setThreads(threads);
    const memory = new CpuMemory();
    const { heap, pool } = memory;
    const others = wasmGenerator(heap);
    this.device =
      kind === 'wasm' || typeof MACHINE === 'string'
        ? new CpuDevice(memory, [others])
        : new CpuDevice(memory, [nativeGenerator(MACHINE, heap), others]);
    this.pool = pool;
    pools.push(pool);
    this.output = make(new Tensor(randomValue(new HostRandom(5), [size, size]))).node;
    const { inputs, scalars } = structureOf([this.output]);
    this.program = this.device.compile({
      inputs,
      scalars,
      outputs: [this.output],
      overwrites: [undefined],
    });
    expect(this.program.compiled.code.parallel).toBe(true);
    expect(this.program.compiled.generator.name).toBe(kind);
  }

  run(): readonly number[] {
    const { memory } = this.device;
    const { inputs, scalars } = structureOf([this.output]);
    const place = memory.allocate('float32', sizeOf(this.output.shape));
    this.program.run(
      inputs.map(valueOf),
      scalars.map((node) => node.attributes.cell.value),
      [place],
    );
    const result = Array.from(memory.read(place));
    memory.free(place);
    return result;
  }

  /** The words that the threads of a run share: who takes part, and what work has been taken. */
  shared(): number[] {
    const { layout } = this.program.compiled.code;
    const { address } = (this.program as unknown as { table: { address: number } }).table;
    const bytes = layout.bytes - layout.barrier;
    return Array.from(this.device.memory.heap.view('int32', address + layout.barrier, bytes / 4));
  }

  /** Lets threads take the program in, and gives what it computes. */
  async warmUp(): Promise<readonly number[]> {
    await this.pool.ready();
    return this.run();
  }
}

/** Steps of many kinds, with meetings between them. */
const meetings = (x: Tensor): Tensor => softmax(x.matmul(x)).matmul(x).sum(0).add(x).matmul(x);
/** One step: threads meet nowhere. */
const oneStep = (x: Tensor): Tensor => x.exp().mul(x);
/** One step of many milliseconds, and several of which that is the first. */
const oneProduct = (x: Tensor): Tensor => x.matmul(x);
const products = (x: Tensor): Tensor => x.matmul(x).matmul(x);
const LARGE = 1000;

/** Puts somebody else in the place of the first worker: `order` is called with each order. */
async function replace(pool: ThreadPool, order: (line: number, words: Int32Array) => void): Promise<void> {
  const [worker] = inside(pool).workers;
  if (worker === undefined) throw new Error('no workers');
  worker.thread.terminate();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { words } = inside(pool);
  const line = lineOf(worker.number);
  replaceThread(pool, 0, {
    post: () => undefined,
    wake: () => {
      order(line, words);
    },
    terminate: () => undefined,
    hasEnded: () => undefined,
  });
}

/** Does what an order to run says, in this thread. */
function obey(pool: ThreadPool, line: number, words: Int32Array): void {
  const [program] = inside(pool).programs;
  if (program === undefined || words[line + WORKER.ORDER] !== ORDER.RUN) throw new Error('no order to run');
  const word = (index: number): number => words[line + index] ?? 0;
  program.entry(word(WORKER.THREAD), word(WORKER.THREADS), word(WORKER.TABLE));
}

describe.each(KINDS)('%s', (kind) => {
  describe.each([2, 4])('a worker of %i threads', (threads) => {
    test.each([
      ['with meetings', meetings],
      ['without', oneStep],
    ])(
      'dies as a program %s is run, which gives the same; the next run has new ones',
      async (_, make) => {
        const runnable = new Runnable(kind, threads, make);
        const { pool } = runnable;
        const expected = await runnable.warmUp();
        inside(pool).workers[threads - 2]?.thread.terminate();
        expect(pool.readyThreads).toBe(threads);
        expect(runnable.run()).toEqual(expected);
        expect(pool.readyThreads).toBe(1);
        expect(runnable.run()).toEqual(expected);
        await pool.ready();
        expect(pool.readyThreads).toBe(threads);
        for (let n = 0; n < 3; n++) expect(runnable.run()).toEqual(expected);
        expect(pool.readyThreads).toBe(threads);
      },
      LONG,
    );

    test(
      'dies between its work and its report',
      async () => {
        const runnable = new Runnable(kind, threads, oneStep);
        const { pool } = runnable;
        const expected = await runnable.warmUp();
        let units = 0;
        await replace(pool, (line, words) => {
          // Runs before thread 0 begins: does everything.
          obey(pool, line, words);
          units++;
        });
        expect(runnable.run()).toEqual(expected);
        expect(units).toBe(1);
        expect(pool.readyThreads).toBe(1);
        await pool.ready();
        expect(runnable.run()).toEqual(expected);
      },
      LONG,
    );
  });

  test(
    'a worker that comes too late does nothing',
    async () => {
      for (const make of [meetings, oneStep]) {
        const runnable = new Runnable(kind, 2, make);
        const { pool } = runnable;
        const expected = await runnable.warmUp();
        let come: () => void = () => expect.fail('no order');
        await replace(pool, (line, words) => {
          come = () => {
            obey(pool, line, words);
          };
        });
        expect(runnable.run()).toEqual(expected);
        const shared = runnable.shared();
        come();
        shared[ATTENDANCE.entered] = (shared[ATTENDANCE.entered] ?? 0) + 1;
        expect(runnable.shared()).toEqual(shared);
      }
    },
    LONG,
  );
});

/** Quicker than `toEqual` for a million numbers. */
const isSame = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((value, i) => Object.is(value, b[i]));

/** Sleeps without a turn of the event loop. */
function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

describe.each([2, 4])('a worker of %i threads', (threads) => {
  test.each([
    ['for which the others wait', products],
    ['when nothing else is left to do', oneProduct],
  ])(
    'is killed in the middle of a kernel in WebAssembly, %s: the run fails, and the next one has new threads',
    async (_, make) => {
      const runnable = new Runnable('wasm', threads, make, LARGE);
      const { pool } = runnable;
      const expected = await runnable.warmUp();
      killInKernel(pool, 0);
      expect(() => runnable.run()).toThrow(LostThreadError);
      expect(pool.readyThreads).toBe(1);
      expect(isSame(runnable.run(), expected)).toBe(true);
      await pool.ready();
      expect(isSame(runnable.run(), expected)).toBe(true);
    },
    LONG,
  );
});

describe('a worker that waits for others', () => {
  /** A program of two threads. At its next run, the worker is terminated at the first meeting. */
  const doomed = async (kind: 'native' | 'wasm'): Promise<[Runnable, readonly number[]]> => {
    const runnable = new Runnable(kind, 2, meetings);
    const expected = await runnable.warmUp();
    whenOrdered(runnable.pool, 0, (thread) => {
      const attendance = attendanceOf(runnable.pool);
      while (attendance('count') === 0);
      // It has gone to sleep by then.
      sleep(100);
      thread.terminate();
      sleep(100);
    });
    return [runnable, expected];
  };

  test.skipIf(typeof MACHINE === 'string')(
    'in machine code does not die before the run is over',
    async () => {
      const [runnable, expected] = await doomed('native');
      expect(runnable.run()).toEqual(expected);
      expect(runnable.pool.readyThreads).toBe(1);
      expect(runnable.run()).toEqual(expected);
    },
    LONG,
  );

  test(
    'in WebAssembly dies, and the run fails',
    async () => {
      const [runnable, expected] = await doomed('wasm');
      expect(() => runnable.run()).toThrow(LostThreadError);
      expect(runnable.pool.readyThreads).toBe(1);
      expect(runnable.run()).toEqual(expected);
    },
    LONG,
  );
});

describe('a worker', () => {
  test(
    'dies as it takes a program in: the run goes on without',
    async () => {
      const runnable = new Runnable('wasm', 4, meetings);
      const { pool } = runnable;
      await pool.ready();
      inside(pool).workers[1]?.thread.terminate();
      const result = runnable.run();
      expect(pool.readyThreads).toBe(1);
      await pool.ready();
      expect(runnable.run()).toEqual(result);
      expect(pool.readyThreads).toBe(4);
    },
    LONG,
  );

  test(
    'that reports late is not lost',
    async () => {
      const runnable = new Runnable('wasm', 2, oneStep);
      const { pool } = runnable;
      const expected = await runnable.warmUp();
      await replace(pool, () => undefined);
      const reporting = new Worker(
        `const { words, remaining } = require('node:worker_threads').workerData;
         while (Atomics.load(words, remaining) === 0);
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
         Atomics.sub(words, remaining, 1);
         Atomics.notify(words, remaining);`,
        { eval: true, workerData: { words: inside(pool).words, remaining: MAIN.REMAINING } },
      );
      await new Promise((resolve) => reporting.once('online', resolve));
      expect(runnable.run()).toEqual(expected);
      expect(pool.readyThreads).toBe(2);
      await reporting.terminate();
    },
    SHORT,
  );
});
