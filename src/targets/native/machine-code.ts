/**
 * Machine instructions before registers are given out. A target chooses them and knows how they are encoded; what is common to all targets,
 * how long values live and which register holds them, needs to know only what each instruction reads and writes.
 */

/** Kinds of registers. What is a mask on one machine may be a vector on another. */
export type RegisterKind = 'general' | 'vector' | 'mask';

export const REGISTER_KINDS = ['general', 'vector', 'mask'] as const satisfies readonly RegisterKind[];

/** Something that needs a register. */
export interface Value {
  readonly kind: RegisterKind;
  /** What makes it again, if that is cheaper than keeping it on the stack: constants. */
  readonly remake: ((target: Value) => Instruction) | undefined;
  /** The first and the last instruction that has to do with it, as `measureLives` counts them. */
  start: number;
  end: number;
  /** References, each counting eightfold per loop around it. */
  weight: number;
  /** What `allocate` gives it; -1 before. */
  register: number;
}

/** Encodes an instruction, given the registers of what it writes and then of what it reads. */
export type Encode = (...registers: number[]) => void;

export interface Instruction {
  /** A value may be both written and read. */
  writes: readonly Value[];
  reads: readonly Value[];
  /** Whether something is written before everything has been read: then what is written must not share a register with what is read. */
  readonly early: boolean;
  /** Whether vectors and masks do not survive it, as across calls. */
  readonly clobbers: boolean;
  readonly encode: Encode;
}

/** Instructions begin <= i < end that are carried out again and again. */
export interface LoopRange {
  readonly begin: number;
  end: number;
}

/** A function on its way to machine code. */
export class MachineFunction {
  readonly values: Value[] = [];
  readonly code: Instruction[] = [];
  readonly loops: LoopRange[] = [];
  /** Loops that are open, as indices into `loops`. */
  private readonly open: number[] = [];

  value(kind: RegisterKind, remake?: (target: Value) => Instruction): Value {
    const value: Value = { kind, remake, start: -1, end: -1, weight: 0, register: -1 };
    this.values.push(value);
    return value;
  }

  push(instruction: Instruction): void {
    this.code.push(instruction);
  }

  beginLoop(): void {
    this.open.push(this.loops.push({ begin: this.code.length, end: -1 }) - 1);
  }

  endLoop(): void {
    const loop = this.loops[this.open.pop() ?? -1];
    if (loop !== undefined) loop.end = this.code.length;
  }
}

/** See the fields of the same names of an instruction; both are false if not given. */
export interface InstructionOptions {
  readonly early?: boolean;
  readonly clobbers?: boolean;
}

export function instruction(
  writes: readonly Value[],
  reads: readonly Value[],
  encode: Encode,
  options: InstructionOptions = {},
): Instruction {
  return { writes, reads, early: options.early ?? false, clobbers: options.clobbers ?? false, encode };
}

/** Encodes all instructions, which must have their registers. */
export function encodeInstructions({ code }: MachineFunction): void {
  for (const { writes, reads, encode } of code) {
    const written = writes.length;
    const registers = new Array<number>(written + reads.length);
    for (let n = 0; n < written; n++) registers[n] = (writes[n] as Value).register;
    for (let n = 0; n < reads.length; n++) registers[written + n] = (reads[n] as Value).register;
    encode(...registers);
  }
}
