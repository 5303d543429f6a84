/** When values come into being: on request, together with all pending updates of variables. */
import { forgetHistory, type Node } from '../graph/node.js';
import { LostThreadError } from '../runtime/pool.js';
import { evaluate, type Update } from '../runtime/runtime.js';
import { activeTrace } from './trace.js';
import { GradientError } from '../core/errors.js';

/** Chains longer than this are computed up to here before they grow further. */
const LONGEST_CHAIN = 5000;

/** Pending updates, in the order of their first assignment. */
const pending = new Map<object, () => Update>();
const afterwards = new Map<object, () => void>();

/** Notes that `owner` has been assigned; `update` is asked for at the next evaluation, `done` called after it. */
export function schedule(owner: object, update: () => Update, done: () => void): void {
  pending.set(owner, update);
  afterwards.set(owner, done);
}

/** Computes the values of `nodes`, and carries out all pending updates with them. */
export function realize(nodes: readonly Node[]): void {
  if (activeTrace() !== undefined) {
    throw new GradientError(
      'a value was asked for inside a compiled function or a transformed one (grad, vmap, scan)',
      'such functions only describe the computation: return the tensor and read it outside',
    );
  }
  if (pending.size === 0 && nodes.every((node) => node.value !== undefined)) return;
  const updates = [...pending.values()].map((update) => update());
  const [assigned, done] = [[...pending], [...afterwards]];
  pending.clear();
  afterwards.clear();
  try {
    evaluate(nodes, updates);
  } catch (error) {
    // Nothing that they are made of has been written over: the next evaluation can carry them out.
    if (error instanceof LostThreadError) {
      for (const [owner, update] of assigned) pending.set(owner, update);
      for (const [owner, after] of done) afterwards.set(owner, after);
    }
    throw error;
  }
  for (const [, after] of done) after();
}

/** Computes a chain that has grown too long. What depends on no variable forgets how it came about. */
export function keepShort(node: Node): void {
  if (node.depth < LONGEST_CHAIN || activeTrace() !== undefined) return;
  evaluate([node]);
  if (!node.tracked) forgetHistory(node);
}
