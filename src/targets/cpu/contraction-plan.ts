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
  /** Panels that are packed together, and written together. */
  readonly panelsPerStrip: number;
  readonly groupsPerUnit: number;
  /** Whether a unit copies its rows, tile by tile, before it goes over them with every panel. */
  readonly packRows: boolean;
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
const STRIP_BYTES = 16 * 1024;
const STRIP_PANELS = 2;
/** Units of fewer rows would mostly pack. */
const LEAST_ROWS = 48;
/** Packed rows pay when this many panels are multiplied with them. */
const WORTH_PANELS = 6;

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
  const columns = columnSteps.map(({ extent, columns: stride }) => ({ extent, stride }));
  const wholeK = sizeOf(kernel.k);
  const packColumns = packCycles(columns, columnCount, k, lanes) * wholeK;
  const scattered = areScattered(k);
  const unitsOf = (packRows: boolean): Split =>
    planUnits(rows, {
      maxRows,
      panels,
      kBlocks: k.count,
      wanted: Math.ceil(
        Math.min(WANTED_UNITS / sizeOf(batch), (rowCount * columnCount * wholeK) / UNIT_WORK),
      ),
      packRows: packRows ? rowCount * wholeK : 0,
      packColumns,
    });
  const packed = scattered ? unitsOf(true) : undefined;
  const packRows = packed !== undefined && packed.panelsPerUnit >= WORTH_PANELS;
  const split = packRows ? packed : unitsOf(false);
  const cycles =
    computeCycles(rows, columnCount, width, lanes) * wholeK * (scattered && !packRows ? 1.3 : 1) +
    split.packCycles +
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
    panelsPerUnit: split.panelsPerUnit,
    panelsPerStrip: Math.min(
      split.panelsPerUnit,
      Math.max(1, Math.floor(STRIP_BYTES / (k.size * width * 4)), STRIP_PANELS),
    ),
    groupsPerUnit: split.groupsPerUnit,
    packRows,
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
  /** What packing costs with this split. */
  readonly packCycles: number;
}

/**
 * Units: some panels by some groups of rows of one batch entry. Each block of rows packs its panels again, and each block of panels
 * its rows, if they are packed: the cheapest split that makes enough units.
 */
function planUnits(
  rows: RowPlan,
  options: {
    readonly maxRows: number;
    readonly panels: number;
    readonly kBlocks: number;
    readonly wanted: number;
    readonly packRows: number;
    readonly packColumns: number;
  },
): Split {
  const { maxRows, panels, kBlocks, wanted, packRows, packColumns } = options;
  const groups = groupCount(rows);
  const most = Math.max(1, Math.min(groups, Math.floor(maxRows / rows.rows)));
  let best: (Split & { score: number }) | undefined;
  for (
    let rowBlocks = Math.ceil(groups / most);
    rowBlocks <= groups;
    rowBlocks = Math.ceil(rowBlocks * 1.25)
  ) {
    const groupsPerUnit = Math.ceil(groups / rowBlocks);
    if (best !== undefined && groupsPerUnit * rows.rows < LEAST_ROWS) break;
    const sums = kBlocks > 1 ? Math.max(1, Math.floor(SUM_BYTES / (groupsPerUnit * rows.rows * 32))) : panels;
    const columnBlocks = Math.max(Math.ceil(panels / sums), Math.min(panels, Math.ceil(wanted / rowBlocks)));
    const panelsPerUnit = Math.ceil(panels / columnBlocks);
    const units = Math.ceil(groups / groupsPerUnit) * Math.ceil(panels / panelsPerUnit);
    const cost = rowBlocks * packColumns + columnBlocks * packRows;
    // Too few units leave threads idle.
    const score = cost + Math.max(0, wanted - units) * UNIT_WORK;
    if (best === undefined || score < best.score)
      best = { panelsPerUnit, groupsPerUnit, packCycles: cost, score };
  }
  return best ?? { panelsPerUnit: panels, groupsPerUnit: groups, packCycles: packColumns + packRows };
}

/** Whether tiles would touch another cache line of the first operand for every k. */
function areScattered(k: KBlocks): boolean {
  return k.size >= 128 && Math.abs(mergeAxes(k.rowAxes).at(-1)?.stride ?? 0) >= 16;
}

// Cycles, to compare the two roles of the operands.

function computeCycles(rows: RowPlan, columns: number, width: number, lanes: number): number {
  const rest = columns % width;
  const narrow = rest > 0 && rest <= lanes ? 1 : 0;
  const full = Math.ceil(columns / width) - narrow;
  return rows.cycles * (full + narrow * (tileCycles(6, 1) / tileCycles(6)));
}

/** Cycles per k: about a vector a cycle and a half where columns are neighbours, an element a cycle otherwise. */
function packCycles(columns: readonly Axis[], count: number, k: KBlocks, lanes: number): number {
  const inner = mergeAxes(columns).at(-1) ?? { extent: 1, stride: 0 };
  const padded = Math.ceil(count / lanes) * lanes;
  const regular = inner.extent < lanes ? 0 : 1 - (inner.extent % lanes === 0 ? 0 : lanes - 1) / inner.extent;
  const slow = 1 + (k.columnSteps.kind === 'table' ? 0.2 : 0);
  return inner.stride === 1 ? padded * (regular * 0.4 + (1 - regular) * slow) : padded * slow;
}

const storeCycles = (elements: number, vector: ContractionPlan['vector']): number =>
  elements * (vector === 'columns' ? 0.5 : vector === 'rows' ? 1.2 : 3);
