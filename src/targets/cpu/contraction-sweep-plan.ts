/** Decisions about sweeps: the shape of their tiles, where columns come from, what becomes of sums, and the units of work. */
import type { Variable } from '../../compiler/index-expr.js';
import type { ElementwiseOp } from '../../graph/elementwise-ops.js';
import { linearStride, visit, type Scalar } from '../../compiler/scalar-expr.js';
import { mergeAxes, type Axis } from './contraction-axes.js';
import type { KBlocks } from './contraction-blocks.js';
import type { Split, SplitOptions } from './contraction-plan.js';
import { groupCount, type RowPlan } from './contraction-rows.js';
import type { Stores } from './contraction-stores.js';
import type { ColumnSource, Finish } from './contraction-sweep.js';
import type { Machine } from './machine.js';

export interface SweepPlan {
  readonly source: ColumnSource;
  /** From k to k in the second operand, in bytes, where columns are read there. */
  readonly operandStep: number;
  readonly finish: Finish['kind'];
  /** Where the result is written straight away: its buffer, and the steps of its index, in elements. */
  readonly target: Target | undefined;
}

export interface Target {
  readonly buffer: number;
  readonly constant: number;
  readonly batch: readonly Axis[];
  readonly row: number;
}

/** Steps of k in a block: results are seldom taken up again. */
export const SWEEP_BLOCK = 1024;
/** Rows of a group, which units of work consist of, where each unit packs its columns. */
const MOST_ROWS = 48;
/** Taller tiles of one vector would gain nothing. */
const TALLEST = 24;
/** The first-level cache. */
const LINE_BYTES = 64;
const CACHE_SETS = 64;
const CACHE_WAYS = 8;
/** Which part of the second-level cache the second operand may fill without being packed: it stays there, and its rows are read one after the other. */
const UNPACKED = 1 / 4;
/** Expressions of an epilogue that is written out once for each vector of a tile. */
const LARGEST_EPILOGUE = 12;

/**
 * The tile for so many columns: the fewer vectors, the more rows fit the registers beside them and an element. But not more than lie in the
 * first-level cache side by side, which rows a power of two apart do not.
 */
export function sweepTile(machine: Machine, columns: number, rows: readonly Axis[]): Machine {
  const vectors = Math.min(machine.tile.vectors, Math.ceil(columns / machine.lanes));
  if (vectors === machine.tile.vectors) return machine;
  const fitting = Math.min(TALLEST, Math.floor((machine.registers - 1 - vectors) / vectors));
  const lines = ((mergeAxes(rows).at(-1)?.stride ?? 0) * 4) / LINE_BYTES;
  const places =
    Number.isInteger(lines) && lines !== 0
      ? CACHE_SETS / greatestCommonDivisor(CACHE_SETS, Math.abs(lines))
      : CACHE_SETS;
  return { ...machine, tile: { ...machine.tile, rows: Math.min(fitting, places * CACHE_WAYS), vectors } };
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

export function planSweep(options: {
  readonly level2: number;
  readonly columns: readonly Axis[];
  readonly k: KBlocks;
  readonly batch: readonly Variable[];
  readonly rowVariables: readonly Variable[];
  readonly columnVariables: readonly Variable[];
  readonly stores: Stores;
}): SweepPlan {
  const { k } = options;
  const [columns, ...more] = mergeAxes(options.columns);
  const operandStep = k.columnSteps.kind === 'stride' ? k.columnSteps.bytes : 0;
  const readable = more.length === 0 && columns?.stride === 1 && operandStep > 0;
  const source = !readable
    ? 'panels'
    : operandStep * k.size * k.count <= options.level2 * UNPACKED
      ? 'operand'
      : 'packing';
  const target = targetOf(options);
  const isSimple = k.count === 1 && target !== undefined && isCheap(options.stores);
  return {
    source,
    operandStep,
    finish: target !== undefined && isPlain(options.stores) ? 'write' : isSimple ? 'epilogue' : 'keep',
    target,
  };
}

const isPlain = (stores: Stores): boolean => stores.length === 1 && stores[0]?.value.kind === 'accumulator';

/** Whether an epilogue may be repeated for each vector of a tile. */
function isCheap(stores: Stores): boolean {
  let expressions = 0;
  let dear = 0;
  visit(
    stores.map(({ value }) => value),
    (scalar) => {
      expressions++;
      if (!isCheapScalar(scalar)) dear++;
    },
  );
  return dear === 0 && expressions <= LARGEST_EPILOGUE;
}

function isCheapScalar(scalar: Scalar): boolean {
  if (scalar.dtype === 'float64') return false;
  switch (scalar.kind) {
    case 'op':
      return CHEAP.has(scalar.op);
    case 'load':
      return scalar.guard.length === 0;
    case 'random':
      return false;
    default:
      return true;
  }
}

/** Operations of one or two instructions. */
const CHEAP: ReadonlySet<ElementwiseOp> = new Set<ElementwiseOp>([
  ...(['add', 'sub', 'mul', 'div', 'max', 'min', 'neg', 'abs', 'sqrt'] as const),
  ...(['eq', 'ne', 'lt', 'le', 'and', 'or', 'not', 'where'] as const),
]);

/** Where the first store goes, if its columns are neighbours and everything is linear. */
function targetOf({
  batch,
  rowVariables,
  columnVariables,
  stores,
}: {
  readonly batch: readonly Variable[];
  readonly rowVariables: readonly Variable[];
  readonly columnVariables: readonly Variable[];
  readonly stores: Stores;
}): Target | undefined {
  const [store] = stores;
  const [column, ...moreColumns] = columnVariables;
  const [row, ...moreRows] = rowVariables;
  if (store === undefined || column === undefined || moreColumns.length > 0 || moreRows.length > 0)
    return undefined;
  const { index } = store;
  const stride = (v: Variable): number | undefined => linearStride(index, v);
  const rowStride = row === undefined ? 0 : stride(row);
  if (stride(column) !== 1 || rowStride === undefined || rowStride < 0) return undefined;
  const axes: Axis[] = [];
  for (const each of batch) {
    const step = stride(each);
    if (step === undefined) return undefined;
    axes.push({ extent: each.extent, stride: step });
  }
  // What is left of the index must not depend on data.
  if (index.terms.some(({ atom }) => atom.kind !== 'variable')) return undefined;
  return { buffer: store.buffer, constant: index.constant, batch: axes, row: rowStride };
}

/** Rows of a unit at the least, if its columns are packed for it alone. */
const LEAST_ROWS = 48;
/** Units that let a few threads share a contraction evenly. */
const ENOUGH_UNITS = 16;
/** Cycles to fetch an element of the first operand anew, while something else is computed. */
const FETCH_CYCLES = 0.03;
/**
 * Cycles for each row of a result that units divide among them: processors read ahead along a row, and so fetch from each other what belongs to the thread
 * beside. A gradient of 128 x 784 with its update by Adam, three results, took 94 µs on two threads when cut into 5 blocks of columns, and 68 µs in rows.
 */
const EDGE_CYCLES = 10;

/** Rows of a group: where nothing is packed they may be few, so that units need not divide columns among them. */
export function sweepRows(source: ColumnSource, rows: number, { tile }: Machine): number {
  if (source !== 'operand') return MOST_ROWS;
  return Math.min(MOST_ROWS, Math.max(2 * tile.rows, Math.ceil(rows / ENOUGH_UNITS)));
}

/**
 * Units: at most so many panels that, packed, they fill a quarter of the second-level cache, by some groups of rows. Of all such splits the one that takes
 * least time to pack, to fetch, and to wait for the last unit.
 */
export function sweepUnits(rows: RowPlan, options: SplitOptions): Split {
  const { panels, width, blockSize, level2, compute, packRows, packColumns } = options;
  const wanted = Math.min(ENOUGH_UNITS, options.wanted);
  const groups = groupCount(rows);
  const fitting = Math.max(1, Math.floor(level2 / 4 / (blockSize * width * 4)));
  let best: Split | undefined;
  for (let rowBlocks = 1; rowBlocks <= groups; rowBlocks++) {
    const groupsPerUnit = Math.ceil(groups / rowBlocks);
    if (best !== undefined && packColumns > 0 && groupsPerUnit * rows.rows < LEAST_ROWS) break;
    const fewest = Math.ceil(panels / fitting);
    for (const blocks of new Set([
      fewest,
      Math.max(fewest, Math.min(panels, Math.ceil(wanted / rowBlocks))),
    ])) {
      const panelsPerUnit = Math.ceil(panels / blocks);
      const columnBlocks = Math.ceil(panels / panelsPerUnit);
      const units = Math.ceil(groups / groupsPerUnit) * columnBlocks;
      // At the end, threads wait for the last unit of all entries.
      const waiting = compute / (2 * Math.min(units, wanted) * options.entries);
      const cycles =
        rowBlocks * packColumns +
        columnBlocks * (packRows + options.rowElements * FETCH_CYCLES) +
        (columnBlocks - 1) * options.writtenRows * EDGE_CYCLES +
        waiting;
      if (best === undefined || cycles < best.cycles) best = { panelsPerUnit, groupsPerUnit, cycles };
    }
  }
  return best ?? { panelsPerUnit: panels, groupsPerUnit: groups, cycles: packColumns + packRows };
}
