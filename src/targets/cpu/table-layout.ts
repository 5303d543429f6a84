/** The table of a program: where its words lie. */
import { kernelShape, type KernelShape } from '../../compiler/kernel-shape.js';
import type { Kernel, KernelProgram, ScanKernel, Step } from '../../compiler/kernel.js';
import { ATTENDANCE } from './attendance.js';

export const CACHE_LINE = 64;

/**
 * Where things lie in a program's table, in bytes from its start. Words 0, 4, … are the addresses of the buffers. Kernels find what is theirs through
 * frames: so kernels of the same shape can share their code.
 */
export interface TableLayout {
  /** Words that stay: each holds the address of another word of the table, or of a scalar, `to` bytes from the table's start. */
  readonly frames: readonly { readonly at: number; readonly to: number }[];
  /** Word that says whether the preparation is to run. */
  readonly prepare: number;
  /** Word with the address of the threads' scratch memory. */
  readonly scratch: number;
  /** Word with the address of the notes of a timed program. */
  readonly timeline: number;
  /** Eight bytes for each scalar. */
  readonly scalars: number;
  /** The words in which threads sign in and meet: see `attendance.ts`. Zero when a run starts, as all that follows. */
  readonly barrier: number;
  /** A cache line per kernel, with a word for each share of its units: how many of them are taken. */
  readonly counters: number;
  readonly counterBytes: number;
  readonly bytes: number;
}

/** A kernel that has code of its own. */
export type PlainKernel = Exclude<Kernel, { kind: 'scan' }>;

/** The shape of a kernel, and where its frame lies. */
export type FramedShape = KernelShape & { readonly frame: number };

export const align = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

/** The preparation and what follows it. */
export const allSteps = ({ preparation, steps }: KernelProgram): readonly Step[] => [
  ...preparation,
  ...steps,
];

/** How many kernels there are, or how often kernels run: those in scans as often as `times` says. */
export const countKernels = (steps: readonly Step[], times: (scan: ScanKernel) => number): number =>
  steps
    .flat()
    .reduce(
      (n, kernel) => n + (kernel.kind === 'scan' ? times(kernel) * countKernels(kernel.body, times) : 1),
      0,
    );

/** Lays the table of a program out, and says which frame is whose. */
export function layOutTable(program: KernelProgram): {
  readonly layout: TableLayout;
  readonly shapes: ReadonlyMap<Kernel, FramedShape>;
} {
  const prepare = 4 * program.buffers.length;
  const scratch = prepare + 4;
  const timeline = scratch + 4;
  const scalars = align(timeline + 4, 8);
  let end = scalars + 8 * program.scalars.length;
  const frames: { at: number; to: number }[] = [];
  const shapes = new Map<Kernel, FramedShape>();
  const typeOf = (buffer: number): string => {
    const info = program.buffers[buffer];
    return `${info?.dtype ?? ''}${info?.size ?? ''}`;
  };
  eachKernel(allSteps(program), (kernel) => {
    const shape = kernelShape(kernel, typeOf);
    shapes.set(kernel, { ...shape, frame: end });
    for (const to of [
      ...shape.buffers.map((buffer) => 4 * buffer),
      ...shape.scalars.map((slot) => scalars + 8 * slot),
    ]) {
      frames.push({ at: end, to });
      end += 4;
    }
  });
  const barrier = align(end, CACHE_LINE);
  const counters = barrier + align(4 * ATTENDANCE.words, CACHE_LINE);
  const counterBytes = CACHE_LINE * countKernels(allSteps(program), () => 1);
  const bytes = counters + counterBytes;
  return {
    layout: { frames, prepare, scratch, timeline, scalars, barrier, counters, counterBytes, bytes },
    shapes,
  };
}

/** Calls `visit` with every kernel that is not a scan. */
function eachKernel(steps: readonly Step[], visit: (kernel: PlainKernel) => void): void {
  for (const kernel of steps.flat()) {
    if (kernel.kind === 'scan') eachKernel(kernel.body, visit);
    else visit(kernel);
  }
}
