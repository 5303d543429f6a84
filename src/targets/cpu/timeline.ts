/** When which thread ran which kernel: notes that a program makes while it runs, if it was lowered to make them. */
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';

/** Notes of one thread, at the most; a scan may run kernels more often than that. */
const MOST_SPANS = 1 << 16;

/** Each thread has a part of the memory for notes: how many there are, then one after the other. In bytes. */
const FIRST = 64;
const SPAN = { begin: 0, end: 8, kernel: 16, units: 20, bytes: 24 } as const;

/** A thread's work on a kernel, from its first unit to its last. */
export interface Span {
  /** Number of the kernel's code in the program. */
  readonly kernel: number;
  readonly thread: number;
  /** By the threads' common clock; its unit is the target's. */
  readonly begin: number;
  readonly end: number;
  /** Units of work done. */
  readonly units: number;
}

/** Where the notes of a program are. */
export interface TimelineLayout {
  /** Notes that a thread has room for. */
  readonly spans: number;
  /** Bytes of a thread's part. */
  readonly threadBytes: number;
}

/** Room for `spans` notes of each thread. */
export function timelineLayout(spans: number): TimelineLayout {
  const kept = Math.min(spans, MOST_SPANS);
  return { spans: kept, threadBytes: Math.ceil((FIRST + kept * SPAN.bytes) / 64) * 64 };
}

/** The part of `thread` in the notes at `timeline`. */
export const timelineOf = (layout: TimelineLayout, timeline: Expr, thread: Expr): Expr =>
  ir.add(timeline, ir.mul(thread, ir.i32(layout.threadBytes)));

/** Runs `work`, which gives the units that it has done, and makes a note of it unless there were none. */
export function noteSpan(
  b: Builder,
  layout: TimelineLayout,
  notes: Expr,
  kernel: number,
  work: () => Expr,
): void {
  const begin = b.let(ir.host('now'), 'begin');
  const units = work();
  const end = b.let(ir.host('now'), 'end');
  b.if(ir.compare('gt', units, ir.i32(0)), () => {
    const count = b.let(ir.load('i32', notes), 'count');
    b.if(ir.compare('lt', count, ir.i32(layout.spans)), () => {
      const at = b.let(ir.add(notes, ir.mul(count, ir.i32(SPAN.bytes))), 'at');
      b.store('f64', at, begin, FIRST + SPAN.begin);
      b.store('f64', at, end, FIRST + SPAN.end);
      b.store('i32', at, ir.i32(kernel), FIRST + SPAN.kernel);
      b.store('i32', at, units, FIRST + SPAN.units);
    });
    b.store('i32', notes, ir.add(count, ir.i32(1)));
  });
}

/** Reads and clears the notes of one thread. `lost` counts those that there was no room for. */
export function takeSpans(
  layout: TimelineLayout,
  bytes: ArrayBufferView,
  thread: number,
): { readonly spans: readonly Span[]; readonly lost: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset + thread * layout.threadBytes, layout.threadBytes);
  const count = view.getInt32(0, true);
  view.setInt32(0, 0, true);
  const kept = Math.min(count, layout.spans);
  const spans = Array.from({ length: kept }, (_, i): Span => {
    const at = FIRST + i * SPAN.bytes;
    return {
      kernel: view.getInt32(at + SPAN.kernel, true),
      thread,
      begin: view.getFloat64(at + SPAN.begin, true),
      end: view.getFloat64(at + SPAN.end, true),
      units: view.getInt32(at + SPAN.units, true),
    };
  });
  return { spans, lost: count - kept };
}
