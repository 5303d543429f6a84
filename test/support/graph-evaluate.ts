/** Nodes with data attached, and their values by the reference interpreter. */
import { allocate, type DType, type TypedArray } from '../../src/core/dtype.js';
import type { Shape } from '../../src/core/shape.js';
import { sizeOf } from '../../src/core/shape.js';
import { placeholder } from '../../src/graph/build.js';
import type { Node } from '../../src/graph/node.js';
import { interpret } from '../../src/targets/reference/interpret.js';

const data = new WeakMap<Node, TypedArray>();

/** A leaf of the given elements (float64 [n] unless told). */
export function leaf(values: Iterable<number>, shape?: Shape, dtype: DType = 'float64'): Node {
  const list = [...values];
  const node = placeholder(shape ?? [list.length], dtype);
  const array = allocate(dtype, sizeOf(node.shape));
  array.set(list);
  data.set(node, array);
  return node;
}

/** The data of a leaf. */
export function dataOf(node: Node): TypedArray {
  const array = data.get(node);
  if (array === undefined) throw new Error('this node is no leaf of a test');
  return array;
}

/** A view of the leaves' data in which some leaves have other values. */
class Leaves extends Map<Node, TypedArray> {
  override get(node: Node): TypedArray | undefined {
    return super.get(node) ?? data.get(node);
  }
}

/** The elements of each node. */
export function evaluateAll(
  nodes: readonly Node[],
  changed: Iterable<readonly [Node, TypedArray]> = [],
): number[][] {
  return interpret(nodes, new Leaves(changed)).map((array) => [...array]);
}

/** The elements of one node. */
export function evaluate(node: Node, changed: Iterable<readonly [Node, TypedArray]> = []): number[] {
  return evaluateAll([node], changed)[0] ?? [];
}
