/** Decisions about a contraction: which operand is packed, how k is cut into blocks and the result into units of work. */
import type { DType } from '../../core/dtype.js';
import type { ContractionKernel, Operand } from '../../compiler/kernel.js';
import type { Variable } from '../../compiler/index-expr.js';
import { linearStride, visit } from '../../compiler/scalar-expr.js';
import { mergeAxes, sizeOf, spanOf, type Axis } from './contraction-axes.js';
import { planBlocks, type KBlocks } from './contraction-blocks.js';
import {
  computeCycles,
  packCycles,
  storeCycles,
  sweepPackCycles,
  type VectorDirection,
} from './contraction-cost.js';
import { groupCount, planRows, type RowPlan } from './contraction-rows.js';
import { mergeStores, type Stores } from './contraction-stores.js';
import {
  planSweep,
  sweepTile,
  SWEEP_BLOCK,
  sweepRows,
  sweepUnits,
  type SweepPlan,
} from './contraction-sweep-plan.js';
import { panelWidth, type Machine } from './machine.js';

/** A variable's steps in both operands and in the first result, in elements. */
interface Steps {
  readonly variable: Variable;
  readonly extent: number;
  readonly rows: number;
  readonly columns: number;
  /** 0 where the result does not depend on it, undefined where it does so in another way than by steps. */
  readonly out: number | undefined;
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
  readonly vector: VectorDirection;
  readonly panels: number;
  readonly panelsPerUnit: number;
  /** Panels that are packed together, and written together. */
  readonly panelsPerStrip: number;
  readonly groupsPerUnit: number;
  /** Whether a unit copies its rows, tile by tile, before it goes over them with every panel. */
  readonly packRows: boolean;
  /** The machine, with the tile that suits the columns. */
  readonly machine: Machine;
  /** Present where rows stand outside: how columns are read and sums written. */
  readonly sweep: SweepPlan | undefined;
  readonly cycles: number;
}

/** Bytes of the first operand that a unit goes over again and again: half a second-level cache. */
const ROW_BYTES = 384 * 1024;
/** Sums that wait for further blocks of k. */
const SUM_ELEMENTS = 64 * 1024;
/** Fewer multiply-adds than these are not worth another unit: some microseconds. */
const UNIT_WORK = 256 * 1024;
const WANTED_UNITS = 32;
/** Bytes of the packed panels of a strip, and of their sums: both should stay in the first-level cache. */
const STRIP_BYTES = 16 * 1024;
/** Units of fewer rows would mostly pack. */
const LEAST_ROWS = 48;
/** The sums of more rows would not stay in the second-level cache. */
const MOST_ROWS = 2046;
/** Cycles to pack an element while it is used for the first time. */
const FUSED_PACK_CYCLES = 0.1;
/** Packed rows pay when this many panels are multiplied with them. */
const WORTH_PANELS = 6;

/**
 * A tile of half the vectors and more rows is taken where its estimate is below this part of the usual one's, because it leaves smaller remainders. Timed
 * on AVX-512, 14x2 against 6x4, over 17 products and convolutions: in 0.86 to 0.97 of the time where that is so, and 0.91 to 1.02 elsewhere.
 */
const NARROWER_TILE = 0.99;

/** The cheapest plan, where images of a convolution are columns together or each by itself. */
export function planContraction(kernel: ContractionKernel, machine: Machine): ContractionPlan {
  const together = planTiles(kernel, machine);
  const apart = imagesApart(kernel);
  if (apart === undefined) return together;
  const single = planTiles(apart, machine);
  return single.cycles < together.cycles ? single : together;
}

/**
 * The same sums with images as entries of a batch, where that makes neighbours of all columns: those of a 1x1 convolution are neighbours within an image, but not from
 * image to image. They then need no packing before their first use, and results are written in place.
 */
function imagesApart(kernel: ContractionKernel): ContractionKernel | undefined {
  const [image, ...positions] = kernel.n.filter(({ extent }) => extent > 1);
  if (image === undefined || (kernel.a.strides.get(image) ?? 0) !== 0) return undefined;
  const axes = positions.map((v) => ({ extent: v.extent, stride: kernel.b.strides.get(v) ?? 0 }));
  const [along, ...others] = mergeAxes(axes);
  if (along?.stride !== 1 || others.length > 0) return undefined;
  // Images that lie without gaps are neighbours already.
  if (kernel.b.strides.get(image) === along.extent) return undefined;
  return { ...kernel, batch: [...kernel.batch, image], n: positions };
}

/** The cheaper of the two assignments of operands to rows and columns, with the machine's tile or one of half as many vectors. */
function planTiles(kernel: ContractionKernel, machine: Machine): ContractionPlan {
  const usual = planAssignments(kernel, machine, Infinity);
  const half = machine.tile.vectors / 2;
  // Tiles of one vector wait for loads.
  if (machine.level2 === undefined || half < 2) return usual;
  const narrower = planAssignments(kernel, machine, half);
  return narrower.cycles < NARROWER_TILE * usual.cycles ? narrower : usual;
}

function planAssignments(kernel: ContractionKernel, machine: Machine, mostVectors: number): ContractionPlan {
  const { m, n, a, b } = kernel;
  const straight = planRoles(kernel, m, n, a, b, machine, mostVectors);
  const swapped = planRoles(kernel, n, m, b, a, machine, mostVectors);
  return swapped.cycles < straight.cycles ? swapped : straight;
}

/** Both assignments, with tiles of every number of vectors where the machine has more than one shape of tile. */
export function contractionPlans(kernel: ContractionKernel, machine: Machine): ContractionPlan[] {
  const { m, n, a, b } = kernel;
  const widths = (columns: readonly Variable[]): number[] => {
    if (machine.level2 === undefined) return [machine.tile.vectors];
    const most = Math.min(machine.tile.vectors, Math.ceil(sizeOf(columns) / machine.lanes));
    return Array.from({ length: most }, (_, n) => most - n);
  };
  return [
    ...widths(n).map((vectors) => planRoles(kernel, m, n, a, b, machine, vectors)),
    ...widths(m).map((vectors) => planRoles(kernel, n, m, b, a, machine, vectors)),
  ];
}

function planRoles(
  kernel: ContractionKernel,
  rowList: readonly Variable[],
  columnList: readonly Variable[],
  rowOperand: Operand,
  columnOperand: Operand,
  given: Machine,
  mostVectors = Infinity,
): ContractionPlan {
  const sweeps = given.level2 !== undefined;
  const steps = (variable: Variable): Steps => ({
    variable,
    extent: variable.extent,
    rows: rowOperand.strides.get(variable) ?? 0,
    columns: columnOperand.strides.get(variable) ?? 0,
    out: kernel.stores[0] === undefined ? 0 : linearStride(kernel.stores[0].index, variable),
  });
  const rowSteps = byFallingStride(rowList.map(steps), ({ out }) => out ?? 0);
  const rowAxes = rowSteps.map(({ extent, rows }) => ({ extent, stride: rows }));
  const machine = sweeps
    ? sweepTile(given, Math.min(sizeOf(columnList), mostVectors * given.lanes), rowAxes)
    : given;
  const { lanes } = machine;
  const width = panelWidth(machine);
  const columnSteps = byFallingStride(columnList.map(steps), ({ out }) => out ?? 0);
  const batch = kernel.batch.map(steps);
  const rowCount = sizeOf(rowSteps);
  const columnCount = sizeOf(columnSteps);
  const k = planBlocks(
    byFallingStride(kernel.k.map(steps), ({ rows }) => rows),
    sweeps ? SWEEP_BLOCK : undefined,
  );

  const variables = (list: readonly Steps[]): Variable[] => list.map(({ variable }) => variable);
  const merged = mergeStores(kernel.stores, [variables(batch), variables(rowSteps), variables(columnSteps)]);
  const [batchVariables = [], rowVariables = [], columnVariables = []] = merged.groups;
  const vector = vectorDirection(merged.stores, rowVariables, columnVariables, lanes);
  const columns = columnSteps.map(({ extent, columns: stride }) => ({ extent, stride }));
  const sweep = sweeps
    ? planSweep({
        level2: machine.level2 ?? 0,
        columns,
        k,
        batch: batchVariables,
        rowVariables,
        columnVariables,
        stores: merged.stores,
      })
    : undefined;

  const maxRows =
    sweep === undefined ? rowLimit(rowAxes, k, machine) : sweepRows(sweep.source, rowCount, machine);
  const rows = planRows(rowAxes, maxRows, k.size, machine);
  const panels = Math.ceil(columnCount / width);
  const wholeK = sizeOf(kernel.k);
  const compute = computeCycles(rows, columnCount, machine) * wholeK;
  const packColumns =
    (sweep === undefined
      ? packCycles(columns, columnCount, k.columnSteps, lanes)
      : sweep.source === 'panels'
        ? sweepPackCycles(columns, columnCount, k, lanes)
        : sweep.source === 'packing'
          ? FUSED_PACK_CYCLES * columnCount
          : 0) * wholeK;
  const scattered = areScattered(k);
  const unitsOf = (packRows: boolean): Split =>
    (sweep === undefined ? planUnits : sweepUnits)(rows, {
      maxRows,
      writtenRows: rowCount * kernel.stores.length,
      panels,
      width,
      kBlocks: k.count,
      blockSize: k.size,
      level2: machine.level2 ?? 0,
      entries: sizeOf(batch),
      wanted: Math.ceil(
        Math.min(WANTED_UNITS / sizeOf(batch), (rowCount * columnCount * wholeK) / UNIT_WORK),
      ),
      compute,
      packRows: packRows ? rowCount * wholeK : 0,
      rowElements: rowCount * wholeK,
      packColumns,
    });
  const packed = scattered ? unitsOf(true) : undefined;
  const packRows = packed !== undefined && packed.panelsPerUnit >= WORTH_PANELS;
  const split = packRows ? packed : unitsOf(false);
  const cycles =
    compute * (scattered && !packRows ? 1.3 : 1) +
    split.cycles +
    (sweep === undefined || sweep.finish === 'keep' ? storeCycles(rowCount * columnCount, vector) : 0);
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
    panelsPerStrip: sweeps
      ? split.panelsPerUnit
      : Math.min(split.panelsPerUnit, stripPanels(k.size, split.groupsPerUnit * rows.rows, width)),
    groupsPerUnit: split.groupsPerUnit,
    packRows,
    machine,
    sweep,
    cycles: cycles * sizeOf(batch),
  };
}

const byFallingStride = (list: readonly Steps[], stride: (each: Steps) => number): Steps[] =>
  [...list].sort((a, b) => Math.abs(stride(b)) - Math.abs(stride(a)));

/** Rows whose part of the operand stays in the second-level cache for a block of k. Views overlap: count elements once. */
function rowLimit(axes: readonly Axis[], k: KBlocks, { tile }: Machine): number {
  const rows = sizeOf(axes);
  const elements = Math.min(rows * k.size, spanOf([...axes, ...k.rowAxes]));
  const bytesPerRow = (elements * 4) / rows;
  return Math.min(
    MOST_ROWS,
    Math.max(LEAST_ROWS, Math.floor(ROW_BYTES / bytesPerRow / tile.rows) * tile.rows),
  );
}

function vectorDirection(
  stores: Stores,
  rows: readonly Variable[],
  columns: readonly Variable[],
  lanes: number,
): VectorDirection {
  const [first] = stores;
  const dtypes = new Set<DType>();
  visit(
    stores.map(({ value }) => value),
    ({ dtype }) => {
      dtypes.add(dtype);
    },
  );
  // There are no vectors of float64.
  if (dtypes.has('float64')) return 'none';
  const fits = (v: Variable | undefined): v is Variable => v !== undefined && v.extent >= lanes;
  const strideAlong = (v: Variable | undefined): number | undefined =>
    first === undefined || !fits(v) ? undefined : linearStride(first.index, v);
  const column = columns.at(-1);
  const row = rows.at(-1);
  if (strideAlong(column) === 1) return 'columns';
  if (strideAlong(row) === 1) return 'rows';
  return fits(column) ? 'columns' : fits(row) ? 'rows' : 'none';
}

/** How a contraction is cut into units. */
export interface Split {
  readonly panelsPerUnit: number;
  readonly groupsPerUnit: number;
  /** What packing costs with this split, and waiting at the end. */
  readonly cycles: number;
}

export interface SplitOptions {
  readonly maxRows: number;
  /** Rows of all results together. */
  readonly writtenRows: number;
  readonly panels: number;
  readonly width: number;
  readonly kBlocks: number;
  /** Steps of k in a block. */
  readonly blockSize: number;
  readonly level2: number;
  /** Entries of the batch, and units wanted of each. */
  readonly entries: number;
  readonly wanted: number;
  /** Cycles of all multiplications, of packing all rows (0 if they are not packed) and of packing all columns. */
  readonly compute: number;
  readonly packRows: number;
  readonly packColumns: number;
  /** Elements of the first operand, each counted as often as it is used with a panel. */
  readonly rowElements: number;
}

/**
 * Units: some panels by some groups of rows of one batch entry. Each block of rows packs its panels again, and each block of panels
 * its rows, if they are packed: the cheapest split that makes enough units.
 */
function planUnits(rows: RowPlan, options: SplitOptions): Split {
  const { maxRows, panels, width, kBlocks, wanted, compute, packRows, packColumns } = options;
  const groups = groupCount(rows);
  const most = Math.max(1, Math.min(groups, Math.floor(maxRows / rows.rows)));
  let best: Split | undefined;
  for (
    let rowBlocks = Math.ceil(groups / most);
    rowBlocks <= groups;
    rowBlocks = Math.ceil(rowBlocks * 1.25)
  ) {
    const groupsPerUnit = Math.ceil(groups / rowBlocks);
    if (best !== undefined && groupsPerUnit * rows.rows < LEAST_ROWS) break;
    const kept =
      kBlocks > 1 ? Math.max(1, Math.floor(SUM_ELEMENTS / (groupsPerUnit * rows.rows * width))) : panels;
    const columnBlocks = Math.max(Math.ceil(panels / kept), Math.min(panels, Math.ceil(wanted / rowBlocks)));
    const panelsPerUnit = Math.ceil(panels / columnBlocks);
    const units = Math.ceil(groups / groupsPerUnit) * Math.ceil(panels / panelsPerUnit);
    // At the end, threads wait for the last unit of all entries.
    const cycles =
      rowBlocks * packColumns + columnBlocks * packRows + compute / (2 * units * options.entries);
    if (best === undefined || cycles < best.cycles) best = { panelsPerUnit, groupsPerUnit, cycles };
  }
  return best ?? { panelsPerUnit: panels, groupsPerUnit: groups, cycles: packColumns + packRows };
}

/** Whether tiles would touch another cache line of the first operand for every k. */
function areScattered(k: KBlocks): boolean {
  return k.size >= 128 && Math.abs(mergeAxes(k.rowAxes).at(-1)?.stride ?? 0) >= 16;
}

/** At least two panels are packed and written together: then whole cache lines are. */
const stripPanels = (k: number, rows: number, width: number): number =>
  Math.max(2, Math.floor(STRIP_BYTES / (Math.max(k, rows) * width * 4)));
