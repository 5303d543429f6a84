/** Places temporaries in one arena: two whose lives do not overlap may share bytes. */

/** Vectors may be loaded past the end of a buffer. */
const ALIGNMENT = 64;

export interface Life {
  readonly buffer: number;
  readonly bytes: number;
  /** The step that writes it first, and the last step that touches it. */
  readonly first: number;
  readonly last: number;
}

export interface MemoryPlan {
  readonly offsets: Map<number, number>;
  readonly bytes: number;
}

interface Gap {
  start: number;
  end: number;
}

/** Best fit, step by step; near linear in the number of buffers. */
export function planMemory(lives: readonly Life[]): MemoryPlan {
  const offsets = new Map<number, number>();
  const gaps: Gap[] = [];
  let top = 0;
  const ending = new Map<number, Life[]>();
  for (const life of lives) ending.set(life.last, [...(ending.get(life.last) ?? []), life]);
  const starts = [...lives].sort((a, b) => a.first - b.first || b.bytes - a.bytes);
  let step = 0;
  for (const life of starts) {
    // What ended before this step is free; what ends in it is still in use by kernels running beside.
    for (; step < life.first; step++)
      for (const ended of ending.get(step) ?? [])
        release(gaps, offsets.get(ended.buffer) ?? 0, padded(ended.bytes));
    const bytes = padded(life.bytes);
    let best: Gap | undefined;
    for (const gap of gaps) {
      const room = gap.end - gap.start;
      if (room >= bytes && (best === undefined || room < best.end - best.start)) best = gap;
    }
    if (best === undefined) {
      const last = gaps[gaps.length - 1];
      if (last?.end === top) {
        // The free bytes at the top grow instead of staying behind.
        offsets.set(life.buffer, last.start);
        top = last.start + bytes;
        gaps.pop();
      } else {
        offsets.set(life.buffer, top);
        top += bytes;
      }
      continue;
    }
    offsets.set(life.buffer, best.start);
    best.start += bytes;
    if (best.start === best.end) gaps.splice(gaps.indexOf(best), 1);
  }
  return { offsets, bytes: top };
}

const padded = (bytes: number): number => Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);

function release(gaps: Gap[], start: number, bytes: number): void {
  let i = gaps.findIndex((gap) => gap.start > start);
  if (i < 0) i = gaps.length;
  gaps.splice(i, 0, { start, end: start + bytes });
  const next = gaps[i + 1];
  const here = gaps[i] as Gap;
  if (next?.start === here.end) {
    here.end = next.end;
    gaps.splice(i + 1, 1);
  }
  const before = gaps[i - 1];
  if (before?.end === here.start) {
    before.end = here.end;
    gaps.splice(i, 1);
  }
}
