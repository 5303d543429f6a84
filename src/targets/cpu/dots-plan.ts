/**
 * Decisions about a contraction whose operands are both read along k: lanes hold neighbouring products of one sum, and are added up at the end. This
 * is how few sums over many neighbours are computed, as the filters' gradients of the first layers are, without packing or turning anything.
 */
import type { Variable } from '../../compiler/index-expr.js';
import type { ContractionKernel } from '../../compiler/kernel.js';
import { sizeOf, type Axis } from './contraction-axes.js';
import { mergeBoth, type BothAxis } from './contraction-blocks.js';
import type { Machine } from './machine.js';

export interface DotsPlan {
  readonly rowAxes: readonly Axis[];
  readonly columnAxes: readonly Axis[];
  /** Sizes of the tiles that rows and columns are cut into, falling. */
  readonly heights: readonly number[];
  readonly widths: readonly number[];
  /** Axes of k around those that one call of a tile goes through. */
  readonly outer: readonly BothAxis[];
  /** Runs of neighbours, and their length. */
  readonly runs: BothAxis;
  readonly length: number;
  readonly cycles: number;
}

/** Sums that a thread keeps, as vectors, in its second-level cache. */
const MOST_SUMS = 2048;
/** Fewer neighbours leave too many lanes empty. */
const LEAST_LENGTH = 8;
/** Cycles to call a tile, and to fetch and leave a sum. */
const CALL_CYCLES = 25;
const SUM_CYCLES = 1.2;
/** Cycles to add up the lanes of a sum and write it. */
const FINISH_CYCLES = 15;

/** The cheapest plan, if the contraction is of this kind. */
export function planDots(kernel: ContractionKernel, machine: Machine): DotsPlan | undefined {
  const [first, ...others] = dotsPlans(kernel, machine);
  return others.reduce(
    (best, plan) => (best !== undefined && best.cycles <= plan.cycles ? best : plan),
    first,
  );
}

/** A plan for each height of tiles, if the contraction is of this kind. */
export function dotsPlans(kernel: ContractionKernel, machine: Machine): DotsPlan[] {
  const { a, b } = kernel;
  const rowCount = sizeOf(kernel.m);
  const columnCount = sizeOf(kernel.n);
  if (!machine.masks || rowCount * columnCount > MOST_SUMS) return [];
  const stride = (strides: ReadonlyMap<Variable, number>, v: Variable): number => strides.get(v) ?? 0;
  const k = mergeBoth(
    kernel.k
      .map((v) => ({ extent: v.extent, rows: stride(a.strides, v), columns: stride(b.strides, v) }))
      .sort((x, y) => Math.abs(y.rows) - Math.abs(x.rows)),
  );
  const inner = k.at(-1);
  if (inner?.rows !== 1 || inner.columns !== 1 || inner.extent < LEAST_LENGTH) return [];
  const axes = (list: readonly Variable[], strides: ReadonlyMap<Variable, number>): Axis[] =>
    list.map((v) => ({ extent: v.extent, stride: stride(strides, v) }));
  const runs = k.at(-2) ?? { extent: 1, rows: 0, columns: 0 };
  const outer = k.slice(0, -2);
  const calls = sizeOf(outer) * sizeOf(kernel.batch);
  const steps = runs.extent * Math.ceil(inner.extent / machine.lanes);
  return [1, 2, 3, 4, 5, 6, 7, 8].map((height) => {
    // Beside the sums, the shorter side's vectors stay in registers, and one of the other side's.
    const width = Math.max(
      ...[1, 2, 3, 4, 5, 6, 7, 8].filter((w) => height * w + Math.min(height, w) + 1 < machine.registers),
    );
    const heights = evenly(rowCount, height);
    const widths = evenly(columnCount, width);
    let perCall = 0;
    for (const h of heights)
      for (const w of widths)
        perCall += Math.max(h * w * 0.5, (h + w) * 0.5, 4) * steps + h * w * SUM_CYCLES + CALL_CYCLES;
    const cycles = calls * perCall + sizeOf(kernel.batch) * rowCount * columnCount * FINISH_CYCLES;
    return {
      rowAxes: axes(kernel.m, a.strides),
      columnAxes: axes(kernel.n, b.strides),
      heights,
      widths,
      outer,
      runs,
      length: inner.extent,
      cycles,
    };
  });
}

function evenly(count: number, most: number): number[] {
  const parts = Math.ceil(count / most);
  const low = Math.floor(count / parts);
  return Array.from({ length: parts }, (_, n) => (n < count - low * parts ? low + 1 : low));
}
