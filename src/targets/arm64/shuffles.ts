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

/** Turns a square of four vectors, by taking turns twice: first rows 0 and 2, and 1 and 3; then what that gives. */
export function transpose(s: Arm64Selector, rows: readonly Value[]): void {
  const [a, b, c, d] = rows;
  if (a === undefined || b === undefined || c === undefined || d === undefined || rows.length !== 4)
    throw new InternalError(`arm64: ${rows.length} vectors of four lanes are no square`);
  const zip = (first: Value, second: Value): [Value, Value] => {
    const [low, high] = [s.value('vector'), s.value('vector')];
    s.three('zip1', low, first, second);
    s.three('zip2', high, first, second);
    return [low, high];
  };
  const [evenLow, evenHigh] = zip(a, c);
  const [oddLow, oddHigh] = zip(b, d);
  s.three('zip1', a, evenLow, oddLow);
  s.three('zip2', b, evenLow, oddLow);
  s.three('zip1', c, evenHigh, oddHigh);
  s.three('zip2', d, evenHigh, oddHigh);
}
