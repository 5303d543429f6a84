import { BATCHING_RULES, lift, type BatchContext, type BatchingRule } from './batching.js';
import { isOp, topologicalOrder, type Node, type Op } from './node.js';
import { batchScan } from './scan-batching.js';

/**
 * The graph of `outputs` for a whole batch at once: the keys of `mapped` stand for one sample, their values have `size`
 * samples along axis 0, and so have all results. What does not depend on them is computed once for all samples;
 * only random numbers drawn after the samples were made (inside the function that is being batched, that is) are
 * drawn anew for each sample.
 */
export function batch(outputs: readonly Node[], mapped: ReadonlyMap<Node, Node>, size: number): Node[] {
  const batched = new Map(mapped);
  const loops = new Map<Node, Node[]>();
  const context: BatchContext = { size, batch: (nodes, leaves) => batch(nodes, leaves, size) };
  let oldest = Infinity;
  for (const node of mapped.keys()) oldest = Math.min(oldest, node.id);

  for (const node of topologicalOrder(outputs)) {
    if (batched.has(node)) continue;
    if (isOp(node, 'item')) {
      const item = loops.get(node.inputs[0] as Node)?.[node.attributes.index];
      if (item !== undefined) batched.set(node, item);
      continue;
    }
    const operands = node.inputs.map((input) => ({
      node: batched.get(input) ?? input,
      batched: batched.has(input),
    }));
    const own = isOp(node, 'random') && node.id > oldest;
    if (!own && !operands.some((each) => each.batched)) continue;
    if (isOp(node, 'scan')) {
      loops.set(node, batchScan(node, operands, context));
    } else {
      const rule = BATCHING_RULES[node.op as Exclude<Op, 'scan' | 'item'>] as BatchingRule<Op>;
      batched.set(node, rule(node, operands, context));
    }
  }
  return outputs.map((output) => {
    const found = batched.get(output);
    return lift({ node: found ?? output, batched: found !== undefined }, size);
  });
}
