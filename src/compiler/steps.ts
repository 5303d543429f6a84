/** The order of kernels: who waits for whom, and who may run side by side. */
import { accessesOf } from './accesses.js';
import type { Kernel, Step } from './kernel.js';

/** A group with its kernel, and what must run before it. */
export interface Planned {
  readonly kernel: Kernel;
  readonly needs: Set<Planned>;
}

/** Who reads and writes which buffer. */
export class BufferUsers {
  private readonly reading = new Map<number, Planned[]>();
  private readonly writing = new Map<number, Planned>();

  constructor(planned: readonly Planned[]) {
    for (const each of planned) {
      const { reads, writes } = accessesOf(each.kernel);
      for (const buffer of writes) this.writing.set(buffer, each);
      for (const buffer of reads) {
        const readers = this.reading.get(buffer);
        if (readers === undefined) this.reading.set(buffer, [each]);
        else readers.push(each);
      }
    }
  }

  readers(buffer: number): readonly Planned[] {
    return this.reading.get(buffer) ?? [];
  }

  writer(buffer: number): Planned | undefined {
    return this.writing.get(buffer);
  }
}

/** Whether a kernel reads what another writes. */
export function readsFrom(kernel: Kernel, other: Kernel): boolean {
  const { writes } = accessesOf(other);
  return [...accessesOf(kernel).reads].some((buffer) => writes.has(buffer));
}

/** All that must run before any of `planned`. */
export function reachableFrom(planned: readonly Planned[]): Set<Planned> {
  const seen = new Set<Planned>();
  const stack = [...planned];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    for (const needed of next.needs) {
      if (seen.has(needed)) continue;
      seen.add(needed);
      stack.push(needed);
    }
  }
  return seen;
}

/**
 * Kernels in as few steps as their needs allow; a scan has a step of its own, as threads meet inside. Needs that are not among them are taken to be
 * met.
 */
export function inSteps(planned: readonly Planned[]): Step[] {
  const among = new Set(planned);
  const levels = new Map<Planned, number>();
  const visitAll = (start: Planned): void => {
    const stack = [start];
    for (let top = stack[stack.length - 1]; top !== undefined; top = stack[stack.length - 1]) {
      const waiting = [...top.needs].filter((each) => among.has(each) && !levels.has(each));
      if (waiting.length > 0) {
        stack.push(...waiting);
        continue;
      }
      stack.pop();
      let level = 0;
      for (const needed of top.needs) level = Math.max(level, (levels.get(needed) ?? -1) + 1);
      levels.set(top, level);
    }
  };
  for (const each of planned) if (!levels.has(each)) visitAll(each);
  const steps: Kernel[][] = [];
  for (const [each, level] of levels) (steps[level] ??= []).push(each.kernel);
  return steps.flatMap((step) => {
    const loops = step.filter((kernel) => kernel.kind === 'scan');
    const rest = step.filter((kernel) => kernel.kind !== 'scan');
    return [...loops.map((kernel) => [kernel]), ...(rest.length > 0 ? [rest] : [])];
  });
}
