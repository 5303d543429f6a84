/** The way out of a contraction: merging the variables of its epilogue, and writing finished columns. */
import * as index from '../../compiler/index-expr.js';
import type { Variable } from '../../compiler/index-expr.js';
import type { ContractionKernel } from '../../compiler/kernel.js';
import { indicesOf, linearStride, visit, type Scalar } from '../../compiler/scalar-expr.js';

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
  const done = new Map<Scalar, Scalar>();
  const atIndex = (each: index.Index): index.Index => index.substitute(each, replace, go);
  const build = (scalar: Scalar): Scalar => {
    switch (scalar.kind) {
      case 'load':
        return {
          ...scalar,
          index: atIndex(scalar.index),
          guard: scalar.guard.map((bound) => ({ ...bound, index: atIndex(bound.index) })),
        };
      case 'index':
        return { ...scalar, index: atIndex(scalar.index) };
      case 'inside':
        return {
          ...scalar,
          bounds: scalar.bounds.map((bound) => ({ ...bound, index: atIndex(bound.index) })),
        };
      case 'op':
        return { ...scalar, args: scalar.args.map(go) };
      case 'random':
        return { ...scalar, index: atIndex(scalar.index), args: [go(scalar.args[0]), go(scalar.args[1])] };
      case 'constant':
      case 'scalar':
      case 'reduced':
      case 'accumulator':
        return scalar;
    }
  };
  function go(scalar: Scalar): Scalar {
    let result = done.get(scalar);
    if (result === undefined) done.set(scalar, (result = build(scalar)));
    return result;
  }
  return stores.map((store) => ({ ...store, index: atIndex(store.index), value: go(store.value) }));
}
