/**
 * Where loads and stores go. Addresses are 32-bit places in the heap, whose own address is in a register. An instruction adds to that either a 32-bit
 * register or a constant; for both, their sum is made first, as a pointer, and kept as long as the register stays the same.
 */
import type { Expr } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { fitsOffset, type Address, type Assembler } from './assembler.js';
import { isArithmeticImmediate } from './immediates.js';
import { HEAP, SCRATCH, type Arm64Selector } from './selector.js';

/** A place in memory: what its address reads, and the operand, given registers from `first` on. */
export interface Place {
  readonly reads: Value[];
  readonly at: (registers: readonly number[], first: number) => Address;
}

/** What an add can hold of an offset; the rest stays in the instruction that reaches memory. */
const CHUNK = 0x1000;

/** Pointers at hand, by the value that holds the 32-bit address (none for the heap itself) and what is added to it. */
export class Pointers {
  private readonly known = new Map<Value | undefined, Map<number, Value>>();

  get(of: Value | undefined, offset: number): Value | undefined {
    return this.known.get(of)?.get(offset);
  }

  set(of: Value | undefined, offset: number, pointer: Value): void {
    const pointers = this.known.get(of) ?? new Map<number, Value>();
    this.known.set(of, pointers.set(offset, pointer));
  }

  /** The value changes. */
  forget(value: Value): void {
    this.known.delete(value);
  }

  /** Other ways lead here. */
  clear(): void {
    this.known.clear();
  }
}

/** A place that `bytes` bytes are loaded from or stored to. */
export function memoryAt(s: Arm64Selector, address: Expr, offset: number, bytes: number): Place {
  const of = address.kind === 'const' ? undefined : s.evaluate(address);
  const distance = address.kind === 'const' ? (address.value >>> 0) + offset : offset;
  if (of !== undefined && distance === 0 && s.pointers.get(of, 0) === undefined)
    return { reads: [of], at: (registers, first) => ({ base: HEAP, index: registers[first] ?? 0 }) };
  if (of === undefined && fitsOffset(distance, bytes))
    return { reads: [], at: () => ({ base: HEAP, offset: distance }) };
  // Rests of chunks are positive, and fit unless they are odd.
  const chunk = fitsOffset(distance, bytes) ? 0 : distance - (distance % CHUNK);
  const added = fitsOffset(distance - chunk, bytes) ? chunk : distance;
  const pointer = pointerTo(s, of, added);
  return {
    reads: [pointer],
    at: (registers, first) => ({ base: registers[first] ?? 0, offset: distance - added }),
  };
}

function pointerTo(s: Arm64Selector, of: Value | undefined, offset: number): Value {
  const { assembler, pointers } = s;
  const known = pointers.get(of, offset);
  if (known !== undefined) return known;
  const pointer = s.value('general');
  if (of !== undefined && offset === 0) {
    s.push([pointer], [of], (to, index) => {
      assembler.addExtended(to, HEAP, index, 'uxtw');
    });
  } else {
    const base = of === undefined ? undefined : pointerTo(s, of, 0);
    s.push([pointer], base === undefined ? [] : [base], (to, from = HEAP) => {
      addOffset(assembler, to, from, offset);
    });
  }
  pointers.set(of, offset, pointer);
  return pointer;
}

/** to = from + offset, of 64 bits. Uses the scratch register. */
function addOffset(assembler: Assembler, to: number, from: number, offset: number): void {
  if (isArithmeticImmediate(offset)) assembler.arithmeticImmediate('add', to, from, offset, true);
  else {
    assembler.moveConstant(SCRATCH, offset);
    assembler.arithmetic('add', to, from, SCRATCH, 0, true);
  }
}

/** Brings the address of a place into a register and gives that: the scratch register, unless it is in one already. */
export function addressInRegister(assembler: Assembler, address: Address): number {
  if ('index' in address) assembler.addExtended(SCRATCH, address.base, address.index, 'uxtw');
  else if (address.offset === 0) return address.base;
  else if (address.offset > 0) addOffset(assembler, SCRATCH, address.base, address.offset);
  else assembler.arithmeticImmediate('sub', SCRATCH, address.base, -address.offset, true);
  return SCRATCH;
}
