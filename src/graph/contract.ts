import { InternalError } from '../core/errors.js';
import { dot, permute } from './build.js';
import type { Node } from './node.js';

/** One name per axis of a tensor; axes that are paired have the same name. */
export type Labels = readonly number[];

/**
 * `dot` in Einstein's notation: labels of both operands and of the result pair up as batch axes, labels of both
 * operands alone are summed over. The result has its axes in the order of `result`.
 */
export function contract(a: Node, aLabels: Labels, b: Node, bLabels: Labels, result: Labels): Node {
  const straight = plan(aLabels, bLabels, result);
  // One of the two orders of the operands often needs no transposition afterwards.
  if (!inOrder(straight.axes)) {
    const swapped = plan(bLabels, aLabels, result);
    if (inOrder(swapped.axes)) return dot(b, a, swapped.attributes);
  }
  return permute(dot(a, b, straight.attributes), straight.axes);
}

const inOrder = (axes: readonly number[]): boolean => axes.every((axis, i) => axis === i);

function plan(a: Labels, b: Labels, result: Labels) {
  const shared = a.filter((label) => b.includes(label));
  const batch = shared.filter((label) => result.includes(label));
  const summed = shared.filter((label) => !result.includes(label));
  const free = (labels: Labels): number[] => labels.filter((label) => !shared.includes(label));
  const natural = [...batch, ...free(a), ...free(b)];
  return {
    attributes: {
      batchA: batch.map((label) => find(a, label)),
      batchB: batch.map((label) => find(b, label)),
      contractA: summed.map((label) => find(a, label)),
      contractB: summed.map((label) => find(b, label)),
    },
    axes: result.map((label) => find(natural, label)),
  };
}

function find(labels: Labels, label: number): number {
  const axis = labels.indexOf(label);
  if (axis < 0) throw new InternalError(`a contraction of [${labels.join(', ')}] has no axis ${label}`);
  return axis;
}

/** The labels that describe a `dot`: those of its first input, of its second, and of its result. */
export function labelsOf(node: Node<'dot'>): { a: Labels; b: Labels; result: Labels } {
  const { batchA, batchB, contractA, contractB } = node.attributes;
  const a = (node.inputs[0]?.shape ?? []).map((_, axis) => axis);
  const b = (node.inputs[1]?.shape ?? []).map((_, axis) => {
    const pair = batchA[batchB.indexOf(axis)] ?? contractA[contractB.indexOf(axis)];
    return pair ?? a.length + axis;
  });
  const result = [
    ...batchA,
    ...a.filter((label) => !batchA.includes(label) && !contractA.includes(label)),
    ...b.filter((label) => label >= a.length),
  ];
  return { a, b, result };
}
