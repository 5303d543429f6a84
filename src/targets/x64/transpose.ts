/** Turning squares of vectors: elements inside each 128 bits first, then the 128 bits. */
import { InternalError } from '../../core/errors.js';
import type { Value } from '../native/machine-code.js';
import type { X64Selector } from './selector.js';
import { VECTOR, type VectorOp } from './vector-ops.js';

/** Turns the square of as many vectors as they have lanes; each becomes one column. */
export function transpose(s: X64Selector, rows: readonly Value[]): void {
  const { lanes, length } = s;
  if (rows.length !== lanes) throw new InternalError(`x64: a square of ${lanes} vectors, not ${rows.length}`);
  const make = (op: VectorOp, a: Value, b: Value, immediate?: number, into?: Value): Value => {
    const out = into ?? s.value('vector');
    s.binary(op, length, out, a, b, immediate === undefined ? undefined : { immediate });
    return out;
  };
  // Blocks of 4 x 4: block[g] holds, in its quarter q, column 4q + g of the four rows.
  const fours: Value[][] = [];
  for (let first = 0; first < lanes; first += 4) {
    const [a, b, c, d] = rows.slice(first, first + 4) as [Value, Value, Value, Value];
    const lowAB = make(VECTOR.unpackLow, a, b);
    const highAB = make(VECTOR.unpackHigh, a, b);
    const lowCD = make(VECTOR.unpackLow, c, d);
    const highCD = make(VECTOR.unpackHigh, c, d);
    const into = (n: number): Value | undefined => (lanes === 4 ? rows[n] : undefined);
    fours.push([
      make(VECTOR.unpackLow64, lowAB, lowCD, undefined, into(0)),
      make(VECTOR.unpackHigh64, lowAB, lowCD, undefined, into(1)),
      make(VECTOR.unpackLow64, highAB, highCD, undefined, into(2)),
      make(VECTOR.unpackHigh64, highAB, highCD, undefined, into(3)),
    ]);
  }
  for (let g = 0; g < 4; g++) {
    const parts = fours.map((four) => four[g] as Value);
    if (lanes === 8) {
      const [p, q] = parts as [Value, Value];
      // The form without masks does not reach the upper registers.
      const [code, low, high] = s.features.avx512 ? [VECTOR.shuffleBlocks, 0, 3] : [VECTOR.permuteBlocks, 0x20, 0x31];
      make(code, p, q, low, rows[g]);
      make(code, p, q, high, rows[g + 4]);
    } else if (lanes === 16) {
      const [p, q, r, t] = parts as [Value, Value, Value, Value];
      // Quarters 0 and 2, and 1 and 3, of two each.
      const evenPQ = make(VECTOR.shuffleBlocks, p, q, 0x88);
      const oddPQ = make(VECTOR.shuffleBlocks, p, q, 0xdd);
      const evenRT = make(VECTOR.shuffleBlocks, r, t, 0x88);
      const oddRT = make(VECTOR.shuffleBlocks, r, t, 0xdd);
      make(VECTOR.shuffleBlocks, evenPQ, evenRT, 0x88, rows[g]);
      make(VECTOR.shuffleBlocks, oddPQ, oddRT, 0x88, rows[g + 4]);
      make(VECTOR.shuffleBlocks, evenPQ, evenRT, 0xdd, rows[g + 8]);
      make(VECTOR.shuffleBlocks, oddPQ, oddRT, 0xdd, rows[g + 12]);
    }
  }
}
