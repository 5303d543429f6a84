/** The way from C into generated code, and back. */
import { Assembler, RBP, RBX, RCX, RDI, RDX, RSI, RSP, RAX } from './assembler.js';
import type { Convention } from './features.js';
import { HEAP } from './selector.js';
import { VECTOR } from './vector-ops.js';

const ARGUMENT_BYTES = 64;
/** xmm6 to xmm15 belong to the caller on Windows. */
const WINDOWS_VECTORS = [6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/**
 * `void enter(uintptr code, uintptr heap, int32 a, int32 b, int32 c, int32 d)`: saves what C expects to find again, puts the heap's address into
 * its register and the arguments where generated functions look for them, on a stack that is a multiple of 64.
 */
export function trampoline(convention: Convention): Uint8Array {
  const a = new Assembler();
  const saved = [RBX, RBP, 12, 13, 14, 15, ...(convention === 'windows' ? [RSI, RDI] : [])];
  for (const each of saved) a.push(each);
  a.move(RBP, RSP, true);
  const stacked = (index: number): { base: number; displacement: number } => ({
    // Behind the saved registers, the return address and the caller's room for four arguments.
    base: RBP,
    displacement: 8 * saved.length + 8 + 8 * index,
  });
  const vectorBytes = convention === 'windows' ? 16 * WINDOWS_VECTORS.length : 0;
  a.arithmeticConstant('sub', RSP, ARGUMENT_BYTES + vectorBytes, true);
  a.arithmeticConstant('and', RSP, -64, true);
  if (convention === 'windows') {
    WINDOWS_VECTORS.forEach((register, n) => {
      a.vector(VECTOR.store, 0, register, 0, { base: RSP, displacement: ARGUMENT_BYTES + 16 * n });
    });
    a.load(RAX, stacked(4));
    a.store({ base: RSP, displacement: 16 }, RAX);
    a.load(RAX, stacked(5));
    a.store({ base: RSP, displacement: 24 }, RAX);
    a.store({ base: RSP, displacement: 0 }, 8);
    a.store({ base: RSP, displacement: 8 }, 9);
    a.move(HEAP, RDX, true);
    a.move(RAX, RCX, true);
  } else {
    [RDX, RCX, 8, 9].forEach((register, n) => {
      a.store({ base: RSP, displacement: 8 * n }, register);
    });
    a.move(HEAP, RSI, true);
    a.move(RAX, RDI, true);
  }
  a.callRegister(RAX);
  if (convention === 'windows') {
    WINDOWS_VECTORS.forEach((register, n) => {
      a.vector(VECTOR.load, 0, register, 0, { base: RSP, displacement: ARGUMENT_BYTES + 16 * n });
    });
  }
  a.zeroUpper();
  a.move(RSP, RBP, true);
  for (const each of saved.reverse()) a.pop(each);
  a.return();
  return a.finish();
}
