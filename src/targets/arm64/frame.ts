/**
 * The stack frame of a function: arguments of the functions it calls, then what registers cannot hold, then what it saves. Functions preserve all
 * general registers; vectors do not survive a call. The stack's pointer is a multiple of 16, always.
 */
import { InternalError } from '../../core/errors.js';
import type { Allocation } from '../native/allocate.js';
import type { RegisterKind } from '../native/machine-code.js';
import { fitsOffset, LINK, STACK, ZERO, type Address, type Assembler } from './assembler.js';
import { isArithmeticImmediate } from './immediates.js';

const ALIGNMENT = 16;
const BYTES: Readonly<Record<RegisterKind, number>> = { general: 8, vector: 16, mask: 16 };

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

export class Frame {
  private argumentCount = 0;
  private calls = false;
  private saved: readonly number[] = [];
  private size = 0;
  private readonly starts: Record<RegisterKind, number> = { general: 0, vector: 0, mask: 0 };

  /** Asks for room for the arguments of a call. */
  reserveArguments(count: number): void {
    this.argumentCount = Math.max(this.argumentCount, count);
    this.calls = true;
  }

  /** Lays the frame out, once registers and slots are known. */
  layOut({ slots, used }: Allocation): void {
    this.saved = [...used.general].sort((a, b) => a - b);
    if (this.calls) this.saved = [...this.saved, LINK];
    this.starts.general = 8 * this.argumentCount;
    this.starts.vector = align(this.starts.general + BYTES.general * slots.general);
    this.size = this.starts.vector + BYTES.vector * slots.vector;
  }

  private get savedBytes(): number {
    return align(8 * this.saved.length);
  }

  /** Saved registers go in pairs; the first pair's instruction moves the stack. */
  enter(assembler: Assembler): void {
    this.eachPair((first, second, offset) => {
      if (offset === 0)
        assembler.pair(
          'store',
          first,
          second,
          { base: STACK, offset: -this.savedBytes },
          { update: 'before' },
        );
      else assembler.pair('store', first, second, { base: STACK, offset });
    });
    this.moveStack(assembler, 'sub');
  }

  leave(assembler: Assembler): void {
    this.moveStack(assembler, 'add');
    this.eachPair((first, second, offset) => {
      if (offset > 0) assembler.pair('load', first, second, { base: STACK, offset });
    });
    this.eachPair((first, second, offset) => {
      if (offset === 0)
        assembler.pair('load', first, second, { base: STACK, offset: this.savedBytes }, { update: 'after' });
    });
    assembler.return();
  }

  /** An odd one goes with zero, which loading leaves as it is. */
  private eachPair(visit: (first: number, second: number, offset: number) => void): void {
    for (let n = 0; n < this.saved.length; n += 2)
      visit(this.saved[n] ?? ZERO, this.saved[n + 1] ?? ZERO, 8 * n);
  }

  private moveStack(assembler: Assembler, op: 'add' | 'sub'): void {
    const low = this.size % 0x1000;
    for (const part of [low, this.size - low])
      if (part > 0) assembler.arithmeticImmediate(op, STACK, STACK, part, true);
  }

  /** Where an argument of a call goes. */
  argument(index: number): Address {
    return { base: STACK, offset: 8 * index };
  }

  /** Where the function finds its own argument. */
  parameter(index: number): Address {
    return { base: STACK, offset: this.size + this.savedBytes + 8 * index };
  }

  slot(kind: RegisterKind, index: number): Address {
    return { base: STACK, offset: this.starts[kind] + BYTES[kind] * index };
  }
}

/** A place on the stack as an instruction can reach it; where it is too far, by a register for the moment. */
export function within(assembler: Assembler, address: Address, bytes: number, scratch: number): Address {
  if ('index' in address || fitsOffset(address.offset, bytes)) return address;
  const low = address.offset % 0x1000;
  const high = address.offset - low;
  if (!isArithmeticImmediate(high)) throw new InternalError(`arm64: a frame of ${address.offset} bytes`);
  assembler.arithmeticImmediate('add', scratch, address.base, high, true);
  return { base: scratch, offset: low };
}
