/** What one pass over a row has computed at a price, later passes read back instead of computing it again. */
import type { Variable } from './index-expr.js';
import type { Stage } from './kernel.js';
import { COSTS } from './partition.js';
import { dependenciesOf, operandsOf, visit, type Scalar } from './scalar-expr.js';

/** Cost from which reading back beats computing again: any one of the transcendental functions. */
const DEAR = 8;

type Store = Extract<Stage, { kind: 'store' }>;

/**
 * Softmax is the model: exp(x - max) is summed in one pass and divided by the sum in the next. The first of these passes leaves
 * it where the result will lie, and the second takes it from there.
 */
export function reuseAcrossPasses(stages: readonly Stage[], columns: readonly Variable[]): Stage[] {
  const level = levelsOf(stages);
  let result = [...stages];
  for (const stage of stages) {
    if (stage.kind !== 'store') continue;
    const dear = dearestBefore(stage, stages, columns, level);
    if (dear === undefined) continue;
    const { buffer, index } = stage;
    const back: Scalar = { kind: 'load', dtype: dear.dtype, buffer, index, guard: [] };
    const known = level(dear);
    // The result takes the place of what is kept: passes after that must compute it again.
    const last = level(stage.value);
    const rewritten = result.map((each) =>
      level(each.value) > known && level(each.value) <= last
        ? { ...each, value: replace(each.value, dear, back) }
        : each,
    );
    const kept: Store = { kind: 'store', buffer, index, value: dear };
    // In front of everything that waits for more than the value does.
    const place = rewritten.findIndex((each) => level(each.value) > known);
    result = [...rewritten.slice(0, place), kept, ...rewritten.slice(place)];
    // One value per kernel: a second might want the memory of the first.
    break;
  }
  return result;
}

/** How many reductions a value has to wait for, one after the other. */
export function levelsOf(stages: readonly Stage[]): (scalar: Scalar) => number {
  const slots = new Map<number, number>();
  const level = (scalar: Scalar): number => {
    let highest = 0;
    for (const slot of dependenciesOf(scalar).reductions) highest = Math.max(highest, slots.get(slot) ?? 0);
    return highest;
  };
  for (const stage of stages) if (stage.kind === 'reduce') slots.set(stage.slot, level(stage.value) + 1);
  return level;
}

/** The dearest part of `store` that a reduction before it computes too. */
function dearestBefore(
  store: Store,
  stages: readonly Stage[],
  columns: readonly Variable[],
  level: (scalar: Scalar) => number,
): Scalar | undefined {
  const reduced = new Set<Scalar>();
  for (const stage of stages) {
    if (stage.kind === 'reduce' && level(stage.value) < level(store.value))
      visit([stage.value], (each) => reduced.add(each));
  }
  let best: Scalar | undefined;
  let bestCost = DEAR;
  visit([store.value], (each) => {
    if (each.dtype !== store.value.dtype || each.kind !== 'op' || !reduced.has(each) || each === store.value)
      return;
    if (!columns.some((v) => dependenciesOf(each).variables.has(v))) return;
    const cost = costOf(each, columns);
    if (cost >= bestCost) {
      best = each;
      bestCost = cost;
    }
  });
  return best;
}

/** What it takes for each column: the rest is computed once for the row. */
function costOf(scalar: Scalar, columns: readonly Variable[]): number {
  let cost = 0;
  visit([scalar], (each) => {
    if (each.kind !== 'op') return;
    const { variables } = dependenciesOf(each);
    if (columns.some((v) => variables.has(v))) cost += COSTS[each.op] ?? 1;
  });
  return cost;
}

function replace(scalar: Scalar, what: Scalar, by: Scalar): Scalar {
  if (scalar === what) return by;
  if (scalar.kind !== 'op' || operandsOf(scalar).length === 0) return scalar;
  const args = scalar.args.map((arg) => replace(arg, what, by));
  return args.every((arg, i) => arg === scalar.args[i]) ? scalar : { ...scalar, args };
}
