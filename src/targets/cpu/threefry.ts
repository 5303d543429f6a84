import { THREEFRY_PARITY, THREEFRY_ROTATIONS } from '../../core/threefry.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';

/** The first word of Threefry-2x32-20 for counter (`counter`, 0), scalar or one per lane. See core/threefry.ts. */
export function emitThreefry(b: Builder, k0: Expr, k1: Expr, counter: Expr): Expr {
  const vector = ir.isVector(counter.type);
  const lift = (value: Expr): Expr => (vector ? ir.splat(value) : value);
  const parity = ir.binary('xor', ir.binary('xor', k0, k1), ir.i32(THREEFRY_PARITY));
  const key = [b.let(lift(k0)), b.let(lift(k1)), b.let(lift(parity))] as const;
  let x0 = b.let(ir.add(counter, key[0]));
  let x1 = b.let(key[1]);
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      const by = THREEFRY_ROTATIONS[(group % 2) * 4 + round] ?? 0;
      x0 = b.let(ir.add(x0, x1));
      const rotated = ir.binary(
        'or',
        ir.binary('shl', x1, ir.i32(by)),
        ir.binary('shrU', x1, ir.i32(32 - by)),
      );
      x1 = b.let(ir.binary('xor', rotated, x0));
    }
    x0 = b.let(ir.add(x0, key[(group + 1) % 3] as Expr));
    x1 = b.let(ir.add(ir.add(x1, key[(group + 2) % 3] as Expr), lift(ir.i32(group + 1))));
  }
  return x0;
}
