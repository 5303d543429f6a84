/** Runs a program on two threads and then has nothing left to do. See pool.test.ts. */
import { Heap } from '../../src/runtime/heap.js';
import { ThreadPool } from '../../src/runtime/pool.js';
import { attendTogether } from './attend-together.js';
import { add, atomicAdd, func, i32 } from '../../src/targets/cpu/ir.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';

const heap = new Heap();
const pool = new ThreadPool(heap.memory, 2);
const count = func(
  'run',
  ['thread', 'threads', 'table'],
  (b, thread = i32(0), threads = i32(0), table = i32(0)) => {
    const state = b.let(add(table, i32(8)));
    attendTogether(b, thread, threads, state, () => {
      b.let(atomicAdd(table, i32(1)));
      b.push({ kind: 'barrier', state, threads });
    });
  },
  true,
);
const module = new WebAssembly.Module(encodeModule({ functions: [count] }, { relaxedFma: false }));
const program = pool.load({ kind: 'wasm', module });
await pool.ready();
const table = heap.allocate(64);
const words = heap.view('int32', table, 16).fill(0);
pool.run(program, table);
console.log(`ran on ${words[0]} threads`);
