/**
 * How the rows of a contraction become tiles. Rows that lie evenly make tiles of 6; where they do not (the 3x3 of a filter, 11 pixels
 * of a line), a group of rows that repeats is cut into tiles whose distances are constants.
 */
import { addressOf, mergeAxes, positionsOf, sizeOf, split, type Axis } from './contraction-axes.js';
import type { RowPattern } from './contraction-tile.js';
import type { Machine } from './machine.js';
import { add, compare, i32, mul, type Builder, type Expr } from './ir.js';

/** `tiles` tiles of one pattern; the lowest row of the first at `start`, each following one `step` further (bytes). */
export interface Segment {
  readonly pattern: RowPattern;
  readonly start: number;
  readonly tiles: number;
  readonly step: number;
}

/**
 * The rows as `outer` × `perRun` groups. Every group has `rows` rows, the last of a run `lastRows`; groups of a run lie
 * `groupStride` elements apart.
 */
export interface RowPlan {
  readonly outer: readonly Axis[];
  readonly perRun: number;
  readonly rows: number;
  readonly lastRows: number;
  readonly groupStride: number;
  readonly segments: readonly Segment[];
  readonly lastSegments: readonly Segment[];
  /** Estimated cycles per k for all rows and one panel. */
  readonly cycles: number;
}

export const groupCount = (rows: RowPlan): number => sizeOf(rows.outer) * rows.perRun;

/** Static groups are at most this large, and have at most this many patterns. */
const GROUP_LIMIT = 48;
const PATTERN_LIMIT = 6;

/**
 * Cycles of one k of a tile, measured: 6 rows 6.6, 5 rows 5.5, 4 rows 5.1, 3 rows 4.6. Two multiply-adds a cycle of latency 4 need 8
 * sums, and some more, to keep busy.
 */
export const tileCycles = (rows: number, vectors: number, machine: Machine): number =>
  machine.tile.unroll === 1
    ? Math.max(rows * vectors * 0.55, 3.3 + rows * vectors * 0.22)
    : Math.max(rows * vectors * 0.5, (rows + vectors) * 0.5, 4);

/** The heights of the tiles that `rows` rows are cut into, falling. */
export function tileHeights(rows: number, machine: Machine): number[] {
  const most = machine.tile.rows;
  const full = Math.max(0, Math.floor((rows - 4 * most) / most));
  const heights = new Array<number>(full).fill(most);
  const cuts = cheapestCuts(rows - full * most, machine);
  for (let rest = rows - full * most; rest > 0;) {
    const { height } = cuts[rest] as Cut;
    heights.push(height);
    rest -= height;
  }
  return heights.sort((a, b) => b - a);
}

interface Cut {
  readonly cycles: number;
  /** Of one of its tiles. The others are those of the cut of the rows that are left. */
  readonly height: number;
}

/** Those that are known, by the shape of the tile. Candidates ask for the same ones again and again. */
const knownCuts = new Map<string, Cut[]>();

/** The cheapest cuts of 0, 1, … `rows` rows into tiles, and perhaps of more. */
function cheapestCuts(rows: number, machine: Machine): readonly Cut[] {
  const { tile } = machine;
  const key = `${tile.rows} ${tile.vectors} ${tile.unroll}`;
  let cuts = knownCuts.get(key);
  if (cuts === undefined) knownCuts.set(key, (cuts = [{ cycles: 0, height: 0 }]));
  for (let r = cuts.length; r <= rows; r++) {
    let found: Cut = { cycles: Infinity, height: 0 };
    for (let height = Math.min(tile.rows, r); height >= 1; height--) {
      const cycles = (cuts[r - height] as Cut).cycles + tileCycles(height, tile.vectors, machine);
      if (cycles < found.cycles - 1e-9) found = { cycles, height };
    }
    cuts.push(found);
  }
  return cuts;
}

/** Cuts rows at `positions` (elements) into segments. */
function segmentsOf(positions: readonly number[], machine: Machine): Segment[] {
  const segments: Segment[] = [];
  let at = 0;
  for (const height of tileHeights(positions.length, machine)) {
    const rows = positions.slice(at, at + height).map((position) => position * 4);
    at += height;
    const start = Math.min(...rows);
    const pattern = rows.map((row) => row - start);
    const last = segments.at(-1);
    const step = last === undefined ? 0 : start - (last.start + (last.tiles - 1) * last.step);
    if (
      last !== undefined &&
      samePattern(last.pattern, pattern) &&
      (last.tiles === 1 || last.step === step)
    ) {
      segments[segments.length - 1] = { ...last, tiles: last.tiles + 1, step };
    } else segments.push({ pattern, start, tiles: 1, step: 0 });
  }
  return segments;
}

export const samePattern = (a: RowPattern, b: RowPattern): boolean =>
  a.length === b.length && a.every((each, r) => each === b[r]);

const cyclesOf = (segments: readonly Segment[], callCycles: number, machine: Machine): number =>
  segments.reduce(
    (sum, { pattern, tiles }) =>
      sum + tiles * tileCycles(pattern.length, machine.tile.vectors, machine) + callCycles,
    0,
  );

/** Plans rows that lie at `axes`, in groups of at most `maxRows` where that can be chosen, for blocks of `k` steps. */
export function planRows(axes: readonly Axis[], maxRows: number, k: number, machine: Machine): RowPlan {
  const merged = mergeAxes(axes);
  // A call and its tiles' beginnings and ends, in cycles per k.
  const callCycles = 20 / k;
  const plans = [evenPlan(merged, maxRows, callCycles, machine)];
  const inner = merged.at(-1);
  if (
    inner !== undefined &&
    inner.extent % machine.tile.rows !== 0 &&
    inner.extent <= GROUP_LIMIT &&
    merged.length > 1
  ) {
    plans.push(...groupPlans(merged, callCycles, machine));
  }
  return plans.reduce((best, plan) => (plan.cycles < best.cycles * 0.98 ? plan : best));
}

/** Tiles inside runs of the innermost axis. */
function evenPlan(axes: readonly Axis[], maxRows: number, callCycles: number, machine: Machine): RowPlan {
  const inner = axes.at(-1) ?? { extent: 1, stride: 0 };
  const outer = axes.slice(0, -1);
  const blocks = Math.ceil(inner.extent / maxRows);
  const rows =
    blocks === 1 ? inner.extent : Math.ceil(inner.extent / blocks / machine.tile.rows) * machine.tile.rows;
  const perRun = Math.ceil(inner.extent / rows);
  const lastRows = inner.extent - (perRun - 1) * rows;
  const evenly = (count: number): Segment[] =>
    segmentsOf(
      Array.from({ length: count }, (_, r) => r * inner.stride),
      machine,
    );
  const segments = evenly(rows);
  const lastSegments = evenly(lastRows);
  return {
    outer,
    perRun,
    rows,
    lastRows,
    groupStride: rows * inner.stride,
    segments,
    lastSegments,
    cycles:
      sizeOf(outer) *
      ((perRun - 1) * cyclesOf(segments, callCycles, machine) + cyclesOf(lastSegments, callCycles, machine)),
  };
}

/** Groups of the innermost axes, and of some steps of the axis outside them. */
function groupPlans(axes: readonly Axis[], callCycles: number, machine: Machine): RowPlan[] {
  const plans: RowPlan[] = [];
  for (let first = axes.length - 2; first >= 0; first--) {
    const within = axes.slice(first + 1);
    const inner = sizeOf(within);
    if (inner > GROUP_LIMIT) break;
    const { extent, stride } = axes[first] ?? { extent: 1, stride: 0 };
    const outer = axes.slice(0, first);
    for (let factor = 1; factor <= extent && factor * inner <= GROUP_LIMIT; factor++) {
      const perRun = Math.ceil(extent / factor);
      const last = extent - (perRun - 1) * factor;
      const segments = segmentsOf(positionsOf([{ extent: factor, stride }, ...within]), machine);
      const lastSegments =
        last === factor ? segments : segmentsOf(positionsOf([{ extent: last, stride }, ...within]), machine);
      if (patternsOf([...segments, ...lastSegments]).length > PATTERN_LIMIT) continue;
      const cycles =
        (perRun - 1) * cyclesOf(segments, callCycles, machine) + cyclesOf(lastSegments, callCycles, machine);
      plans.push({
        outer,
        perRun,
        rows: factor * inner,
        lastRows: last * inner,
        groupStride: factor * stride,
        segments,
        lastSegments,
        cycles: sizeOf(outer) * cycles,
      });
    }
  }
  return plans;
}

/** The different patterns among segments. */
export function patternsOf(segments: readonly Segment[]): RowPattern[] {
  const found: RowPattern[] = [];
  for (const { pattern } of segments)
    if (!found.some((each) => samePattern(each, pattern))) found.push(pattern);
  return found;
}

/** Emits a loop over groups; `visit` emits what happens to the segments of one that begins at an address. */
export function eachGroup(
  b: Builder,
  plan: RowPlan,
  source: Expr,
  begin: Expr,
  end: Expr,
  visit: (segments: readonly Segment[], base: Expr) => void,
): void {
  b.for(begin, end, 1, (group) => {
    const [outer, inRun] = split(b, group, plan.perRun);
    const start = add(source, addressOf(b, outer, plan.outer, 4));
    const base = b.let(add(start, mul(inRun, i32(plan.groupStride * 4))), 'base');
    if (plan.perRun === 1) visit(plan.segments, base);
    else {
      b.if(
        compare('lt', inRun, i32(plan.perRun - 1)),
        () => {
          visit(plan.segments, base);
        },
        () => {
          visit(plan.lastSegments, base);
        },
      );
    }
  });
}

/** The number of the first row of a group. */
export function rowOfGroup(b: Builder, group: Expr, plan: RowPlan): Expr {
  const runRows = (plan.perRun - 1) * plan.rows + plan.lastRows;
  const [outer, inRun] = split(b, group, plan.perRun);
  return b.let(add(mul(outer, i32(runRows)), mul(inRun, i32(plan.rows))), 'row');
}
