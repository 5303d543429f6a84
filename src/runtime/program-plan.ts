import { bytesPerElement, type DType } from '../core/dtype.js';
import type { KernelProgram } from '../compiler/kernel.js';
import type { ProgramCode } from '../targets/cpu/program.js';
import type { TableLayout } from '../targets/cpu/table-layout.js';
import type { TimelineLayout } from '../targets/cpu/timeline.js';

/** Where a buffer of a program lies in a run: inputs and outputs come with the run, offsets count bytes from the arena or from what is prepared. */
export type BufferPlace =
  | { readonly kind: 'input' | 'output'; readonly index: number }
  | { readonly kind: 'temporary' | 'prepared'; readonly offset: number }
  | { readonly kind: 'window' };

/** What runs of a program need to know besides its code. Plain data: it can be kept in a file. */
export interface ProgramPlan {
  readonly layout: TableLayout;
  readonly buffers: readonly BufferPlace[];
  /** Bytes of each input. */
  readonly inputBytes: readonly number[];
  /** dtype of each run-time scalar. */
  readonly scalars: readonly DType[];
  readonly arenaBytes: number;
  readonly preparedBytes: number;
  /** Numbers of the inputs and of the run-time scalars that the preparation takes; left out if there is none. */
  readonly preparedFrom?: KernelProgram['preparedFrom'];
  /** Bytes of scratch per thread. */
  readonly scratchBytes: number;
  /** Whether any step is large enough for several threads. */
  readonly parallel: boolean;
  /** What a timed program makes notes in. */
  readonly timeline?: TimelineLayout;
}

/** The plan of kernels and what has become of them. */
export function planOf(kernels: KernelProgram, code: ProgramCode): ProgramPlan {
  const { buffers, offsets, scalars, arenaBytes, preparedBytes, preparation, preparedFrom } = kernels;
  const { layout, scratchBytes, parallel, timeline } = code;
  const inputBytes: number[] = [];
  const places = buffers.map(({ role, dtype, size }, buffer): BufferPlace => {
    switch (role.kind) {
      case 'input':
        inputBytes[role.index] = size * bytesPerElement(dtype);
        return role;
      case 'temporary':
      case 'prepared':
        return { kind: role.kind, offset: offsets.get(buffer) ?? 0 };
      default:
        return role;
    }
  });
  return {
    layout,
    buffers: places,
    inputBytes,
    scalars,
    arenaBytes,
    preparedBytes,
    ...(preparation.length > 0 && { preparedFrom }),
    scratchBytes,
    parallel,
    ...(timeline !== undefined && { timeline }),
  };
}
