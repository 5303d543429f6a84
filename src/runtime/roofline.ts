/**
 * The time that a kernel would take at the machine's ceilings. After Williams, Waterman and Patterson, "Roofline: An Insightful Visual
 * Performance Model for Multicore Architectures" (CACM 2009).
 */
import type { KernelCost } from '../compiler/cost.js';

/** How fast memory of a size is when a program goes over it again and again. */
export interface MemorySpeed {
  /** Read and written together, by all threads. */
  readonly bytes: number;
  /** Bytes read and bytes written, while copying. */
  readonly copyGigabytesPerSecond: number;
  readonly readGigabytesPerSecond: number;
}

/** What all threads of a device together can do at the most, as measured with its own code. */
export interface Ceilings {
  /** Multiplications and additions of float32, in registers. */
  readonly gigaflopsPerSecond: number;
  /** Smallest first: from the first cache to main memory. */
  readonly memory: readonly MemorySpeed[];
}

/** Which ceiling is the lower one for a kernel, and the time it takes there. */
export interface Roof {
  readonly limit: 'arithmetic' | 'memory';
  readonly milliseconds: number;
}

/** The least time for a kernel. What it moves is taken to come from the cache that it would fit into, which flatters no kernel. */
export function roofOf(cost: KernelCost, ceilings: Ceilings): Roof {
  const arithmetic = cost.executedFlops / ceilings.gigaflopsPerSecond / 1e6;
  const memory = memoryMilliseconds(cost, ceilings.memory);
  return arithmetic >= memory
    ? { limit: 'arithmetic', milliseconds: arithmetic }
    : { limit: 'memory', milliseconds: memory };
}

/** As much is copied as is written; what is read besides is only read. */
function memoryMilliseconds({ bytesRead, bytesWritten }: KernelCost, speeds: readonly MemorySpeed[]): number {
  const bytes = bytesRead + bytesWritten;
  const onlyRead = Math.max(0, bytesRead - bytesWritten);
  const copied = bytes - onlyRead;
  const copySpeed = speedAt(bytes, speeds, 'copyGigabytesPerSecond');
  const readSpeed = speedAt(bytes, speeds, 'readGigabytesPerSecond');
  return (copied === 0 ? 0 : copied / copySpeed / 1e6) + (onlyRead === 0 ? 0 : onlyRead / readSpeed / 1e6);
}

/** Between two sizes, along a straight line over the logarithm of the size. */
function speedAt(
  bytes: number,
  speeds: readonly MemorySpeed[],
  kind: 'copyGigabytesPerSecond' | 'readGigabytesPerSecond',
): number {
  const next = speeds.findIndex((each) => each.bytes >= bytes);
  const above = speeds[next] ?? speeds.at(-1);
  const below = speeds[next - 1] ?? above;
  if (above === undefined || below === undefined) return Infinity;
  if (above.bytes === below.bytes) return above[kind];
  const part = Math.log(bytes / below.bytes) / Math.log(above.bytes / below.bytes);
  return below[kind] + (above[kind] - below[kind]) * Math.min(1, Math.max(0, part));
}
