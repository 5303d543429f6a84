/**
 * Contractions with few results and long sums, such as gradients of filters and of dense layers with few outputs: the sum is cut into parts, which
 * threads share, and a loop adds the parts up and computes what follows. The number of parts depends on shapes alone, so results do not depend on threads.
 */
import { sizeOf } from '../core/shape.js';
import { isOp, type Node } from '../graph/node.js';
import { convolutionMethod } from './convolution-method.js';
import { add, ofVariable, scale, variable, type Variable } from './index-expr.js';
import type { ContractionKernel, Operand } from './kernel.js';
import type { Setting } from './setting.js';

/** More results than these make enough units of work by themselves. */
const FEW_RESULTS = 4096;
/** Products of a part at the least: some microseconds. */
const PART_WORK = 512 * 1024;
/** Products of a part for each of its results at the least: a part is written and read again. */
const PART_LENGTH = 128;
/** Parts that keep a few threads busy. */
const MOST_PARTS = 8;

/** How a sum is cut: into `parts` along number `axis` of its variables. */
export interface Cut {
  readonly axis: number;
  readonly parts: number;
}

/** How the sum of a contraction is cut, if it is worth it. */
export function cutOf(node: Node, setting: Setting): Cut | undefined {
  if (isOp(node, 'conv') && convolutionMethod(node, setting) !== 'direct') return undefined;
  const lengths = summedLengths(node);
  const results = sizeOf(node.shape);
  const length = sizeOf(lengths);
  if (results > FEW_RESULTS) return undefined;
  const wanted = Math.min(
    MOST_PARTS,
    Math.floor((results * length) / PART_WORK),
    Math.floor(length / PART_LENGTH),
  );
  let best: Cut | undefined;
  lengths.forEach((extent, axis) => {
    for (let parts = wanted; parts > (best?.parts ?? 1); parts--) {
      if (extent % parts === 0) best = { axis, parts };
    }
  });
  return best;
}

/** Extents of what a contraction sums over, in the order of its kernel's k. */
function summedLengths(node: Node): readonly number[] {
  const [x, y] = node.inputs;
  if (isOp(node, 'dot')) return node.attributes.contractA.map((axis) => x?.shape[axis] ?? 1);
  return isOp(node, 'conv') ? (y?.shape.slice(1) ?? []) : [];
}

/** Whether a contraction's result is the sum of parts, which a loop computes. */
export const isSumOfParts = (node: Node, setting: Setting): boolean =>
  convolutionMethod(node, setting) === 'winogradGradient' || cutOf(node, setting) !== undefined;

/** The parts of a contraction, one after the other where its only store puts the first of them. */
export function cutContraction(
  kernel: ContractionKernel,
  { axis, parts }: Cut,
  results: number,
): ContractionKernel {
  const whole = kernel.k[axis] as Variable;
  const part = variable(parts);
  const inside = variable(whole.extent / parts);
  const cut = (operand: Operand): Operand => {
    const stride = operand.strides.get(whole) ?? 0;
    const strides = new Map(operand.strides);
    strides.delete(whole);
    strides.set(part, stride * inside.extent).set(inside, stride);
    return { ...operand, strides };
  };
  return {
    ...kernel,
    batch: [part, ...kernel.batch],
    k: kernel.k.map((v) => (v === whole ? inside : v)),
    a: cut(kernel.a),
    b: cut(kernel.b),
    stores: kernel.stores.map((store) => ({
      ...store,
      index: add(store.index, scale(ofVariable(part), results)),
    })),
  };
}
