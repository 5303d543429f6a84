/** Decisions about a contraction: which operand is packed, how k is cut into blocks and the result into units of work. */
import type { ContractionKernel, Operand } from '../../compiler/kernel.js';
import type { Variable } from '../../compiler/index-expr.js';
import { linearStride } from '../../compiler/scalar-expr.js';
import { mergeAxes, sizeOf, spanOf, type Axis } from './contraction-axes.js';
import { planRows, tileCycles, type RowPlan } from './contraction-rows.js';
import { mergeStores, type Stores } from './contraction-stores.js';
import { TILE_VECTORS, type KSteps } from './contraction-tile.js';

/** A variable's steps in both operands and in the first result, in elements. */
interface Steps {
  readonly variable: Variable;
  readonly extent: number;
  readonly rows: number;
  readonly columns: number;
  /** 0 where the result does not depend on it, undefined where it does so in another way than by steps. */
  readonly out: number | undefined;
}

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

export interface ContractionPlan {
  /** The operand read in place gives the rows, the packed one the columns. */
  readonly rowOperand: Operand;
  readonly columnOperand: Operand;
  readonly batch: readonly Variable[];
  readonly batchAxes: { readonly rows: readonly Axis[]; readonly columns: readonly Axis[] };
  readonly rows: RowPlan;
  readonly rowCount: number;
  readonly columns: readonly Axis[];
  readonly columnCount: number;
  readonly k: KBlocks;
  readonly stores: Stores;
  readonly rowVariables: readonly Variable[];
  readonly columnVariables: readonly Variable[];
  /** What lanes run along when results are written. */
  readonly vector: 'rows' | 'columns' | 'none';
  readonly panels: number;
  readonly panelsPerUnit: number;
  readonly groupsPerUnit: number;
  readonly maxRowsPerUnit: number;
  readonly cycles: number;
}

/** Steps of k in a block: a panel of 512 is 16 KiB, half a first-level cache. */
const BLOCK_LIMIT = 512;
/** Bytes of the first operand that a unit goes over again and again: half a second-level cache. */
const ROW_BYTES = 384 * 1024;
/** Bytes of sums that wait for further blocks of k. */
const SUM_BYTES = 256 * 1024;
/** Fewer multiply-adds than these are not worth another unit: some microseconds. */
const UNIT_WORK = 64 * 1024;
const WANTED_UNITS = 16;

/** The cheaper of the two assignments of operands to rows and columns. */
export function planContraction(kernel: ContractionKernel, lanes: number): ContractionPlan {
  const straight = planRoles(kernel, kernel.m, kernel.n, kernel.a, kernel.b, lanes);
  const swapped = planRoles(kernel, kernel.n, kernel.m, kernel.b, kernel.a, lanes);
  return swapped.cycles < straight.cycles ? swapped : straight;
}

function planRoles(
  kernel: ContractionKernel,
  rowList: readonly Variable[],
  columnList: readonly Variable[],
  rowOperand: Operand,
  columnOperand: Operand,
  lanes: number,
): ContractionPlan {
  const steps = (variable: Variable): Steps => ({
    variable,
    extent: variable.extent,
    rows: rowOperand.strides.get(variable) ?? 0,
    columns: columnOperand.strides.get(variable) ?? 0,
    out: kernel.stores[0] === undefined ? 0 : linearStride(kernel.stores[0].index, variable),
  });
  const width = TILE_VECTORS * lanes;
  const rowSteps = byFallingStride(rowList.map(steps), ({ out }) => out ?? 0);
  const columnSteps = byFallingStride(columnList.map(steps), ({ out }) => out ?? 0);
  const batch = kernel.batch.map(steps);
  const rowCount = sizeOf(rowSteps);
  const columnCount = sizeOf(columnSteps);
  const k = planK(byFallingStride(kernel.k.map(steps), ({ rows }) => rows));

  const rowAxes = rowSteps.map(({ extent, rows }) => ({ extent, stride: rows }));
  const maxRows = rowLimit(rowAxes, k);
  const rows = planRows(rowAxes, maxRows, k.size);

  const variables = (list: readonly Steps[]): Variable[] => list.map(({ variable }) => variable);
  const merged = mergeStores(kernel.stores, [variables(batch), variables(rowSteps), variables(columnSteps)]);
  const [batchVariables = [], rowVariables = [], columnVariables = []] = merged.groups;
  const vector = vectorDirection(merged.stores, rowVariables, columnVariables, lanes);

  const panels = Math.ceil(columnCount / width);
  const split = planUnits(
    rows,
    maxRows,
    panels,
    k,
    sizeOf(batch),
    rowCount * columnCount * sizeOf(kernel.k),
    columnCount,
  );
  const columns = columnSteps.map(({ extent, columns: stride }) => ({ extent, stride }));
  const rowBlocks = Math.ceil(groupCount(rows) / split.groupsPerUnit);
  const cycles =
    computeCycles(rows, columnCount, width, lanes) * sizeOf(kernel.k) +
    packCycles(columns, columnCount, k, width, lanes) * sizeOf(kernel.k) * rowBlocks +
    storeCycles(rowCount * columnCount, vector);
  return {
    rowOperand,
    columnOperand,
    batch: batchVariables,
    batchAxes: {
      rows: batch.map(({ extent, rows: stride }) => ({ extent, stride })),
      columns: batch.map(({ extent, columns: stride }) => ({ extent, stride })),
    },
    rows,
    rowCount,
    columns,
    columnCount,
    k,
    stores: merged.stores,
    rowVariables,
    columnVariables,
    vector,
    panels,
    ...split,
    cycles,
  };
}

const byFallingStride = (list: readonly Steps[], stride: (each: Steps) => number): Steps[] =>
  [...list].sort((a, b) => Math.abs(stride(b)) - Math.abs(stride(a)));

export const groupCount = (rows: RowPlan): number => sizeOf(rows.outer) * rows.perRun;

/** Cuts k so that a block is a stretch of one axis times everything inside it. */
function planK(list: readonly Steps[]): KBlocks {
  const axes = mergeBoth(list.map(({ extent, rows, columns }) => ({ extent, rows, columns })));
  let cut = axes.length - 1;
  let within = 1;
  while (cut > 0 && within * (axes[cut]?.extent ?? 1) <= BLOCK_LIMIT) within *= axes[cut--]?.extent ?? 1;
  const axis = axes[cut] ?? { extent: 1, rows: 0, columns: 0 };
  const perRun = Math.ceil(axis.extent / Math.max(1, Math.floor((BLOCK_LIMIT * 1.25) / within)));
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

interface BothAxis {
  readonly extent: number;
  readonly rows: number;
  readonly columns: number;
}

function mergeBoth(axes: readonly BothAxis[]): BothAxis[] {
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

/** Rows whose part of the operand stays in the second-level cache for a block of k. Views overlap: count elements once. */
function rowLimit(axes: readonly Axis[], k: KBlocks): number {
  const rows = sizeOf(axes);
  const elements = Math.min(rows * k.size, spanOf([...axes, ...k.rowAxes]));
  const bytesPerRow = (elements * 4) / rows;
  return Math.max(48, Math.floor(ROW_BYTES / bytesPerRow / 6) * 6);
}

function vectorDirection(
  stores: Stores,
  rows: readonly Variable[],
  columns: readonly Variable[],
  lanes: number,
): 'rows' | 'columns' | 'none' {
  const [first] = stores;
  const fits = (v: Variable | undefined): v is Variable => v !== undefined && v.extent >= lanes;
  const strideAlong = (v: Variable | undefined): number | undefined =>
    first === undefined || !fits(v) ? undefined : linearStride(first.index, v);
  const column = columns.at(-1);
  const row = rows.at(-1);
  if (strideAlong(column) === 1) return 'columns';
  if (strideAlong(row) === 1) return 'rows';
  return fits(column) ? 'columns' : fits(row) ? 'rows' : 'none';
}

interface Split {
  readonly panelsPerUnit: number;
  readonly groupsPerUnit: number;
  readonly maxRowsPerUnit: number;
}

/** Units: some panels by some groups of rows of one batch entry. */
function planUnits(
  rows: RowPlan,
  maxRows: number,
  panels: number,
  k: KBlocks,
  batch: number,
  work: number,
  columns: number,
): Split {
  const groups = groupCount(rows);
  const wanted = Math.max(1, Math.min(Math.ceil(WANTED_UNITS / batch), Math.floor(work / UNIT_WORK)));
  const perGroup = (groups * rows.rows) / groups;
  let groupsPerUnit = Math.max(1, Math.min(groups, Math.floor(maxRows / perGroup)));
  const rowBlocks = (): number => Math.ceil(groups / groupsPerUnit);
  // More units by fewer panels each first, since each block of rows packs its panels again.
  let panelsPerUnit = Math.max(1, Math.min(panels, Math.floor((panels * rowBlocks()) / wanted)));
  while (
    rowBlocks() * Math.ceil(panels / panelsPerUnit) < wanted &&
    groupsPerUnit > 1 &&
    groupsPerUnit * perGroup > 48
  ) {
    groupsPerUnit = Math.ceil(groupsPerUnit / 2);
  }
  groupsPerUnit = Math.ceil(groups / rowBlocks());
  const maxRowsPerUnit = groupsPerUnit * rows.rows;
  if (k.count > 1)
    panelsPerUnit = Math.min(panelsPerUnit, Math.max(1, Math.floor(SUM_BYTES / (maxRowsPerUnit * 32))));
  panelsPerUnit = Math.ceil(panels / Math.ceil(panels / panelsPerUnit));
  return { panelsPerUnit: columns === 0 ? 1 : panelsPerUnit, groupsPerUnit, maxRowsPerUnit };
}

// Cycles, to compare the two roles of the operands.

function computeCycles(rows: RowPlan, columns: number, width: number, lanes: number): number {
  const rest = columns % width;
  const narrow = rest > 0 && rest <= lanes ? 1 : 0;
  const full = Math.ceil(columns / width) - narrow;
  return rows.cycles * (full + narrow * (tileCycles(6, 1) / tileCycles(6)));
}

/** Cycles per k: about a vector a cycle and a half where columns are neighbours, an element a cycle otherwise. */
function packCycles(
  columns: readonly Axis[],
  count: number,
  k: KBlocks,
  width: number,
  lanes: number,
): number {
  const inner = mergeAxes(columns).at(-1) ?? { extent: 1, stride: 0 };
  const padded = Math.ceil(count / lanes) * lanes;
  const regular = inner.extent < lanes ? 0 : 1 - (inner.extent % lanes === 0 ? 0 : lanes - 1) / inner.extent;
  const slow = 1 + (k.columnSteps.kind === 'table' ? 0.2 : 0);
  return inner.stride === 1 ? padded * (regular * 0.4 + (1 - regular) * slow) : padded * slow;
}

const storeCycles = (elements: number, vector: ContractionPlan['vector']): number =>
  elements * (vector === 'columns' ? 0.5 : vector === 'rows' ? 1.2 : 3);
