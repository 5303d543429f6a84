/** Programs that do nothing but what the machine can do at most: what kernels are measured against. */
import { attend } from './attendance.js';
import * as ir from './ir.js';
import type { Builder, Expr, Module } from './ir.js';

/** Where a probe finds what it is to do, in bytes from the start of its table; results that nobody wants go behind. */
export const PROBE_TABLE = {
  rounds: 0,
  source: 4,
  target: 8,
  bytes: 12,
  attendance: 64,
  results: 128,
} as const;
const RESULT_BYTES = 64;

/** Bytes of the table for so many threads. */
export const probeTableBytes = (threads: number): number => PROBE_TABLE.results + threads * RESULT_BYTES;

/** Sums that do not wait for each other: enough for two units that take four cycles, and few enough for 16 registers. */
const CHAINS = 12;
/** Links of a chain for each call: V8 enters better code with the next call of a function. */
const LINKS = 512;

const word = (table: Expr, offset: number): Expr => ir.load('i32', table, offset);
const resultOf = (table: Expr, thread: Expr): Expr => ir.add(table, ir.mul(thread, ir.i32(RESULT_BYTES)));

/** Operations of each thread for each round of {@link arithmeticProbe}, on machines with `lanes` lanes. */
export const arithmeticProbeFlops = (lanes: number): number => 2 * lanes * CHAINS * LINKS;

/** Multiplications and additions of float32 in registers. */
export function arithmeticProbe(): Module {
  const chains = ir.func('chains', ['table', 'result'], (b, table, result) => {
    const factor = b.let(ir.splat(ir.convert('fromS', 'f32', word(table, PROBE_TABLE.rounds))));
    // Between 0 and 1, by a number that no compiler knows: all sums tend to 1 then.
    const x = b.let(ir.binary('div', ir.constant('f32v', 1), ir.add(factor, ir.constant('f32v', 2))), 'x');
    const y = b.let(ir.sub(ir.constant('f32v', 1), x), 'y');
    const sums = Array.from({ length: CHAINS }, (_, i) => b.variable(ir.constant('f32v', i), 'sum'));
    b.for(ir.i32(0), ir.i32(LINKS), 1, () => {
      for (const sum of sums) b.set(sum, ir.fma(ir.get(sum), x, y));
    });
    b.store('f32', result, sumOf(sums.map(ir.get)), PROBE_TABLE.results);
  });
  return {
    functions: [
      chains,
      runRounds((b, thread, table) => {
        b.call('chains', table, resultOf(table, thread));
      }),
    ],
  };
}

/** Bytes that a vector loop takes at a time, whatever the number of lanes; parts are multiples of it. */
export const PROBE_GRAIN = 1024;
/** Bytes of a call. */
const BLOCK = 64 * 1024;
/** Vectors of a turn of the loop. */
const WIDTH = 4;

/** Each thread copies its part, `bytes` bytes of the source, to its part of the target. */
export function copyProbe(lanes: number): Module {
  const copy = ir.func('copy', ['from', 'to', 'bytes'], (b, from, to, bytes) => {
    b.for(ir.i32(0), bytes, WIDTH * 4 * lanes, (i) => {
      const [source, target] = [b.let(ir.add(from, i)), b.let(ir.add(to, i))];
      const values = vectors(lanes).map((offset) => b.let(ir.load('i32', source, offset, true)));
      values.forEach((value, n) => b.store('i32', target, value, n * 4 * lanes));
    });
  });
  return {
    functions: [
      copy,
      runRounds((b, thread, table) => {
        inBlocks(b, thread, table, (at, length) => {
          const [source, target] = [word(table, PROBE_TABLE.source), word(table, PROBE_TABLE.target)];
          b.call('copy', ir.add(source, at), ir.add(target, at), length);
        });
      }),
    ],
  };
}

/** Each thread reads its part, `bytes` bytes of the source. Whole numbers: others might be slow to add. */
export function readProbe(lanes: number): Module {
  const read = ir.func('read', ['from', 'bytes', 'result'], (b, from, bytes, result) => {
    const sums = [...vectors(lanes), ...vectors(lanes)].map(() => b.variable(ir.constant('i32v', 0), 'sum'));
    b.for(ir.i32(0), bytes, 2 * WIDTH * 4 * lanes, (i) => {
      const source = b.let(ir.add(from, i));
      sums.forEach((sum, n) => {
        b.set(sum, ir.add(ir.get(sum), ir.load('i32', source, n * 4 * lanes, true)));
      });
    });
    b.store('i32', result, sumOf(sums.map(ir.get)), PROBE_TABLE.results);
  });
  return {
    functions: [
      read,
      runRounds((b, thread, table) => {
        inBlocks(b, thread, table, (at, length) => {
          b.call('read', ir.add(word(table, PROBE_TABLE.source), at), length, resultOf(table, thread));
        });
      }),
    ],
  };
}

const vectors = (lanes: number): number[] => Array.from({ length: WIDTH }, (_, n) => n * 4 * lanes);

function sumOf(values: readonly Expr[]): Expr {
  const [first = ir.constant('i32v', 0), ...others] = values;
  return ir.reduceLanes('add', others.reduce(ir.add, first));
}

/** The function that threads run: `round`, as often as the table says. */
function runRounds(round: (b: Builder, thread: Expr, table: Expr) => void): ir.Func {
  return ir.func(
    'run',
    ['thread', 'threads', 'table'],
    (b, thread, _threads, table) => {
      attend(b, thread, ir.add(table, ir.i32(PROBE_TABLE.attendance)), () => {
        b.for(ir.i32(0), word(table, PROBE_TABLE.rounds), 1, () => {
          round(b, thread, table);
        });
      });
    },
    true,
  );
}

/** Where the blocks of a thread's part begin, and how long they are. */
function inBlocks(b: Builder, thread: Expr, table: Expr, block: (at: Expr, length: Expr) => void): void {
  const bytes = b.let(word(table, PROBE_TABLE.bytes), 'bytes');
  const part = b.let(ir.mul(thread, bytes), 'part');
  b.for(ir.i32(0), bytes, BLOCK, (i) => {
    block(b.let(ir.add(part, i)), b.let(ir.binary('minS', ir.i32(BLOCK), ir.sub(bytes, i))));
  });
}
