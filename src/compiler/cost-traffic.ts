/** How many bytes a kernel moves if it reads and writes every element once. */
import { bytesPerElement } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import type { BufferInfo } from './kernel.js';

/** A part of a buffer that is read or written: elements `low` to `high`, of which at most `points` are touched. */
export interface Touched {
  readonly buffer: number;
  readonly low: number;
  /** Exclusive. */
  readonly high: number;
  readonly points: number;
}

/**
 * The bytes of all parts together. Parts of one buffer that overlap count once; where an index skips elements, or is data, there are
 * no more of them than points.
 */
export function bytesOf(parts: readonly Touched[], buffers: readonly BufferInfo[]): number {
  const byBuffer = new Map<number, Touched[]>();
  for (const part of parts) byBuffer.set(part.buffer, [...(byBuffer.get(part.buffer) ?? []), part]);
  let bytes = 0;
  for (const [buffer, own] of byBuffer) {
    const info = buffers[buffer];
    if (info === undefined) throw new InternalError(`buffer ${buffer} of a kernel is none of its program's`);
    const points = own.reduce((sum, part) => sum + part.points, 0);
    bytes += Math.min(points, covered(own, info.size)) * bytesPerElement(info.dtype);
  }
  return bytes;
}

/** How many of `size` elements lie in any of the parts. */
function covered(parts: readonly Touched[], size: number): number {
  let elements = 0;
  let end = 0;
  // What lies outside the buffer is guarded against, and never touched.
  for (const { low, high } of [...parts].sort((a, b) => a.low - b.low)) {
    const from = Math.max(low, end);
    const to = Math.min(high, size);
    if (to <= from) continue;
    elements += to - from;
    end = to;
  }
  return elements;
}
