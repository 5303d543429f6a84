import type { KernelProfile, Profile } from '../tensor/inspect.js';

export interface ChromeTraceOptions {
  /** What is being profiled, for the heading; `tensorloom` when left out. */
  readonly name?: string;
}

/** An entry of a trace: a span of a thread (`X`), or the name of something (`M`). Times are microseconds. */
type TraceEvent =
  | {
      readonly ph: 'X';
      readonly pid: number;
      readonly tid: number;
      readonly ts: number;
      readonly dur: number;
      readonly name: string;
      readonly cat: string;
      readonly args: Readonly<Record<string, string | number>>;
    }
  | {
      readonly ph: 'M';
      readonly pid: number;
      readonly tid: number;
      readonly name: 'process_name' | 'thread_name';
      readonly args: { readonly name: string };
    };

const PID = 1;

/**
 * A profile as the text of a file that Perfetto (https://ui.perfetto.dev) and Chrome's chrome://tracing show. The format is the JSON of
 * "Trace Event Format" (Google, 2016).
 *
 * @example
 * ```ts
 * import { interop } from 'tensorloom';
 *
 * const double = compile((x: Tensor) => x.mul(2));
 * const trace = interop.chromeTrace(await inspect(double, tensor([1, 2, 3])).profile());
 * JSON.parse(trace).displayTimeUnit; // => 'ms'
 * ```
 */
export function chromeTrace(profile: Profile, options: ChromeTraceOptions = {}): string {
  const { name = 'tensorloom' } = options;
  const { kernels, spans, threads, target } = profile;
  const events: TraceEvent[] = [
    { ph: 'M', pid: PID, tid: 0, name: 'process_name', args: { name: `${name} (${target})` } },
    ...Array.from({ length: threads }, (_, thread): TraceEvent => ({
      ph: 'M',
      pid: PID,
      tid: thread,
      name: 'thread_name',
      args: { name: `thread ${thread}` },
    })),
    ...spans.flatMap(({ kernel, thread, begin, end }): TraceEvent[] => {
      const found = kernels[kernel];
      if (found === undefined) return [];
      return [
        {
          ph: 'X',
          pid: PID,
          tid: thread,
          ts: nanoseconds(begin),
          dur: nanoseconds(end - begin),
          name: `${kernel} ${found.name}`,
          cat: found.kind,
          args: figuresOf(found),
        },
      ];
    }),
  ];
  // One event a line: files of traces are looked into and compared.
  const lines = events.map((event) => JSON.stringify(event));
  return `{"displayTimeUnit":"ms","traceEvents":[\n${lines.join(',\n')}\n]}\n`;
}

/** What is shown of a span when it is chosen: figures of its kernel in all the run. */
function figuresOf(kernel: KernelProfile): Readonly<Record<string, string | number>> {
  const { milliseconds, flops, bytesRead, bytesWritten, gigaflopsPerSecond, gigabytesPerSecond } = kernel;
  return {
    milliseconds,
    'share of the run': `${(100 * kernel.share).toFixed(1)}%`,
    FLOP: flops,
    'FLOP carried out': kernel.executedFlops,
    'bytes read': bytesRead,
    'bytes written': bytesWritten,
    'GFLOP/s': gigaflopsPerSecond,
    'GB/s': gigabytesPerSecond,
    'of ceiling': `${(100 * kernel.ofCeiling).toFixed(0)}% (${kernel.limit})`,
    // A scan runs its kernels thousands of times.
    ...(kernel.runs === 1 ? { kernel: kernel.text } : { runs: kernel.runs }),
  };
}

/** Milliseconds as microseconds, to the nanosecond. */
const nanoseconds = (milliseconds: number): number => Math.round(milliseconds * 1e6) / 1e3;
