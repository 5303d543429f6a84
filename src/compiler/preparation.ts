/** Which kernels need not run each time: what they compute depends on steady inputs alone, and on numbers that may have stayed the same. */
import { accessesOf } from './accesses.js';
import type { Kernel } from './kernel.js';
import { inSteps, type Planned } from './steps.js';

export interface Preparation {
  readonly preparing: readonly Planned[];
  readonly rest: readonly Planned[];
  /** Buffers of steady inputs that preparing kernels read. */
  readonly reads: ReadonlySet<number>;
  /** Slots of the numbers that they take. */
  readonly scalars: ReadonlySet<number>;
  /** Buffers that they leave for the rest. */
  readonly leaves: ReadonlySet<number>;
}

/** Outputs are written in each run, as each run has its own: preparing kernels write temporaries only. */
export function splitPreparation(
  planned: readonly Planned[],
  isSteady: (buffer: number) => boolean,
  isTemporary: (buffer: number) => boolean,
): Preparation {
  const made = new Set<number>();
  const reads = new Set<number>();
  const scalars = new Set<number>();
  const chosen = new Set<Kernel>();
  for (const kernel of inSteps(planned).flat()) {
    const accesses = accessesOf(kernel);
    const isKnown = (buffer: number): boolean =>
      isSteady(buffer) || made.has(buffer) || accesses.writes.has(buffer);
    if (![...accesses.reads].every(isKnown) || ![...accesses.writes].every(isTemporary)) continue;
    // Numbers by themselves, as an optimizer's, change from run to run.
    if (accesses.scalars.size > 0 && accesses.reads.size === 0) continue;
    chosen.add(kernel);
    for (const buffer of accesses.writes) made.add(buffer);
    for (const buffer of accesses.reads) if (isSteady(buffer)) reads.add(buffer);
    for (const slot of accesses.scalars) scalars.add(slot);
  }
  const preparing = planned.filter(({ kernel }) => chosen.has(kernel));
  const rest = planned.filter(({ kernel }) => !chosen.has(kernel));
  const wanted = rest.flatMap(({ kernel }) => [...accessesOf(kernel).reads]);
  return { preparing, rest, reads, scalars, leaves: new Set(wanted.filter((buffer) => made.has(buffer))) };
}
