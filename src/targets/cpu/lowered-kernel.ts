/** What the lowering of any kernel gives, and what it may ask for. */
import type { DType } from '../../core/dtype.js';
import type { Machine } from './machine.js';
import type { Builder, Expr, Func } from './ir.js';

/** What a lowering knows about its surroundings. `table` is the first parameter of the kernel's entry. */
export interface LoweringContext {
  readonly machine: Machine;
  /** The address of a buffer. */
  readonly base: (b: Builder, table: Expr, buffer: number) => Expr;
  /** The values of run-time scalars. */
  readonly scalars: (b: Builder, table: Expr) => (slot: number, dtype: DType) => Expr;
  readonly dtypeOf: (buffer: number) => DType;
  /** Elements of a buffer, where they are known. */
  readonly sizeOf?: (buffer: number) => number | undefined;
}

/** A kernel in loop IR. Its work is cut into units that do not depend on each other, so threads may share them in any way. */
export interface LoweredKernel {
  readonly functions: readonly Func[];
  /** The function with parameters (table, begin, end) that does the units begin..end. */
  readonly entry: string;
  readonly units: number;
  /** Rough operations per unit. */
  readonly unitWork: number;
}
