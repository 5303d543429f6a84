/** Kernels as data: what the compiler hands to a target. */
import type { DType } from '../core/dtype.js';
import type { Index, Variable } from './index-expr.js';
import type { Scalar } from './scalar-expr.js';

export type Combiner = 'sum' | 'prod' | 'max' | 'min' | 'argmax' | 'argmin';

/** One step of a loop kernel, in order; each may use the reductions before it. */
export type Stage =
  /** Folds `value` over the columns of a row into reduction `slot`. argmax and argmin give the column's number `position`. */
  | {
      readonly kind: 'reduce';
      readonly slot: number;
      readonly combiner: Combiner;
      readonly value: Scalar;
      readonly dtype: DType;
      readonly position: Index;
    }
  /** Writes `value` at every point, or once per row if neither value nor index depends on the columns. */
  | { readonly kind: 'store'; readonly buffer: number; readonly index: Index; readonly value: Scalar };

/** Nested loops: independent rows, and within a row columns that are reduced or written. Map, reduce and row kernels alike. */
export interface LoopKernel {
  readonly kind: 'loop';
  readonly name: string;
  /** Outermost first. Parallel. */
  readonly rows: readonly Variable[];
  /** Outermost first; empty for a map. */
  readonly columns: readonly Variable[];
  readonly stages: readonly Stage[];
}

/** An operand of a contraction: a strided view of a buffer. */
export interface Operand {
  readonly buffer: number;
  readonly dtype: DType;
  /** In elements, at all variables 0. */
  readonly offset: number;
  /** Elements per step of each variable; absent means 0. */
  readonly strides: ReadonlyMap<Variable, number>;
}

/** out[batch, m, n] = epilogue(Σ_k a[batch, m, k] · b[batch, n, k]). */
export interface ContractionKernel {
  readonly kind: 'contraction';
  readonly name: string;
  readonly batch: readonly Variable[];
  readonly m: readonly Variable[];
  readonly n: readonly Variable[];
  readonly k: readonly Variable[];
  readonly a: Operand;
  readonly b: Operand;
  readonly dtype: DType;
  /** What is written; each value may use the accumulator, and loads at this point of batch, m and n. */
  readonly stores: readonly { readonly buffer: number; readonly index: Index; readonly value: Scalar }[];
}

/** A 3x3 convolution of stride 1 by Winograd's minimal filtering. */
export interface WinogradKernel {
  readonly kind: 'winograd';
  readonly name: string;
  readonly image: Variable;
  readonly outChannel: Variable;
  /** Positions of the result. */
  readonly y: Variable;
  readonly x: Variable;
  readonly channel: Variable;
  readonly inputRow: Variable;
  readonly inputColumn: Variable;
  /** By image, channel, inputRow and inputColumn. */
  readonly input: Operand;
  /** Zeros above and left of the input. Below and right there are as many as the result needs. */
  readonly padding: readonly [number, number];
  /** The buffer with the transformed filters. */
  readonly filters: number;
  /** As a contraction's, over image, outChannel, y and x. */
  readonly stores: ContractionKernel['stores'];
}

/** Transforms 3x3 filters for a {@link WinogradKernel}, into [point][panel of output channels][channel][output channel in the panel]. */
export interface WinogradFilterKernel {
  readonly kind: 'winogradFilter';
  readonly name: string;
  readonly outChannel: Variable;
  readonly channel: Variable;
  readonly row: Variable;
  readonly column: Variable;
  /** By the four variables. */
  readonly source: Operand;
  readonly buffer: number;
}

/** Parts of a convolution with 3x3 results by Winograd's minimal filtering: out = Σ over parts. */
export interface WinogradGradientKernel {
  readonly kind: 'winogradGradient';
  readonly name: string;
  readonly image: Variable;
  readonly outChannel: Variable;
  readonly channel: Variable;
  readonly inputRow: Variable;
  readonly inputColumn: Variable;
  readonly filterRow: Variable;
  readonly filterColumn: Variable;
  /** By image, channel, inputRow and inputColumn. */
  readonly input: Operand;
  /** By outChannel, channel, filterRow and filterColumn. */
  readonly filter: Operand;
  /** Zeros above and left of the input. Below and right there are as many as the result needs. */
  readonly padding: readonly [number, number];
  /** What a part sums over: so many channels, and so many rows of tiles of 4x4 elements of the filter. */
  readonly channels: number;
  readonly rows: number;
  /** [part][image][outChannel][3][3]. */
  readonly buffer: number;
}

/** out = 0; out[o, indices[j], i] += updates[o, j, i]. */
export interface ScatterKernel {
  readonly kind: 'scatter';
  readonly name: string;
  readonly outer: Variable;
  readonly position: Variable;
  readonly inner: Variable;
  /** The target row at `position`; may be out of range, and is dropped then. */
  readonly target: Scalar;
  readonly value: Scalar;
  readonly dtype: DType;
  readonly buffer: number;
  /** Rows of the result. */
  readonly size: number;
}

/** Running sums along the middle axis of [outer, length, inner]. */
export interface CumulativeKernel {
  readonly kind: 'cumulative';
  readonly name: string;
  readonly outer: Variable;
  readonly position: Variable;
  readonly inner: Variable;
  readonly value: Scalar;
  readonly dtype: DType;
  readonly buffer: number;
}

/** Sorted order along the middle axis of a contiguous [outer, length, inner]; stable. */
export interface SortKernel {
  readonly kind: 'sort';
  readonly name: string;
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly descending: boolean;
  readonly dtype: DType;
  readonly source: number;
  /** int32, the result. */
  readonly buffer: number;
  /** int32, as large as the result: merge sort needs room. */
  readonly scratch: number;
}

/** `length` times the kernels of a body; between steps, some buffers move on. */
export interface ScanKernel {
  readonly kind: 'scan';
  readonly name: string;
  readonly length: number;
  readonly reverse: boolean;
  readonly body: readonly Step[];
  /** Buffers of the body that are windows into larger ones: base of `buffer` = base of `whole` + step · bytes. */
  readonly windows: readonly { readonly buffer: number; readonly whole: number; readonly bytes: number }[];
  /** Copied when a step ends, in order: what it computed becomes the next step's carry. */
  readonly carries: readonly { readonly from: number; readonly to: number; readonly bytes: number }[];
  /** Copied before the first step. */
  readonly initial: readonly { readonly from: number; readonly to: number; readonly bytes: number }[];
}

export type Kernel =
  | LoopKernel
  | ContractionKernel
  | WinogradKernel
  | WinogradFilterKernel
  | WinogradGradientKernel
  | ScatterKernel
  | CumulativeKernel
  | SortKernel
  | ScanKernel;

/** Kernels that do not depend on each other, and may run at the same time. */
export type Step = readonly Kernel[];

/** Memory that kernels read and write. */
export interface BufferInfo {
  readonly dtype: DType;
  readonly size: number;
  /**
   * Inputs and outputs come with each run; temporaries lie in the arena; what the preparation leaves for later runs lies in memory of the program's own;
   * windows move inside another buffer.
   */
  readonly role:
    | { readonly kind: 'input'; readonly index: number }
    | { readonly kind: 'output'; readonly index: number }
    | { readonly kind: 'temporary' }
    | { readonly kind: 'prepared' }
    | { readonly kind: 'window' };
}

/** A compiled graph, for any target that takes kernels. */
export interface KernelProgram {
  /** What depends on steady inputs alone. These steps come before the others, in the first run and whenever something of `preparedFrom` has changed. */
  readonly preparation: readonly Step[];
  /** Numbers of the inputs and of the run-time scalars that the preparation takes. */
  readonly preparedFrom: { readonly inputs: readonly number[]; readonly scalars: readonly number[] };
  readonly steps: readonly Step[];
  readonly buffers: readonly BufferInfo[];
  /** dtype of each run-time scalar. */
  readonly scalars: readonly DType[];
  /** Byte offset of each temporary in the arena, and of what is prepared in the program's own memory. */
  readonly offsets: ReadonlyMap<number, number>;
  readonly arenaBytes: number;
  readonly preparedBytes: number;
}
