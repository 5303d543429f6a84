/** What decisions about a program depend on beside the program itself. */
import type { Node } from '../graph/node.js';
import type { MachineTraits } from './machine-traits.js';

export interface Setting extends MachineTraits {
  /** Whether a node has the same value in most runs, so that what is made of it alone costs nothing. */
  readonly isSteady: (node: Node) => boolean;
}

/** Tells nodes that depend on nothing but the steady ones among `inputs`, and on numbers that come with each run but seldom change. */
export function steadiness(
  inputs: readonly Node[],
  steady: readonly boolean[] = [],
): (node: Node) => boolean {
  const known = new Map<Node, boolean>(inputs.map((node, index) => [node, steady[index] === true]));
  return (root) => {
    const stack = [root];
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      const waiting = known.has(node) ? [] : node.inputs.filter((input) => !known.has(input));
      if (waiting.length > 0) {
        stack.push(...waiting);
        continue;
      }
      stack.pop();
      if (!known.has(node))
        known.set(node, !isGiven(node) && node.inputs.every((input) => known.get(input) === true));
    }
    return known.get(root) === true;
  };
}

/** Values that come from outside: what is not known to be steady among them is not. */
const isGiven = ({ op }: Node): boolean => op === 'buffer' || op === 'parameter';
