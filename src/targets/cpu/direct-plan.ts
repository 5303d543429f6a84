/**
 * Decisions about a direct contraction: columns are read where they lie, as runs of neighbours, instead of from packed panels. This is how
 * convolutions with few channels, and so few products for each element, are computed without copying their input.
 */
import type { Variable } from '../../compiler/index-expr.js';
import type { ContractionKernel, Operand } from '../../compiler/kernel.js';
import { linearStride, visit } from '../../compiler/scalar-expr.js';
import { mergeAxes, positionsOf, sizeOf, type Axis } from './contraction-axes.js';
import { tileCycles } from './contraction-rows.js';
import type { KSteps } from './contraction-tile.js';
import type { Machine } from './machine.js';

/** The vectors of columns of an image, panel by panel, and where their sums are found again. */
export interface Panels {
  /** Where each vector of a panel lies, in bytes from its first; none is negative. */
  readonly vectors: readonly number[];
  readonly count: number;
  /** From panel to panel, in bytes of the operand. The last panel begins at `last`: it may overlap the one before. */
  readonly step: number;
  readonly last: number;
  /** Whether the sums of all panels are kept until the image is done; else those of one, whose runs are written at once. */
  readonly together: boolean;
  /** Runs that a panel completes, where panels are written at once. */
  readonly runs: number;
  /** From run to run among the sums of a row, in elements. */
  readonly sumPitch: number;
  /** Elements from one row of sums to the next. */
  readonly sumRow: number;
  /** Where the last panel's sums begin, in elements. */
  readonly lastSum: number;
}

export interface DirectPlan {
  readonly rowOperand: Operand;
  readonly columnOperand: Operand;
  /** Neighbours along this variable make vectors; each run of it takes `chunks` of them. */
  readonly along: Variable;
  readonly chunks: number;
  /** From run to run. */
  readonly down: Variable;
  readonly panels: Panels;
  /** What is left of batch and columns, outermost first. */
  readonly outer: readonly Variable[];
  readonly rows: readonly Variable[];
  readonly rowCount: number;
  /** From row to row, in bytes. */
  readonly rowStride: number;
  /** Heights of the tiles, falling, in blocks of rows that units of work take. */
  readonly blocks: readonly (readonly number[])[];
  readonly k: {
    readonly size: number;
    readonly rowAxes: readonly Axis[];
    readonly columnAxes: readonly Axis[];
    readonly rowSteps: KSteps;
  };
  /** Panels, or images if their panels are kept together, that a unit takes. */
  readonly perUnit: number;
  readonly cycles: number;
}

/** More vectors leave too few registers for rows. */
const MOST_VECTORS = 4;
/** Sums over more than these are cut into blocks, which only packed panels are. */
const MOST_K = 4096;
/** Tables and rows of a unit should stay in the first-level cache. */
const MOST_ROWS = 1024;
/** Multiply-adds of a unit, if there are enough; and fewer than these are not worth another unit, even if there are few. */
const UNIT_WORK = 512 * 1024;
const LEAST_WORK = 64 * 1024;
const WANTED_UNITS = 16;
/** Cycles to write and take up a sum. */
const SUM_CYCLES = 0.35;
/** Cycles around a tile. */
const TILE_OVERHEAD = 30;
/** The first-level cache: lines of a set that columns may fill, half of them, and cycles to fetch a line that does not stay there. */
const LINE_BYTES = 64;
const CACHE_SETS = 64;
const KEPT_LINES = 4;
const LINE_CYCLES = 8;

/** The cheapest plan, if there is one. */
export function planDirect(kernel: ContractionKernel, machine: Machine): DirectPlan | undefined {
  const [first, ...others] = directPlans(kernel, machine);
  return others.reduce(
    (best, plan) => (best !== undefined && best.cycles <= plan.cycles ? best : plan),
    first,
  );
}

/** All plans: both ways round, with every kind of panel. */
export function directPlans(kernel: ContractionKernel, machine: Machine): DirectPlan[] {
  if (!machine.masks || isDouble(kernel)) return [];
  return [
    ...planRoles(kernel, kernel.m, kernel.n, kernel.a, kernel.b, machine),
    ...planRoles(kernel, kernel.n, kernel.m, kernel.b, kernel.a, machine),
  ];
}

/** Whether the epilogue computes in float64, of which there are no vectors. */
function isDouble(kernel: ContractionKernel): boolean {
  let found = false;
  visit(
    kernel.stores.map(({ value }) => value),
    ({ dtype }) => {
      if (dtype === 'float64') found = true;
    },
  );
  return found;
}

const strideIn = (operand: Operand, v: Variable): number => operand.strides.get(v) ?? 0;

function planRoles(
  kernel: ContractionKernel,
  rows: readonly Variable[],
  columns: readonly Variable[],
  rowOperand: Operand,
  columnOperand: Operand,
  machine: Machine,
): DirectPlan[] {
  const { lanes } = machine;
  const [store] = kernel.stores;
  const sizeK = sizeOf(kernel.k);
  const rowCount = sizeOf(rows);
  if (store === undefined || sizeK > MOST_K || rowCount > MOST_ROWS) return [];
  const outStride = (v: Variable): number => Math.abs(linearStride(store.index, v) ?? 0);
  const real = columns.filter(({ extent }) => extent > 1).sort((a, b) => outStride(b) - outStride(a));
  const along = real.at(-1);
  const down = real.at(-2);
  if (along === undefined || down === undefined) return [];
  const chunks = Math.ceil(along.extent / lanes);
  const downStride = strideIn(columnOperand, down) * 4;
  const rowAxes = mergeAxes(rows.map((v) => ({ extent: v.extent, stride: strideIn(rowOperand, v) })));
  const rowStride = (rowAxes[0]?.stride ?? 0) * 4;
  if (
    strideIn(columnOperand, along) !== 1 ||
    linearStride(store.index, along) !== 1 ||
    chunks > MOST_VECTORS ||
    downStride < 0 ||
    rowAxes.length > 1 ||
    rowStride < 0
  )
    return [];
  const outer = [...kernel.batch, ...real.slice(0, -2)];
  // The longest steps of the columns come first, so that runs of k are neighbours there.
  const kOrder = [...kernel.k].sort(
    (a, b) => Math.abs(strideIn(columnOperand, b)) - Math.abs(strideIn(columnOperand, a)),
  );
  const axesOf = (operand: Operand): Axis[] =>
    kOrder.map((v) => ({ extent: v.extent, stride: strideIn(operand, v) }));
  const rowK = mergeAxes(axesOf(rowOperand));
  const rowSteps: KSteps =
    rowK.length === 1 ? { kind: 'stride', bytes: (rowK[0]?.stride ?? 0) * 4 } : { kind: 'table' };
  const k = { size: sizeK, rowAxes: axesOf(rowOperand), columnAxes: axesOf(columnOperand), rowSteps };

  const images = sizeOf(outer);
  const lines = linesOf(k.columnAxes);
  return panelsOf(along.extent, down.extent, downStride, lanes).map((panels) => {
    const vectors = panels.vectors.length;
    const heights = heightsOf(rowCount, vectors, machine);
    const perPanel = heights.reduce(
      (sum, height) => sum + tileCycles(height, vectors, machine) * 1.05 * sizeK + TILE_OVERHEAD,
      0,
    );
    const fetched = heights.length * evictedLines(lines, panels.vectors) * LINE_CYCLES;
    const cycles = images * panels.count * (perPanel + fetched + rowCount * vectors * lanes * SUM_CYCLES);
    const groups = images * (panels.together ? 1 : panels.count);
    const groupWork = rowCount * vectors * lanes * sizeK * (panels.together ? panels.count : 1);
    return {
      rowOperand,
      columnOperand,
      along,
      chunks,
      down,
      panels,
      outer,
      rows,
      rowCount,
      rowStride,
      blocks: blocksOf(heights, Math.ceil(Math.min(WANTED_UNITS / groups, groupWork / LEAST_WORK))),
      k,
      perUnit: Math.max(1, Math.min(Math.round(UNIT_WORK / groupWork), Math.ceil(groups / WANTED_UNITS))),
      cycles,
    };
  });
}

/** How many lines of a cache a column touches, set by set. */
function linesOf(axes: readonly Axis[]): Uint16Array {
  const sets = new Uint16Array(CACHE_SETS);
  const seen = new Set<number>();
  for (const position of positionsOf(axes)) {
    const line = Math.floor((position * 4) / LINE_BYTES);
    if (seen.has(line)) continue;
    seen.add(line);
    const set = line & (CACHE_SETS - 1);
    sets[set] = (sets[set] ?? 0) + 1;
  }
  return sets;
}

/** Lines of a panel that each tile fetches anew, as their sets hold fewer: those of many channels, or of some that lie a power of two apart. */
function evictedLines(column: Uint16Array, vectors: readonly number[]): number {
  const sets = new Uint16Array(CACHE_SETS);
  for (const bytes of vectors) {
    const shift = Math.floor(bytes / LINE_BYTES);
    for (let set = 0; set < CACHE_SETS; set++) {
      const at = (set + shift) & (CACHE_SETS - 1);
      sets[at] = (sets[at] ?? 0) + (column[set] ?? 0);
    }
  }
  return sets.reduce((sum, lines) => sum + (lines > KEPT_LINES ? lines : 0), 0);
}

/**
 * Ways to make panels. Run by run, some runs a panel; or, where runs are short, across their borders: the sums between them are dropped. 11
 * neighbours that lie 13 apart fill 11 of 16 lanes alone, but 121 of 144 together.
 */
function panelsOf(length: number, runs: number, pitchBytes: number, lanes: number): Panels[] {
  const chunks = Math.ceil(length / lanes);
  const found: Panels[] = [];
  for (let together = 1; together * chunks <= MOST_VECTORS && together <= runs; together++) {
    const vectors = Array.from({ length: together }, (_, run) =>
      Array.from({ length: chunks }, (__, chunk) => run * pitchBytes + chunk * lanes * 4),
    ).flat();
    found.push({
      vectors,
      count: Math.ceil(runs / together),
      step: together * pitchBytes,
      last: (runs - together) * pitchBytes,
      together: false,
      runs: together,
      sumPitch: chunks * lanes,
      sumRow: vectors.length * lanes,
      lastSum: 0,
    });
  }
  const pitch = pitchBytes / 4;
  const all = Math.ceil(((runs - 1) * pitch + length) / lanes);
  if (pitch < length || all >= runs * chunks) return found;
  for (let count = 1; count <= Math.min(MOST_VECTORS, all); count++) {
    found.push({
      vectors: Array.from({ length: count }, (_, n) => n * lanes * 4),
      count: Math.ceil(all / count),
      step: count * lanes * 4,
      last: (all - count) * lanes * 4,
      together: true,
      runs,
      sumPitch: pitch,
      sumRow: all * lanes,
      lastSum: (all - count) * lanes,
    });
  }
  return found;
}

/** Cuts the list of tiles into `count` parts. */
function blocksOf(heights: readonly number[], count: number): number[][] {
  const parts = Math.max(1, Math.min(heights.length, count));
  return Array.from({ length: parts }, (_, n) =>
    heights.slice(Math.floor((n * heights.length) / parts), Math.floor(((n + 1) * heights.length) / parts)),
  );
}

/** As even as possible: a low tile leaves the multipliers waiting for their own results. */
function heightsOf(rows: number, vectors: number, { registers }: Machine): number[] {
  // Beside the sums, a row of the columns, an element, and one to spare.
  const most = Math.max(1, Math.min(16, Math.floor((registers - 2 - vectors) / vectors)));
  const tiles = Math.ceil(rows / most);
  const low = Math.floor(rows / tiles);
  const high = rows - low * tiles;
  return Array.from({ length: tiles }, (_, n) => (n < high ? low + 1 : low));
}
