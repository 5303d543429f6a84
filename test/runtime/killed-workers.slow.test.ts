/** Workers that are killed in the middle of a program, and workers that only take long. */
import { afterEach, describe, expect, test } from 'vitest';
import { DeviceError } from '../../src/core/errors.js';
import { Heap } from '../../src/runtime/heap.js';
import { lineOf, WORKER } from '../../src/runtime/pool-protocol.mjs';
import { type LoadedProgram, LostThreadError, ThreadPool } from '../../src/runtime/pool.js';
import { ATTENDANCE } from '../../src/targets/cpu/attendance.js';
import * as ir from '../../src/targets/cpu/ir.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';
import { attendTogether } from '../support/attend-together.js';
import { inside, whenOrdered } from '../support/pool-inside.js';

const { i32 } = ir;
const LIMIT = 30_000;

/** Words of a table behind those of `attendance.ts`: threads that have begun, whether they may go on, and what each has written at the end. */
const [BEGUN, MAY_GO_ON, WRITTEN] = [ATTENDANCE.words, ATTENDANCE.words + 1, ATTENDANCE.words + 2];
/** How long a slow thread takes. */
const SLOW_MS = 3000;

type Slowness = 'until told' | 'for long';

/** The last thread is held up; then it meets the others, or that is the end. */
function programOf(slowness: Slowness, meets: boolean): WebAssembly.Module {
  const run = ir.func(
    'run',
    ['thread', 'threads', 'table'],
    (b, ...args) => {
      const [thread, threads, table] = args as [ir.Expr, ir.Expr, ir.Expr];
      const word = (index: number): ir.Expr => ir.add(table, i32(4 * index));
      attendTogether(b, thread, threads, table, () => {
        b.if(ir.compare('eq', thread, ir.sub(threads, i32(1))), () => {
          b.let(ir.atomicAdd(word(BEGUN), i32(1)));
          if (slowness === 'until told')
            b.while(ir.compare('eq', ir.atomicAdd(word(MAY_GO_ON), i32(0)), i32(0)), () => undefined);
          else {
            const end = b.let(ir.add(ir.host('now'), ir.constant('f64', SLOW_MS)));
            b.while(ir.compare('lt', ir.host('now'), end), () => undefined);
          }
        });
        if (meets) b.push({ kind: 'barrier', state: table, threads });
        b.store('i32', ir.add(word(WRITTEN), ir.mul(thread, i32(4))), i32(1));
      });
    },
    true,
  );
  return new WebAssembly.Module(encodeModule({ functions: [run] }, { relaxedFma: false }));
}

const pools: ThreadPool[] = [];
afterEach(() => {
  for (const pool of pools.splice(0)) pool.close();
});

/** A program of that kind on a pool, and the words of its table. */
class Runnable {
  readonly pool: ThreadPool;
  readonly words: Int32Array;
  private readonly program: LoadedProgram;
  private readonly table: number;

  constructor(pool: ThreadPool, heap: Heap, module: WebAssembly.Module) {
    this.pool = pool;
    this.table = heap.allocate(4 * 64);
    this.words = new Int32Array(heap.memory.buffer, this.table, 64);
    this.program = pool.load({ kind: 'wasm', module }, 0);
  }

  static async make(threads: number, slowness: Slowness, meets: boolean): Promise<Runnable> {
    const heap = new Heap();
    const pool = new ThreadPool(heap.memory, threads);
    pools.push(pool);
    await pool.ready();
    return new Runnable(pool, heap, programOf(slowness, meets));
  }

  /** Gives what the threads have written. */
  run(mayGoOn: boolean): number[] {
    this.words.fill(0);
    this.words[MAY_GO_ON] = mayGoOn ? 1 : 0;
    this.pool.run(this.program, this.table);
    return [...this.words.subarray(WRITTEN, WRITTEN + this.pool.threads)];
  }
}

/** Terminates that worker, the last one, in its next run, before the calling thread begins with its part. */
function killOnceBegun({ pool, words }: Runnable, worker: number): void {
  whenOrdered(pool, worker, (thread) => {
    while (Atomics.load(words, BEGUN) === 0);
    thread.terminate();
  });
}

describe.each([2, 4])('one of %i threads', (threads) => {
  const everyone = Array<number>(threads).fill(1);

  describe.each([
    ['whom the others are to meet', true],
    ['whom the others do not meet', false],
  ])('%s', (_, meets) => {
    test(
      'is killed in WebAssembly: the run fails, and the next one has new threads',
      async () => {
        const runnable = await Runnable.make(threads, 'until told', meets);
        const { pool, words } = runnable;
        expect(runnable.run(true)).toEqual(everyone);
        killOnceBegun(runnable, threads - 2);
        const start = performance.now();
        const run = (): unknown => runnable.run(false);
        expect(run).toThrow(LostThreadError);
        expect(performance.now() - start).toBeLessThan(5000);
        expect(words[WRITTEN + threads - 1]).toBe(0);
        expect(pool.readyThreads).toBe(1);
        await pool.ready();
        expect(runnable.run(true)).toEqual(everyone);
        expect(pool.readyThreads).toBe(threads);
      },
      LIMIT,
    );

    test(
      'takes long: the others wait for it',
      async () => {
        const runnable = await Runnable.make(threads, 'for long', meets);
        const { pool } = runnable;
        const workers = [...inside(pool).workers];
        expect(workers).toHaveLength(threads - 1);
        const start = performance.now();
        expect(runnable.run(true)).toEqual(everyone);
        expect(performance.now() - start).toBeGreaterThan(0.9 * SLOW_MS);
        expect(inside(pool).workers).toEqual(workers);
        expect(workers.map(({ thread }) => thread.hasEnded())).toEqual(workers.map(() => false));
      },
      LIMIT,
    );
  });
});

test('the error says what is lost and what to do', () => {
  const error = new LostThreadError();
  expect(error).toBeInstanceOf(DeviceError);
  expect(error.name).toBe('LostThreadError');
  expect(error.message).toMatch(/ended in the middle of a program.*\n.*half written.*checkpoint/);
});

test(
  'by what Node measures it is found out too',
  async () => {
    const runnable = await Runnable.make(2, 'until told', true);
    const { pool } = runnable;
    expect(runnable.run(true)).toEqual([1, 1]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { words } = inside(pool);
    words[lineOf(0) + WORKER.TASK] = 0;
    killOnceBegun(runnable, 0);
    expect(() => runnable.run(false)).toThrow(LostThreadError);
    expect(runnable.run(true)).toEqual([1, 0]);
  },
  LIMIT,
);

test.runIf(process.platform === 'linux')(
  'on Linux it is found out even if the event loop has never turned since the start',
  () => {
    const heap = new Heap();
    const pool = new ThreadPool(heap.memory, 2);
    pools.push(pool);
    const runnable = new Runnable(pool, heap, programOf('until told', true));
    runnable.run(true);
    while (pool.readyThreads === 1);
    expect(runnable.run(true)).toEqual([1, 1]);
    killOnceBegun(runnable, 0);
    expect(() => runnable.run(false)).toThrow(LostThreadError);
    expect(runnable.run(true)).toEqual([1, 0]);
  },
  LIMIT,
);

describe('whether a thread has ended', () => {
  test.each(process.platform === 'linux' ? ['Linux', 'Node'] : ['Node'])(
    'is known from %s, soon after its end and not before',
    async (source) => {
      const pool = new ThreadPool(new Heap().memory, 3);
      pools.push(pool);
      await pool.ready();
      // The turns of the event loop that Node needs.
      await new Promise((resolve) => setTimeout(resolve, 50));
      const { words, workers } = inside(pool);
      const tasks = workers.map(({ number }) => lineOf(number) + WORKER.TASK);
      if (source === 'Node') for (const task of tasks) words[task] = 0;
      else expect(tasks.every((task) => (words[task] ?? 0) > 0)).toBe(true);
      const nothing = new Int32Array(new SharedArrayBuffer(4));
      const [first, second] = workers.map(({ thread }) => thread);
      expect([first?.hasEnded(), second?.hasEnded()]).toEqual([false, false]);
      first?.terminate();
      // Without a turn of the event loop.
      for (let n = 0; n < 1000 && first?.hasEnded() === false; n++) Atomics.wait(nothing, 0, 0, 5);
      expect([first?.hasEnded(), second?.hasEnded()]).toEqual([true, false]);
      // And after its event.
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect([first?.hasEnded(), second?.hasEnded()]).toEqual([true, false]);
    },
    LIMIT,
  );
});
