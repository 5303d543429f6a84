import type { KernelSpan } from '../tensor/inspect.js';

/** A bar of a timeline: a span, or several that are too short to be told apart. */
export interface Bar extends KernelSpan {
  /** How many spans it stands for; `kernel` is that of the longest. */
  readonly kernels: number;
}

/** Bars for the spans, of which there may be too many to draw: neighbours shorter than `shortest` milliseconds become one bar. */
export function condense(spans: readonly KernelSpan[], shortest: number): Bar[] {
  const byThread = new Map<number, KernelSpan[]>();
  for (const span of spans) {
    const own = byThread.get(span.thread);
    if (own === undefined) byThread.set(span.thread, [span]);
    else own.push(span);
  }
  return [...byThread.values()].flatMap((own) => condenseThread(own, shortest));
}

function condenseThread(spans: readonly KernelSpan[], shortest: number): Bar[] {
  const bars: Bar[] = [];
  let longest = 0;
  for (const span of [...spans].sort((a, b) => a.begin - b.begin)) {
    const length = span.end - span.begin;
    const last = bars.at(-1);
    const joins =
      last !== undefined &&
      length < shortest &&
      last.end - last.begin < shortest &&
      span.begin - last.end < shortest;
    if (!joins) {
      bars.push({ ...span, kernels: 1 });
      longest = length;
      continue;
    }
    bars[bars.length - 1] = {
      ...last,
      end: span.end,
      kernel: length > longest ? span.kernel : last.kernel,
      kernels: last.kernels + 1,
    };
    longest = Math.max(longest, length);
  }
  return bars;
}
