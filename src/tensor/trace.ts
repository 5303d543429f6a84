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
  /** The program holds only while `read` gives this value. */
  assume?(read: () => unknown, value: unknown): void;
}

let active: Trace | undefined;

/** The innermost trace that is running. */
export function activeTrace(): Trace | undefined {
  return active;
}

/**
 * Reads something that is no tensor but decides what a function computes: a mode, a switch. A compiled function that has
 * read it is traced again when it is another.
 *
 * @example
 * ```ts
 * let doubled = false;
 * const f = compile((x: Tensor) => (assume(() => doubled) ? x.mul(2) : x.mul(1)));
 * await f(tensor(3)).item(); // => 3
 * doubled = true;
 * await f(tensor(3)).item(); // => 6
 * ```
 */
export function assume<T>(read: () => T): T {
  const value = read();
  active?.assume?.(read, value);
  return value;
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
