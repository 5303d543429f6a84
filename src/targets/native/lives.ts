/**
 * How long values live. Control flow is structured, so one interval of instructions does for each value: from its first write to its last use, and
 * to the end of every loop that uses it but did not make it. The first write of a value must come before all its uses on every path.
 */
import type { Instruction, LoopRange, MachineFunction, Value } from './machine-code.js';

/** What a reference in a loop counts more than one outside it. */
const LOOP_WEIGHT = 8;
const DEEPEST = 8;

/**
 * Sets `start`, `end` and `weight` of every value. Instruction i reads at 2i and writes at 2i + 1, so a result may take over the register of
 * an operand that is not needed any more; where that must not be, it writes at 2i too. Gives the values that live, in the order in which they begin.
 */
export function measureLives(machine: MachineFunction): Value[] {
  const living: Value[] = [];
  for (const value of machine.values) {
    value.start = -1;
    value.end = -1;
    value.weight = 0;
    value.register = -1;
  }
  const open: LoopRange[] = [];
  let nextLoop = 0;
  const { code, loops } = machine;
  for (let i = 0; i < code.length; i++) {
    while (open.length > 0 && (open.at(-1)?.end ?? 0) <= i) open.pop();
    for (; nextLoop < loops.length && loops[nextLoop]?.begin === i; nextLoop++) {
      const loop = loops[nextLoop];
      if (loop !== undefined && loop.end > i) open.push(loop);
    }
    const { writes, reads, early } = code[i] as Instruction;
    const weight = LOOP_WEIGHT ** Math.min(open.length, DEEPEST);
    const begin = early ? 2 * i : 2 * i + 1;
    for (let n = 0; n < reads.length; n++) refer(reads[n] as Value, 2 * i, 2 * i, weight);
    for (let n = 0; n < writes.length; n++) refer(writes[n] as Value, begin, 2 * i + 1, weight);
  }
  return living;

  /** A reference from `from` to `to`. */
  function refer(value: Value, from: number, to: number, weight: number): void {
    if (value.start < 0) {
      value.start = from;
      living.push(value);
    } else {
      // The outermost loop that has begun since the value was made runs to its end before the value may go.
      let outermost: LoopRange | undefined;
      for (let n = open.length - 1; n >= 0; n--) {
        const loop = open[n] as LoopRange;
        if (loop.begin * 2 <= value.start) break;
        outermost = loop;
      }
      if (outermost !== undefined) value.end = Math.max(value.end, 2 * outermost.end - 1);
    }
    value.end = Math.max(value.end, to);
    value.weight += weight;
  }
}
