/** Statements that no machine has, in terms of others: clearing and copying memory. */
import * as ir from '../cpu/ir.js';
import { Builder, type Expr, type Statement } from '../cpu/ir.js';

type FillZero = Extract<Statement, { kind: 'fillZero' }>;
type Copy = Extract<Statement, { kind: 'copy' }>;

/** Whole vectors, then single bytes. */
export function expandMemory(statement: FillZero | Copy, lanes: number): readonly Statement[] {
  const b = new Builder();
  const bytes = 4 * lanes;
  const to = b.let(statement.kind === 'copy' ? statement.to : statement.address, 'to');
  const from = statement.kind === 'copy' ? b.let(statement.from, 'from') : undefined;
  const length = b.let(statement.length, 'length');
  const whole = b.let(ir.binary('and', length, ir.i32(-bytes)), 'whole');
  const loop = (begin: Expr, end: Expr, step: number, element: 'i32' | 'u8', vector: boolean): void => {
    b.for(begin, end, step, (at) => {
      const zero = vector ? ir.constant('i32v', 0) : ir.i32(0);
      const value = from === undefined ? zero : ir.load(element, ir.add(from, at), 0, vector);
      b.store(element, ir.add(to, at), value);
    });
  };
  loop(ir.i32(0), whole, bytes, 'i32', true);
  loop(whole, length, 1, 'u8', false);
  return b.statements;
}
