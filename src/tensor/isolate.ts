/** Runs functions that describe a computation for a transform (vmap, scan), which sees to the variables they touch. */
import type { Node } from '../graph/node.js';
import { activeTrace, withTrace, type Trace } from './trace.js';
import type { Variable } from './variable.js';

/** What a function returned and the variables it assigned, with their new values. */
export interface Isolated<Result> {
  readonly result: Result;
  readonly assigned: ReadonlyMap<Variable, Node>;
}

/**
 * Runs `body` without letting its assignments out. Inside, variables have the values that it assigned, else those that
 * they have outside; asking for the value of a tensor is an error.
 */
export function isolate<Result>(body: () => Result): Isolated<Result> {
  const outer = activeTrace();
  const assigned = new Map<Variable, Node>();
  const trace: Trace = {
    read: (variable) => assigned.get(variable) ?? outer?.read(variable) ?? variable.outerNode,
    assign: (variable, node) => {
      assigned.set(variable, node);
    },
  };
  return { result: withTrace(trace, body), assigned };
}
