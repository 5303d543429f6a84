import { ATTENDANCE, attend } from '../../src/targets/cpu/attendance.js';
import * as ir from '../../src/targets/cpu/ir.js';

/** {@link attend}, but all `threads` enter before any begins: on a busy machine, one might be late and be left out. */
export function attendTogether(
  b: ir.Builder,
  thread: ir.Expr,
  threads: ir.Expr,
  state: ir.Expr,
  work: () => void,
): void {
  attend(b, thread, state, () => {
    const entered = ir.atomicAdd(ir.add(state, ir.i32(4 * ATTENDANCE.entered)), ir.i32(0));
    b.while(ir.compare('lt', entered, ir.sub(threads, ir.i32(1))), () => undefined);
    work();
  });
}
