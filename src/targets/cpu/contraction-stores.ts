/** The way out of a contraction: merging the variables of its epilogue, and writing finished columns. */
import * as index from '../../compiler/index-expr.js';
import type { Variable } from '../../compiler/index-expr.js';
import type { ContractionKernel } from '../../compiler/kernel.js';
import { Substitution } from '../../compiler/loop-nest.js';
import { indicesOf, linearStride, visit } from '../../compiler/scalar-expr.js';

export type Stores = ContractionKernel['stores'];

/** `stores` in terms of fewer variables, one list for each list given. */
export interface MergedStores {
  readonly stores: Stores;
  readonly groups: readonly (readonly Variable[])[];
}

/**
 * Joins neighbouring variables of each group (outermost first) into one where every index of the epilogue stays linear in
 * it. A flat position means the same in the old and the new variables of a group.
 */
export function mergeStores(stores: Stores, groups: readonly (readonly Variable[])[]): MergedStores {
  let current = stores;
  const merged = groups.map((group) => {
    const result: Variable[] = [];
    for (const inner of group.filter(({ extent }) => extent > 1)) {
      const outer = result.at(-1);
      if (outer === undefined) {
        result.push(inner);
        continue;
      }
      const joined = index.variable(outer.extent * inner.extent);
      const flat = index.ofVariable(joined);
      const replaced = replaceVariables(
        current,
        new Map([
          [outer, index.quotient(flat, inner.extent)],
          [inner, index.remainder(flat, inner.extent)],
        ]),
      );
      if (isLinear(replaced, joined)) {
        current = replaced;
        result[result.length - 1] = joined;
      } else result.push(inner);
    }
    return result;
  });
  // Variables of extent 1 are always 0.
  const ones = groups.flat().filter(({ extent }) => extent === 1);
  if (ones.length > 0) current = replaceVariables(current, new Map(ones.map((v) => [v, index.ZERO])));
  return { stores: current, groups: merged };
}

function isLinear(stores: Stores, v: Variable): boolean {
  let linear = true;
  const look = (each: index.Index): void => {
    if (linearStride(each, v) === undefined) linear = false;
  };
  for (const store of stores) look(store.index);
  visit(
    stores.flatMap((store) => [store.value]),
    (scalar) => {
      indicesOf(scalar).forEach(look);
    },
  );
  return linear;
}

function replaceVariables(stores: Stores, replace: ReadonlyMap<Variable, index.Index>): Stores {
  const substitution = new Substitution(replace);
  return stores.map((store) => ({
    ...store,
    index: substitution.index(store.index),
    value: substitution.scalar(store.value),
  }));
}
