/**
 * The stack frame of a function: arguments of the functions it calls, then what registers cannot hold. Functions preserve all general registers;
 * vectors and masks do not survive a call. At the beginning of a function, rsp is 8 below a multiple of 64.
 */
import type { Allocation } from '../native/allocate.js';
import type { RegisterKind } from '../native/machine-code.js';
import { RSP, type Assembler, type Memory } from './assembler.js';
import { VECTOR } from './vector-ops.js';

const VECTOR_BYTES = 64;

export class Frame {
  private argumentCount = 0;
  private saved: readonly number[] = [];
  private size = 0;
  private readonly starts: Record<RegisterKind, number> = { general: 0, vector: 0, mask: 0 };

  /** Asks for room for the arguments of a call. */
  reserveArguments(count: number): void {
    this.argumentCount = Math.max(this.argumentCount, count);
  }

  /** Lays the frame out, once registers and slots are known. */
  layOut({ slots, used }: Allocation): void {
    this.saved = [...used.general].sort((a, b) => a - b);
    let end = 8 * this.argumentCount;
    for (const kind of ['general', 'mask'] as const) {
      this.starts[kind] = end;
      end += 8 * slots[kind];
    }
    if (slots.vector > 0) end = Math.ceil(end / VECTOR_BYTES) * VECTOR_BYTES;
    this.starts.vector = end;
    end += VECTOR_BYTES * slots.vector;
    const fixed = 8 + 8 * this.saved.length;
    this.size = end === 0 ? 0 : Math.ceil((end + fixed) / VECTOR_BYTES) * VECTOR_BYTES - fixed;
  }

  enter(assembler: Assembler): void {
    for (const register of this.saved) assembler.push(register);
    if (this.size > 0) assembler.arithmeticConstant('sub', RSP, this.size, true);
  }

  leave(assembler: Assembler): void {
    if (this.size > 0) assembler.arithmeticConstant('add', RSP, this.size, true);
    for (const register of [...this.saved].reverse()) assembler.pop(register);
    assembler.return();
  }

  /** Where an argument of a call goes. */
  argument(index: number): Memory {
    return { base: RSP, displacement: 8 * index };
  }

  /** Where the function finds its own argument. */
  parameter(index: number): Memory {
    return { base: RSP, displacement: this.size + 8 * this.saved.length + 8 + 8 * index };
  }

  slot(kind: RegisterKind, index: number): Memory {
    return {
      base: RSP,
      displacement: this.starts[kind] + (kind === 'vector' ? VECTOR_BYTES : 8) * index,
    };
  }
}

/** Moves a register from (`load`) or to its slot. */
export function transfer(
  assembler: Assembler,
  kind: RegisterKind,
  load: boolean,
  register: number,
  place: Memory,
  wide: boolean,
): void {
  if (kind === 'general') {
    if (load) assembler.load(register, place);
    else assembler.store(place, register);
  } else if (kind === 'vector')
    assembler.vector(load ? VECTOR.load : VECTOR.store, wide ? 2 : 1, register, 0, place);
  else assembler.maskInstruction(load ? 0x90 : 0x91, 0, false, register, 0, place);
}
