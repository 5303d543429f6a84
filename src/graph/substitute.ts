import { Node, topologicalOrder } from './node.js';

/** The graph of `outputs` with some nodes replaced by others of the same shape and dtype. What does not depend on them is shared. */
export function substitute(outputs: readonly Node[], replacements: ReadonlyMap<Node, Node>): Node[] {
  const renewed = new Map(replacements);
  const current = (node: Node): Node => renewed.get(node) ?? node;
  for (const node of topologicalOrder(outputs)) {
    if (renewed.has(node)) continue;
    const inputs = node.inputs.map(current);
    if (inputs.some((input, i) => input !== node.inputs[i]))
      renewed.set(node, new Node(node.op, inputs, node.attributes, node.shape, node.dtype));
  }
  return outputs.map(current);
}
