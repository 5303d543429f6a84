/** The way from C into generated code, and back. */
import { Assembler, FRAME, LINK, STACK } from './assembler.js';
import { HEAP } from './selector.js';

/** What C expects to find again (AAPCS64, 6.1.1 and 6.1.2): general registers, and the lower halves of vectors. */
const GENERAL = [FRAME, LINK, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28];
const VECTORS = [8, 9, 10, 11, 12, 13, 14, 15];
const ARGUMENT_BYTES = 32;

/**
 * `void enter(uintptr code, uintptr heap, int32 a, int32 b, int32 c, int32 d)`: saves what C expects to find again, puts the heap's address into
 * its register and the arguments where generated functions look for them. Linux, macOS and Windows agree in all that matters here.
 */
export function trampoline(): Uint8Array {
  const a = new Assembler();
  const bytes = 8 * (GENERAL.length + VECTORS.length);
  const pairs = (direction: 'load' | 'store'): void => {
    // The frame's own pair comes first, and moves the stack: last when leaving.
    for (let n = 2; n < GENERAL.length; n += 2)
      a.pair(direction, GENERAL[n] ?? 0, GENERAL[n + 1] ?? 0, { base: STACK, offset: 8 * n });
    for (let n = 0; n < VECTORS.length; n += 2)
      a.pair(
        direction,
        VECTORS[n] ?? 0,
        VECTORS[n + 1] ?? 0,
        { base: STACK, offset: 8 * (GENERAL.length + n) },
        { vector: true },
      );
  };
  a.pair('store', FRAME, LINK, { base: STACK, offset: -bytes }, { update: 'before' });
  a.arithmeticImmediate('add', FRAME, STACK, 0, true);
  pairs('store');
  a.arithmeticImmediate('sub', STACK, STACK, ARGUMENT_BYTES, true);
  for (const n of [0, 1, 2, 3]) a.access('store', 'w', 2 + n, { base: STACK, offset: 8 * n });
  a.move(HEAP, 1, true);
  a.callRegister(0);
  a.arithmeticImmediate('add', STACK, STACK, ARGUMENT_BYTES, true);
  pairs('load');
  a.pair('load', FRAME, LINK, { base: STACK, offset: bytes }, { update: 'after' });
  a.return();
  return a.finish();
}
