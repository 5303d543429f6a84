/** What parts of a contraction cost, in cycles: enough to compare two plans, no more. */
import { mergeAxes, runsOf, type Axis } from './contraction-axes.js';
import type { KBlocks } from './contraction-blocks.js';
import { mayRun } from './contraction-pack.js';
import { tileCycles, type RowPlan } from './contraction-rows.js';
import { panelWidth, type Machine } from './machine.js';
import type { KSteps } from './contraction-tile.js';

/** What lanes run along when results are written. */
export type VectorDirection = 'rows' | 'columns' | 'none';

export function computeCycles(rows: RowPlan, columns: number, machine: Machine): number {
  const { rows: height, vectors } = machine.tile;
  const width = panelWidth(machine);
  const last = Math.ceil((columns % width) / machine.lanes);
  const narrow = last === 0 ? 0 : tileCycles(height, last, machine) / tileCycles(height, vectors, machine);
  return rows.cycles * (Math.floor(columns / width) + narrow);
}

/** Cycles per k: about a vector a cycle and a half where columns are neighbours, an element a cycle otherwise. */
export function packCycles(columns: readonly Axis[], count: number, steps: KSteps, lanes: number): number {
  const inner = mergeAxes(columns).at(-1) ?? { extent: 1, stride: 0 };
  const padded = Math.ceil(count / lanes) * lanes;
  const regular = inner.extent < lanes ? 0 : 1 - (inner.extent % lanes === 0 ? 0 : lanes - 1) / inner.extent;
  const slow = 1 + (steps.kind === 'table' ? 0.2 : 0);
  return inner.stride === 1 ? padded * (regular * 0.4 + (1 - regular) * slow) : padded * slow;
}

/** As {@link packCycles}, on machines of long vectors: they turn squares cheaply, and gather lane by lane. */
export function sweepPackCycles(columns: readonly Axis[], count: number, k: KBlocks, lanes: number): number {
  const inner = mergeAxes(columns).at(-1) ?? { extent: 1, stride: 0 };
  const padded = Math.ceil(count / lanes) * lanes;
  const regular = inner.extent < lanes ? 0 : 1 - (inner.extent % lanes === 0 ? 0 : lanes - 1) / inner.extent;
  const fast = inner.stride === 1 ? 0.15 : mayRun(runsOf(k.columnAxes), lanes) ? 0.35 : 1.5;
  return padded * (regular * fast + (1 - regular) * 2);
}

export const storeCycles = (elements: number, vector: VectorDirection): number =>
  elements * (vector === 'columns' ? 0.5 : vector === 'rows' ? 1.2 : 3);
