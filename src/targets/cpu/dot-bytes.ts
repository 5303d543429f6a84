/** Sums of products of bytes: one instruction where the machine has it, else what that instruction does. */
import { add, binary, constant, dotBytes as instruction, i32, mul, type Builder, type Expr } from './ir.js';
import type { Machine } from './machine.js';

/**
 * In each lane, `sum` plus the four products of the bytes of `a`, taken as unsigned, with those of `b`, taken as signed. All are i32v; the sum
 * wraps.
 */
export function dotBytes(b: Builder, machine: Pick<Machine, 'dotBytes'>, sum: Expr, x: Expr, y: Expr): Expr {
  if (machine.dotBytes) return b.let(instruction(sum, x, y), 'dot');
  const unsigned = b.let(x);
  const signed = b.let(y);
  let total = sum;
  for (let byte = 0; byte < 4; byte++) {
    const factor = binary('and', binary('shrU', unsigned, i32(8 * byte)), constant('i32v', 255));
    const other = binary('shrS', binary('shl', signed, i32(24 - 8 * byte)), i32(24));
    total = add(total, mul(factor, other));
  }
  return b.let(total, 'dot');
}
