/** Cutting k into blocks whose panels fit the first-level cache. */
import { mergeAxes, sizeOf, type Axis } from './contraction-axes.js';
import type { KSteps } from './contraction-tile.js';

/** Steps of k in a block, if nothing else is said: a panel of 512 is 16 KiB, half a first-level cache. */
const BLOCK_LIMIT = 512;

/** k as (outer axes) × (blocks of one axis) × (what lies inside a block). */
export interface KBlocks {
  readonly rowOuter: readonly Axis[];
  readonly columnOuter: readonly Axis[];
  /** Blocks along the axis that is cut. */
  readonly perRun: number;
  readonly rowStep: number;
  readonly columnStep: number;
  /** Steps of k in a block, and in the last one of a run. */
  readonly size: number;
  readonly lastSize: number;
  readonly count: number;
  readonly rowAxes: readonly Axis[];
  readonly columnAxes: readonly Axis[];
  readonly rowSteps: KSteps;
  readonly columnSteps: KSteps;
}

/** Steps along an axis of k in both operands, in elements. */
export interface BothAxis {
  readonly extent: number;
  readonly rows: number;
  readonly columns: number;
}

/** Cuts k so that a block is a stretch of one axis times everything inside it, of `limit` steps or a quarter more. */
export function planBlocks(list: readonly BothAxis[], limit = BLOCK_LIMIT): KBlocks {
  const axes = mergeBoth(list);
  let cut = axes.length - 1;
  let within = 1;
  while (cut > 0 && within * (axes[cut]?.extent ?? 1) <= limit) within *= axes[cut--]?.extent ?? 1;
  const axis = axes[cut] ?? { extent: 1, rows: 0, columns: 0 };
  const perRun = Math.ceil(axis.extent / Math.max(1, Math.floor((limit * 1.25) / within)));
  const length = Math.ceil(axis.extent / perRun);
  const blocks = Math.ceil(axis.extent / length);
  const outer = axes.slice(0, cut);
  const inside = axes.slice(cut + 1);
  const rowAxes = [
    { extent: length, stride: axis.rows },
    ...inside.map(({ extent, rows }) => ({ extent, stride: rows })),
  ];
  const columnAxes = [
    { extent: length, stride: axis.columns },
    ...inside.map(({ extent, columns }) => ({ extent, stride: columns })),
  ];
  return {
    rowOuter: outer.map(({ extent, rows }) => ({ extent, stride: rows })),
    columnOuter: outer.map(({ extent, columns }) => ({ extent, stride: columns })),
    perRun: blocks,
    rowStep: length * axis.rows,
    columnStep: length * axis.columns,
    size: length * within,
    lastSize: (axis.extent - (blocks - 1) * length) * within,
    count: sizeOf(outer) * blocks,
    rowAxes,
    columnAxes,
    rowSteps: stepsOf(rowAxes),
    columnSteps: stepsOf(columnAxes),
  };
}

function stepsOf(axes: readonly Axis[]): KSteps {
  const [only, ...others] = mergeAxes(axes);
  return others.length === 0 ? { kind: 'stride', bytes: (only?.stride ?? 0) * 4 } : { kind: 'table' };
}

export function mergeBoth(axes: readonly BothAxis[]): BothAxis[] {
  const merged: BothAxis[] = [];
  for (const axis of axes) {
    if (axis.extent === 1) continue;
    const outer = merged.at(-1);
    if (outer?.rows === axis.rows * axis.extent && outer.columns === axis.columns * axis.extent) {
      merged[merged.length - 1] = { ...axis, extent: outer.extent * axis.extent };
    } else merged.push(axis);
  }
  return merged.length === 0 ? [{ extent: 1, rows: 0, columns: 0 }] : merged;
}
