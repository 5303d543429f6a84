import { lift, type BatchContext, type Operand } from './batching.js';
import { moveAxis, parameter, scan } from './build.js';
import type { Node } from './node.js';

/**
 * The items of a batched loop: one loop whose steps work on the whole batch. All carries are batched, since whether a
 * carry depends on a batched input may show only after some steps.
 */
export function batchScan(
  node: Node<'scan'>,
  operands: readonly Operand[],
  { size, batch }: BatchContext,
): Node[] {
  const { body, carries, sequences, length, reverse } = node.attributes;
  const mapped = new Map<Node, Node>();
  const parameters = body.parameters.map((formal, i) => {
    if (i >= carries && operands[i]?.batched !== true) return formal;
    const wide = parameter(i, [size, ...formal.shape], formal.dtype);
    mapped.set(formal, wide);
    return wide;
  });
  const inputs = operands.map((each, i) => {
    if (i < carries) return lift(each, size);
    // A step reads one position of a sequence: that axis stays the first.
    return i < carries + sequences && each.batched ? moveAxis(each.node, 0, 1) : each.node;
  });
  const items = scan(
    { parameters, results: batch(body.results, mapped) },
    {
      carries: inputs.slice(0, carries),
      sequences: inputs.slice(carries, carries + sequences),
      constants: inputs.slice(carries + sequences),
    },
    length,
    reverse,
  );
  return items.map((item, i) => (i < carries ? item : moveAxis(item, 1, 0)));
}
