import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { ArgumentError, InternalError } from '../../src/core/errors.js';
import { Heap } from '../../src/runtime/heap.js';
import { ThreadPool } from '../../src/runtime/pool.js';
import type { Executable } from '../../src/runtime/executable.js';
import { ATTENDANCE } from '../../src/targets/cpu/attendance.js';
import * as ir from '../../src/targets/cpu/ir.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';
import { wasmFeatures } from '../../src/targets/wasm/features.js';
import { attendTogether } from '../support/attend-together.js';

type Build = (b: ir.Builder, thread: ir.Expr, threads: ir.Expr, table: ir.Expr) => void;

function moduleOf(build: Build, options: { relaxedFma?: boolean; shared?: boolean } = {}): Executable {
  const run = ir.func(
    'run',
    ['thread', 'threads', 'table'],
    (b, ...args) => build(b, ...(args as [ir.Expr, ir.Expr, ir.Expr])),
    true,
  );
  const bytes = encodeModule({ functions: [run] }, { relaxedFma: false, ...options });
  return { kind: 'wasm', module: new WebAssembly.Module(bytes) };
}

const at = (base: ir.Expr, index: ir.Expr): ir.Expr => ir.add(base, ir.mul(index, ir.i32(4)));

/** table[thread] = 10·thread + threads + 1 */
const signIn: Build = (b, thread, threads, table) => {
  b.store('i32', at(table, thread), ir.add(ir.add(ir.mul(thread, ir.i32(10)), threads), ir.i32(1)));
};

/** table[0] += 1, by each thread. */
const count: Build = (b, _thread, _threads, table) => {
  b.let(ir.atomicAdd(table, ir.i32(1)));
};

/** Reads outside the memory in one thread. */
const failIn =
  (which: number): Build =>
  (b, thread, _threads, table) => {
    b.if(ir.compare('eq', thread, ir.i32(which)), () => {
      b.store('i32', table, ir.load('i32', ir.i32(-4), 16));
    });
  };

/** The same, before all meet. */
const failBeforeMeeting =
  (which: number): Build =>
  (b, thread, threads, table) => {
    attendTogether(b, thread, threads, table, () => {
      failIn(which)(b, thread, threads, table);
      b.push({ kind: 'barrier', state: table, threads });
    });
  };

/** The command line of a process that runs a program on two threads. */
const processArguments = [
  '--import',
  'tsx',
  fileURLToPath(new URL('../support/pool-process.ts', import.meta.url)),
];

const pools: ThreadPool[] = [];

async function poolOf(heap: Heap, threads: number): Promise<ThreadPool> {
  const pool = new ThreadPool(heap.memory, threads);
  pools.push(pool);
  await pool.ready();
  return pool;
}

function zeros(heap: Heap, length: number): number {
  const address = heap.allocate(4 * length);
  heap.view('int32', address, length).fill(0);
  return address;
}

afterEach(() => {
  for (const pool of pools.splice(0)) pool.close();
});

describe.each([1, 2, 4])('a pool of %i threads', (threads) => {
  test('runs a program once in each thread, which knows its number and how many there are', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, threads);
    const table = zeros(heap, 8);
    pool.run(pool.load(moduleOf(signIn)), table);
    const expected = Array.from({ length: 8 }, (_, thread) =>
      thread < threads ? 10 * thread + threads + 1 : 0,
    );
    expect([...heap.view('int32', table, 8)]).toEqual(expected);
  });

  test('adds up an array by parts', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, threads);
    const length = 1000;
    const data = heap.allocate(4 * length);
    heap.view('int32', data, length).set(Array.from({ length }, (_, i) => i));
    const table = zeros(heap, 2);
    heap.view('int32', table, 2)[1] = data;
    const sum = moduleOf((b, thread, threadCount, address) => {
      const first = b.let(ir.load('i32', address, 4));
      const index = b.variable(thread);
      b.while(ir.compare('lt', ir.get(index), ir.i32(length)), () => {
        b.let(ir.atomicAdd(address, ir.load('i32', at(first, ir.get(index)))));
        b.set(index, ir.add(ir.get(index), threadCount));
      });
    });
    pool.run(pool.load(sum), table);
    expect(heap.view('int32', table, 2)[0]).toBe((length * (length - 1)) / 2);
  });

  test('meets at barriers inside a program', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, threads);
    // What the barrier needs, then one cell for each thread; after the barrier each thread adds up all cells.
    const table = zeros(heap, 32);
    const program = pool.load(
      moduleOf((b, thread, threadCount, address) => {
        attendTogether(b, thread, threadCount, address, () => {
          b.store('i32', at(address, thread), ir.add(thread, ir.i32(1)), 32);
          b.push({ kind: 'barrier', state: address, threads: threadCount });
          const total = b.variable(ir.i32(0));
          b.for(ir.i32(0), threadCount, 1, (i) => {
            b.set(total, ir.add(ir.get(total), ir.load('i32', at(address, i), 32)));
          });
          b.store('i32', at(address, thread), ir.get(total), 64);
        });
      }),
    );
    const sums = Array.from({ length: threads }, () => (threads * (threads + 1)) / 2);
    for (let n = 0; n < 50; n++) {
      heap.view('int32', table, 32).fill(0);
      pool.run(program, table);
      expect([...heap.view('int32', table + 64, threads)]).toEqual(sums);
    }
  });

  test('has finished everywhere when run returns, 1,000 times over', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, threads);
    const table = zeros(heap, 1);
    const program = pool.load(moduleOf(count));
    for (let n = 1; n <= 1000; n++) {
      pool.run(program, table);
      if (heap.view('int32', table, 1)[0] !== n * threads) expect.fail(`in run ${n}`);
    }
  });

  test('keeps many programs apart', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, threads);
    const table = zeros(heap, 64);
    const programs = Array.from({ length: 20 }, (_, n) =>
      pool.load(
        moduleOf(
          (b, _thread, _threads, address) =>
            void b.let(ir.atomicAdd(ir.add(address, ir.i32(4 * n)), ir.i32(1))),
        ),
      ),
    );
    for (let round = 0; round < 3; round++) for (const each of programs) pool.run(each, table);
    expect([...heap.view('int32', table, 20)]).toEqual(programs.map(() => 3 * threads));
  });

  test('calls host functions', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, threads);
    const table = heap.allocate(8 * threads);
    const program = moduleOf((b, thread, _threads, address) => {
      const x = ir.convert('fromS', 'f64', ir.add(thread, ir.i32(1)));
      b.store('f64', ir.add(address, ir.mul(thread, ir.i32(8))), ir.host('atan2', x, ir.host('exp', x)));
    });
    pool.run(pool.load(program), table);
    const expected = Array.from({ length: threads }, (_, i) => Math.atan2(i + 1, Math.exp(i + 1)));
    expect([...heap.view('float64', table, threads)]).toEqual(expected);
  });
});

describe('workers', () => {
  test('may take part or not, run by run', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, 4);
    const table = zeros(heap, 1);
    const program = pool.load(moduleOf(count));
    let total = 0;
    for (let n = 0; n < 300; n++) {
      const threads = 1 + (n % 4);
      pool.run(program, table, threads);
      total += threads;
      if (heap.view('int32', table, 1)[0] !== total) expect.fail(`in run ${n}`);
    }
  });

  test('wake up again after they have gone to sleep', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, 2);
    const table = zeros(heap, 1);
    const program = pool.load(moduleOf(count));
    for (let n = 1; n <= 10; n++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      pool.run(program, table);
      expect(heap.view('int32', table, 1)[0]).toBe(2 * n);
    }
  });

  test('start when a run asks for them, and runs do not wait', async () => {
    const heap = new Heap();
    const pool = new ThreadPool(heap.memory, 4);
    pools.push(pool);
    const table = zeros(heap, 4);
    const program = pool.load(moduleOf(signIn));
    expect(pool.threads).toBe(4);
    expect(pool.readyThreads).toBe(1);
    pool.run(program, table);
    expect([...heap.view('int32', table, 4)]).toEqual([2, 0, 0, 0]);
    await pool.ready();
    expect(pool.readyThreads).toBe(4);
    pool.run(program, table);
    expect([...heap.view('int32', table, 4)]).toEqual([5, 15, 25, 35]);
  });

  test('see memory that was added after they started', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, 2);
    const program = pool.load(moduleOf(signIn));
    pool.run(program, zeros(heap, 2));
    heap.allocate(100_000_000);
    const table = zeros(heap, 2);
    pool.run(program, table);
    expect([...heap.view('int32', table, 2)]).toEqual([3, 13]);
  });

  test('take tables above 2 GiB', async () => {
    const heap = new Heap();
    if (heap.maximumBytes < 2 ** 32) return;
    heap.allocate(2 ** 31);
    const pool = await poolOf(heap, 2);
    const table = zeros(heap, 2);
    pool.run(pool.load(moduleOf(signIn)), table);
    expect([...heap.view('int32', table, 2)]).toEqual([3, 13]);
  });

  test('run relaxed SIMD where the host has it', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, 2);
    const { relaxedFma } = wasmFeatures();
    const program = pool.load(
      moduleOf(
        (b, thread, _threads, table) => {
          const address = b.let(ir.add(table, ir.mul(thread, ir.i32(16))));
          const x = b.let(ir.load('f32', address, 0, true));
          b.store('f32', address, ir.fma(x, x, x));
        },
        { relaxedFma },
      ),
    );
    const table = heap.allocate(32);
    heap.view('float32', table, 8).fill(3);
    pool.run(program, table);
    expect([...heap.view('float32', table, 8)]).toEqual(Array.from({ length: 8 }, () => 12));
  });

  test('do not keep the process alive', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, processArguments, {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'ran on 2 threads\n', stderr: '' });
  });
});

describe('a pool without shared memory', () => {
  test('has one thread', async () => {
    const heap = new Heap({ shared: false });
    const pool = await poolOf(heap, 4);
    expect(pool.threads).toBe(1);
    const table = zeros(heap, 4);
    pool.run(pool.load(moduleOf(signIn, { shared: false })), table);
    expect([...heap.view('int32', table, 4)]).toEqual([2, 0, 0, 0]);
  });
});

describe('unloading and closing', () => {
  test('a program that was unloaded cannot be run', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, 2);
    const table = zeros(heap, 1);
    const [kept, dropped] = [pool.load(moduleOf(count)), pool.load(moduleOf(count))];
    pool.run(dropped, table);
    pool.unload(dropped);
    expect(() => pool.run(dropped, table)).toThrow(InternalError);
    expect(() => pool.unload(dropped)).toThrow(InternalError);
    pool.run(kept, table);
    expect(heap.view('int32', table, 1)[0]).toBe(4);
  });

  test('a closed pool runs programs in the calling thread', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, 4);
    const program = pool.load(moduleOf(signIn));
    pool.run(program, zeros(heap, 4));
    pool.close();
    const table = zeros(heap, 4);
    pool.run(program, table);
    expect([...heap.view('int32', table, 4)]).toEqual([2, 0, 0, 0]);
  });
});

describe('failures', () => {
  test('in a worker are thrown by run, and the pool goes on', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, 4);
    const program = pool.load(moduleOf(failIn(2)));
    const table = zeros(heap, 1);
    expect(() => pool.run(program, table)).toThrow(
      /worker thread 2 failed to run a program: .*out of bounds/,
    );
    const good = pool.load(moduleOf(count));
    pool.run(good, table);
    expect(heap.view('int32', table, 1)[0]).toBe(4);
  });

  test('in all threads at once are one failure, and the pool goes on', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, 4);
    const table = zeros(heap, 1);
    const program = pool.load(
      moduleOf((b, _thread, _threads, address) => b.store('i32', address, ir.load('i32', ir.i32(-4), 16))),
    );
    expect(() => pool.run(program, table)).toThrow(/failed while running: .*out of bounds/);
    pool.run(pool.load(moduleOf(count)), table);
    expect(heap.view('int32', table, 1)[0]).toBe(4);
  });

  test('in the calling thread are thrown although workers wait for it at a barrier; they are replaced', async () => {
    const heap = new Heap();
    const pool = await poolOf(heap, 2);
    const program = pool.load(moduleOf(failBeforeMeeting(0)));
    expect(() => pool.run(program, zeros(heap, ATTENDANCE.words))).toThrow(
      /failed while running: .*out of bounds/,
    );
    expect(pool.readyThreads).toBe(1);
    await pool.ready();
    const table = zeros(heap, 1);
    pool.run(pool.load(moduleOf(count)), table);
    expect(heap.view('int32', table, 1)[0]).toBe(2);
  });

  test.each([2, 4])(
    'in a worker of %i threads are thrown although the others wait for it at a barrier; they are replaced',
    async (threads) => {
      const heap = new Heap();
      const pool = await poolOf(heap, threads);
      const program = pool.load(moduleOf(failBeforeMeeting(1)));
      expect(() => pool.run(program, zeros(heap, ATTENDANCE.words))).toThrow(
        /worker thread 1 failed to run a program: .*out of bounds/,
      );
      await pool.ready();
      const table = zeros(heap, 1);
      pool.run(pool.load(moduleOf(count)), table);
      expect(heap.view('int32', table, 1)[0]).toBe(threads);
    },
  );

  test('a module without run, or with unknown imports, is refused', () => {
    const pool = new ThreadPool(new Heap().memory, 1);
    const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    expect(() => pool.load({ kind: 'wasm', module: empty })).toThrow(/exports no function "run"/);
    const unshared = moduleOf(signIn, { shared: false });
    expect(() => pool.load(unshared)).toThrow(/cannot be loaded/);
  });

  test.each([0, -1, 1.5, NaN])('a pool of %s threads is refused', (threads) => {
    expect(() => new ThreadPool(new Heap().memory, threads)).toThrow(ArgumentError);
  });
});
