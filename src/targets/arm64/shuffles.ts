/** Lanes of several vectors put together anew. */
import { InternalError } from '../../core/errors.js';
import type { Expr, ShuffleOrder } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import type { VECTOR_THREE } from './instructions.js';
import type { Arm64Selector } from './selector.js';

/** Blocks of four lanes are whole vectors here. */
const ORDER: Partial<Record<ShuffleOrder, keyof typeof VECTOR_THREE>> = {
  low1: 'zip1',
  high1: 'zip2',
  low2: 'zip1pairs',
  high2: 'zip2pairs',
};

export function shuffle(
  s: Arm64Selector,
  e: Extract<Expr, { kind: 'shuffle' }>,
  into: Value | undefined,
): Value {
  const op = ORDER[e.order];
  if (op === undefined) throw new InternalError(`arm64: no ${e.order} of four lanes`);
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const out = s.result(e.type, into);
  s.three(op, out, a, b);
  return out;
}
