import { ArgumentError } from './errors.js';

/** Values of one kind in nested arrays and records: parameters of a model, gradients, optimizer state. */
export type Tree<Leaf> = Leaf | readonly Tree<Leaf>[] | { readonly [key: string]: Tree<Leaf> };

/** The tree `T` with each leaf replaced by `To`. */
export type MapTree<T, From, To> = T extends From ? To : { [K in keyof T]: MapTree<T[K], From, To> };

/** What makes a value a leaf. */
export type IsLeaf<Leaf> = (value: unknown) => value is Leaf;

/** Whether `value` is an object with names, not a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The leaves in depth-first order, records in the order of their keys, each with its path (`layers.0.weight`). */
export function leavesOf<Leaf>(tree: unknown, isLeaf: IsLeaf<Leaf>): [path: string, leaf: Leaf][] {
  const found: [string, Leaf][] = [];
  const visit = (value: unknown, path: string): void => {
    if (isLeaf(value)) {
      found.push([path, value]);
      return;
    }
    const prefix = path === '' ? '' : `${path}.`;
    if (Array.isArray(value))
      value.forEach((child, i) => {
        visit(child, `${prefix}${i}`);
      });
    else if (isRecord(value)) for (const key of Object.keys(value)) visit(value[key], prefix + key);
    else
      throw new ArgumentError(
        `${path === '' ? 'the tree' : `'${path}'`} holds ${describe(value)}, which is neither a leaf nor a nested array or record`,
      );
  };
  visit(tree, '');
  return found;
}

/** A tree of the same structure whose leaves are `replace(leaf, index)`, visited in the order of {@link leavesOf}. */
export function mapTree<Leaf, T, To>(
  tree: T,
  isLeaf: IsLeaf<Leaf>,
  replace: (leaf: Leaf, index: number) => To,
): MapTree<T, Leaf, To> {
  let index = 0;
  const visit = (value: unknown): unknown => {
    if (isLeaf(value)) return replace(value, index++);
    if (Array.isArray(value)) return value.map(visit);
    if (isRecord(value))
      return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, visit(child)]));
    throw new ArgumentError(
      `a tree holds ${describe(value)}, which is neither a leaf nor a nested array or record`,
    );
  };
  return visit(tree) as MapTree<T, Leaf, To>;
}

function describe(value: unknown): string {
  return value === null ? 'null' : `a ${typeof value}`;
}
