import type { Node } from '../graph/node.js';
import type { Variable } from './variable.js';

/**
 * A function being turned into a program. Variables read inside it become inputs, and assignments are collected instead
 * of scheduled.
 */
export interface Trace {
  /** The node that stands for a variable's value at this point of the function. */
  read(variable: Variable): Node;
  assign(variable: Variable, node: Node): void;
}

let active: Trace | undefined;

/** The innermost trace that is running. */
export function activeTrace(): Trace | undefined {
  return active;
}

/** Runs `body` under `trace`. */
export function withTrace<T>(trace: Trace, body: () => T): T {
  const outer = active;
  active = trace;
  try {
    return body();
  } finally {
    active = outer;
  }
}
