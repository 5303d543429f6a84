/** Measures what the machine can do at the most, once for each code generator and number of threads. */
import { ATTENDANCE } from '../targets/cpu/attendance.js';
import {
  arithmeticProbe,
  arithmeticProbeFlops,
  copyProbe,
  PROBE_GRAIN,
  PROBE_TABLE,
  probeTableBytes,
  readProbe,
} from '../targets/cpu/probes.js';
import type { Module } from '../targets/cpu/ir.js';
import type { CodeGenerator } from './code-generator.js';
import type { CpuMemory } from './cpu-memory.js';
import type { Ceilings, MemorySpeed } from './roofline.js';

/** Time for each measurement; the best of many runs counts. Long enough for V8 to come up with its better code. */
const MILLISECONDS = 12;
const FEWEST_RUNS = 4;
/** Rounds of arithmetic in a run: about half a millisecond. */
const ARITHMETIC_ROUNDS = 400;
/** Bytes that a run moves at least, so that starting it does not count. */
const RUN_BYTES = 32 * 1024 * 1024;
/** Sizes of memory to go over: the first two caches of a core or several, their common one, and main memory. */
const SIZES = [32, 256, 2 * 1024, 16 * 1024, 64 * 1024].map((kib) => kib * 1024);

const known = new WeakMap<CodeGenerator, Map<number, Ceilings>>();

/** The ceilings for code of `generator` on all threads, which must be up. Takes a tenth of a second or two the first time. */
export function ceilingsOf(generator: CodeGenerator, memory: CpuMemory): Ceilings {
  let byThreads = known.get(generator);
  if (byThreads === undefined) known.set(generator, (byThreads = new Map<number, Ceilings>()));
  const { threads } = memory.pool;
  let ceilings = byThreads.get(threads);
  if (ceilings === undefined) byThreads.set(threads, (ceilings = measure(generator, memory)));
  return ceilings;
}

function measure(generator: CodeGenerator, memory: CpuMemory): Ceilings {
  const { heap, pool } = memory;
  const { threads } = pool;
  const { lanes } = generator.machine;
  const room = SIZES.at(-1) ?? 0;
  const table = heap.allocate(probeTableBytes(threads));
  const source = heap.allocate(room);
  // Pages that nobody has written to would all be one page of zeros.
  heap.view('uint8', source, room).fill(1);
  const probe = (module: Module, rounds: number, bytes: number): number => {
    const words = heap.view('int32', table, PROBE_TABLE.results / 4);
    words[PROBE_TABLE.rounds / 4] = rounds;
    words[PROBE_TABLE.source / 4] = source;
    words[PROBE_TABLE.target / 4] = source + room / 2;
    words[PROBE_TABLE.bytes / 4] = bytes;
    return bestOf(generator, memory, module, table);
  };
  const partOf = (bytes: number): number =>
    Math.max(PROBE_GRAIN, Math.floor(bytes / threads / PROBE_GRAIN) * PROBE_GRAIN);
  const speed = (module: Module, part: number, moved: number): number => {
    const rounds = Math.max(1, Math.round(RUN_BYTES / moved));
    return (rounds * moved) / probe(module, rounds, part) / 1e6;
  };
  try {
    const flops = ARITHMETIC_ROUNDS * threads * arithmeticProbeFlops(lanes);
    return {
      gigaflopsPerSecond: flops / probe(arithmeticProbe(), ARITHMETIC_ROUNDS, 0) / 1e6,
      memory: SIZES.map((bytes): MemorySpeed => {
        const [half, all] = [partOf(bytes / 2), partOf(bytes)];
        return {
          bytes,
          copyGigabytesPerSecond: speed(copyProbe(lanes), half, 2 * half * threads),
          readGigabytesPerSecond: speed(readProbe(lanes), all, all * threads),
        };
      }),
    };
  } finally {
    heap.free(source);
    heap.free(table);
  }
}

/** The shortest time of a module's run on all threads, in milliseconds. */
function bestOf(generator: CodeGenerator, { heap, pool }: CpuMemory, module: Module, table: number): number {
  const code = generator.place(generator.encode(module));
  const program = pool.load(code.executable, PROBE_TABLE.attendance);
  const attendance = heap.view('int32', table + PROBE_TABLE.attendance, ATTENDANCE.words);
  try {
    let best = Infinity;
    const start = performance.now();
    for (let run = 0; run < FEWEST_RUNS || performance.now() - start < MILLISECONDS; run++) {
      attendance.fill(0);
      const before = performance.now();
      pool.run(program, table);
      best = Math.min(best, performance.now() - before);
    }
    return best;
  } finally {
    pool.unload(program);
    code.free();
  }
}
