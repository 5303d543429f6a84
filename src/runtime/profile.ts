/** What each kernel of a program takes of a run, and how that compares with what the machine can do. */
import { kernelCost } from '../compiler/cost.js';
import type { BufferInfo, Kernel } from '../compiler/kernel.js';
import { formatKernel } from '../compiler/print.js';
import { InternalError } from '../core/errors.js';
import { roofOf, type Ceilings } from './roofline.js';

/** How a kernel computes: as a matrix product (`contraction`), as a convolution with fewer multiplications (`winograd`), element by element (`map`), … */
export type KernelKind = 'contraction' | 'winograd' | 'map' | 'reduction' | 'scatter' | 'cumulative' | 'sort';

/** One kernel's share of a run. */
export interface KernelProfile {
  /** The operations it computes, as in `conv+where`. */
  readonly name: string;
  readonly kind: KernelKind;
  /** Its loops, and what they compute. */
  readonly text: string;
  /** How often it ran: once, unless it is part of a `scan`; 0 for what is computed only when parameters have changed. */
  readonly runs: number;
  /** Its part of the run's time. Where several kernels run at the same time, each has its share of the threads. */
  readonly milliseconds: number;
  /** Of the run's time, from 0 to 1. */
  readonly share: number;
  /**
   * Floating-point operations of all runs, by definition: two for each multiplication and addition of a matrix product or of a convolution's direct
   * sum, whatever the algorithm; one for each operation on an element, transcendental functions included.
   */
  readonly flops: number;
  /** Those that were carried out: Winograd's algorithm saves most of a convolution's. */
  readonly executedFlops: number;
  /** Bytes that all runs had to move at the least: every element read and written once. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** `flops` by time, and bytes by time. */
  readonly gigaflopsPerSecond: number;
  readonly gigabytesPerSecond: number;
  /** What keeps it from being faster than its ceiling. */
  readonly limit: 'arithmetic' | 'memory';
  /** The time that `executedFlops`, or the bytes, would take at the machine's ceilings, whichever is longer. */
  readonly ceilingMilliseconds: number;
  /** `ceilingMilliseconds` by `milliseconds`: 1 would be perfect. */
  readonly ofCeiling: number;
}

/** A thread's work on a kernel, in milliseconds since the run began. */
export interface KernelSpan {
  /** Number of the kernel in the profile. */
  readonly kernel: number;
  /** 0 is the thread that asked for the run. */
  readonly thread: number;
  readonly begin: number;
  readonly end: number;
}

/** A run of a program, kernel by kernel. */
export interface Profile {
  /** What ran it: 'native' or 'wasm'. */
  readonly target: string;
  readonly threads: number;
  /** From the call to its return. */
  readonly milliseconds: number;
  /** The part of it in which no kernel ran: handing the inputs over, waking threads, waiting for each other. */
  readonly idleMilliseconds: number;
  /** In the order in which they are in the program. */
  readonly kernels: readonly KernelProfile[];
  /** Who did what when, in the order of time. */
  readonly spans: readonly KernelSpan[];
  /** Spans that there was no room for; 0 unless a `scan` has very many steps. */
  readonly lostSpans: number;
  readonly ceilings: Ceilings;
}

/** A run as it was measured. */
export interface MeasuredRun extends Pick<
  Profile,
  'target' | 'threads' | 'milliseconds' | 'spans' | 'lostSpans' | 'ceilings'
> {
  /** The kernels that spans name by their numbers. */
  readonly kernels: readonly { readonly kernel: Kernel; readonly runs: number }[];
  readonly buffers: readonly BufferInfo[];
}

/** What a measured run says about its kernels. */
export function profileOf(run: MeasuredRun): Profile {
  const { milliseconds, ceilings, kernels, buffers, ...rest } = run;
  const spans = [...run.spans].sort((a, b) => a.begin - b.begin || a.thread - b.thread);
  const times = shareTime(spans, kernels.length);
  const profiles = kernels.map(({ kernel, runs }, number): KernelProfile => {
    const cost = kernelCost(kernel, buffers);
    const roof = roofOf(cost, ceilings);
    const time = times[number] ?? 0;
    const perSecond = (amount: number): number => (time === 0 ? 0 : (runs * amount) / time / 1e6);
    return {
      name: kernel.name,
      kind: kindOf(kernel),
      text: formatKernel(kernel),
      runs,
      milliseconds: time,
      share: milliseconds === 0 ? 0 : time / milliseconds,
      flops: runs * cost.flops,
      executedFlops: runs * cost.executedFlops,
      bytesRead: runs * cost.bytesRead,
      bytesWritten: runs * cost.bytesWritten,
      gigaflopsPerSecond: perSecond(cost.flops),
      gigabytesPerSecond: perSecond(cost.bytesRead + cost.bytesWritten),
      limit: roof.limit,
      ceilingMilliseconds: runs * roof.milliseconds,
      ofCeiling: time === 0 ? 0 : (runs * roof.milliseconds) / time,
    };
  });
  const busy = times.reduce((sum, time) => sum + time, 0);
  return {
    ...rest,
    milliseconds,
    idleMilliseconds: Math.max(0, milliseconds - busy),
    kernels: profiles,
    spans,
    ceilings,
  };
}

/**
 * The time of each kernel: every instant in which any kernel runs is shared among those that run, by their threads. A kernel that keeps the other
 * threads waiting thus has all of that time.
 */
export function shareTime(spans: readonly KernelSpan[], kernels: number): number[] {
  const times = new Array<number>(kernels).fill(0);
  const changes = spans
    .flatMap(({ kernel, begin, end }) => [
      { at: begin, kernel, threads: 1 },
      { at: end, kernel, threads: -1 },
    ])
    .sort((a, b) => a.at - b.at);
  const running = new Map<number, number>();
  let busy = 0;
  let last = 0;
  for (const { at, kernel, threads } of changes) {
    if (busy > 0) {
      for (const [each, count] of running) times[each] = (times[each] ?? 0) + ((at - last) * count) / busy;
    }
    last = at;
    busy += threads;
    const count = (running.get(kernel) ?? 0) + threads;
    if (count === 0) running.delete(kernel);
    else running.set(kernel, count);
  }
  return times;
}

function kindOf(kernel: Kernel): KernelKind {
  switch (kernel.kind) {
    case 'loop':
      return kernel.columns.length === 0 ? 'map' : 'reduction';
    case 'winogradFilter':
    case 'winogradGradient':
    case 'winograd':
      return 'winograd';
    case 'contraction':
    case 'scatter':
    case 'cumulative':
    case 'sort':
      return kernel.kind;
    case 'scan':
      throw new InternalError('a scan has no code of its own: its kernels have');
  }
}
