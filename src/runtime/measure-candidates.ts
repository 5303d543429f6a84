/** Times ways to do a contraction, each as a small program of its own. */
import { bytesPerElement } from '../core/dtype.js';
import { DeviceError } from '../core/errors.js';
import { kernelShape } from '../compiler/kernel-shape.js';
import type { ContractionKernel, KernelProgram } from '../compiler/kernel.js';
import type { Candidate } from '../targets/cpu/candidates.js';
import { lowerProgram } from '../targets/cpu/program.js';
import type { TableLayout } from '../targets/cpu/table-layout.js';
import { Unsupported } from '../targets/native/native-code.js';
import type { CodeGenerator } from './code-generator.js';
import type { CpuMemory } from './cpu-memory.js';
import { CodeRefused } from './native/code-memory.js';

/** For all candidates of a kernel together; making their code comes on top of it. */
const MILLISECONDS = 50;
/** The first goes for cold caches, and the best of the others counts. */
const FEWEST_ROUNDS = 4;
const MOST_ROUNDS = 16;
/** Of a large kernel only some units of work run, about so many operations: a millisecond or two. */
const RUN_FLOPS = 1e8;
/** They run in pieces of about so many, whose best times are added up: few pieces of a quarter of a millisecond are held up by other processes. */
const PIECE_FLOPS = 2e7;
/** Kernels with more memory than this are left to the estimate. */
const MOST_BYTES = 256 * 1024 * 1024;
/** Numbers of which no sum overflows and none is subnormal, which would be slow. */
const HARMLESS = 0.5;

/** Where kernels are measured, and the program that they are part of. */
export interface Bench {
  readonly program: KernelProgram;
  readonly generator: CodeGenerator;
  readonly memory: CpuMemory;
}

/** A candidate as code. */
interface Trial {
  readonly candidate: Candidate;
  readonly layout: TableLayout;
  readonly scratchBytes: number;
  /** The part of the kernel that a run does. */
  readonly share: number;
  readonly run: (table: number, begin: number, end: number, scratch: number) => void;
  readonly free: () => void;
  readonly pieces: readonly Piece[];
}

/** Units of work, and the milliseconds of their fastest run. */
interface Piece {
  readonly begin: number;
  readonly end: number;
  best: number;
}

const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/**
 * Milliseconds that each candidate takes on one thread: if choices depended on the number of threads, results would too. Candidates that no code can be
 * made for are left out, and all are where there is no memory to try them in.
 */
export function measureCandidates(
  kernel: ContractionKernel,
  candidates: readonly Candidate[],
  bench: Bench,
): Map<Candidate, number> {
  const trials: Trial[] = [];
  try {
    for (const candidate of candidates) {
      const trial = trialOf(kernel, candidate, bench);
      if (trial !== undefined) trials.push(trial);
    }
    race(trials, kernel, bench);
    return new Map(
      trials.map(({ candidate, pieces, share }) => [
        candidate,
        pieces.reduce((sum, { best }) => sum + best, 0) / share,
      ]),
    );
  } catch (error) {
    if (error instanceof DeviceError) return new Map();
    throw error;
  } finally {
    for (const { free } of trials) free();
  }
}

function trialOf(
  kernel: ContractionKernel,
  candidate: Candidate,
  { program, generator }: Bench,
): Trial | undefined {
  const { layout, module, kernels, scratchBytes } = lowerProgram(
    { ...program, preparation: [], steps: [[kernel]] },
    generator.machine,
    { choose: (_, [first, ...others]) => others.find(({ name }) => name === candidate.name) ?? first },
  );
  const [code] = kernels;
  if (code === undefined) return undefined;
  let generated;
  try {
    generated = generator.place(generator.encode(module));
  } catch (error) {
    if (error instanceof Unsupported || error instanceof CodeRefused) return undefined;
    throw error;
  }
  const { units, flops, frame } = code;
  const unitsOf = (wanted: number): number => Math.min(units, Math.ceil((units * wanted) / flops));
  const [some, step] = [unitsOf(RUN_FLOPS), unitsOf(PIECE_FLOPS)];
  const entry = generated.function(code.entry);
  return {
    candidate,
    layout,
    scratchBytes,
    share: some / units,
    run: (table, begin, end, scratch) => entry(table + frame, begin, end, scratch),
    free: () => generated.free(),
    pieces: Array.from({ length: Math.ceil(some / step) }, (_, n) => ({
      begin: n * step,
      end: Math.min(some, (n + 1) * step),
      best: Infinity,
    })),
  };
}

/** Runs them in turn, so that what else the machine does meets all alike, over memory that no other program needs meanwhile. */
function race(trials: readonly Trial[], kernel: ContractionKernel, { program, memory }: Bench): void {
  const [first] = trials;
  if (first === undefined) return;
  // The same for all: it depends on the program alone.
  const { layout } = first;
  const { buffers, scalars } = kernelShape(kernel, () => '');
  const bytesOf = (buffer: number): number => {
    const info = program.buffers[buffer];
    return info === undefined ? 0 : info.size * bytesPerElement(info.dtype);
  };
  let end = aligned(layout.bytes);
  const places = buffers.map((buffer) => {
    const place = end;
    end += aligned(bytesOf(buffer)) + 64;
    return place;
  });
  if (end > MOST_BYTES) throw new DeviceError('more memory than measurements may take');
  // Reserving comes before the first view: the memory may grow.
  const table = memory.reserve(end + Math.max(...trials.map(({ scratchBytes }) => scratchBytes)) + 64);
  const { heap } = memory;
  heap.view('uint8', table, end).fill(0);
  const words = heap.view('int32', table, layout.bytes / 4);
  for (const { at, to } of layout.frames) words[at / 4] = table + to;
  buffers.forEach((buffer, i) => {
    const place = table + (places[i] ?? 0);
    words[buffer] = place;
    const info = program.buffers[buffer];
    if (info?.dtype === 'float32') heap.view('float32', place, info.size).fill(HARMLESS);
  });
  for (const slot of scalars)
    if (program.scalars[slot] === 'float32')
      heap.view('float32', table + layout.scalars + 8 * slot, 1).fill(HARMLESS);
  const start = performance.now();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    if (round >= FEWEST_ROUNDS && performance.now() - start > MILLISECONDS) break;
    for (const { run, pieces } of trials)
      for (const piece of pieces) {
        const before = performance.now();
        run(table, piece.begin, piece.end, table + end);
        const milliseconds = performance.now() - before;
        if (round > 0) piece.best = Math.min(piece.best, milliseconds);
      }
  }
}
