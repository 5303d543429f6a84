/** A module of the loop IR → A64 machine code. */
import { InternalError } from '../../core/errors.js';
import type { Func, Module } from '../cpu/ir.js';
import { allocate, type RegisterFile } from '../native/allocate.js';
import { encodeInstructions, instruction, type RegisterKind } from '../native/machine-code.js';
import type { NativeCode } from '../native/native-code.js';
import { Assembler } from './assembler.js';
import { emitBarrier } from './barrier.js';
import { Label } from './code-buffer.js';
import { Frame, within } from './frame.js';
import { Arm64Selector, SCRATCH, type Linker } from './selector.js';

export interface Arm64Options {
  /** Whether threads may sleep by Linux's futex. */
  readonly linux: boolean;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

/**
 * x16 and x17 are for the moment, x18 is the platform's, x28 the heap, x29 the chain of frames, x30 the place to return to. There are no masks: kind
 * `mask` is not used.
 */
const REGISTERS: Readonly<Record<RegisterKind, readonly number[]>> = {
  general: [...range(0, 16), ...range(19, 28)],
  vector: range(0, 32),
  mask: [],
};

export function encodeArm64(module: Module, options: Arm64Options): NativeCode {
  const assembler = new Assembler();
  const labels = new Map<string, Label>();
  for (const { name } of module.functions) {
    if (labels.has(name)) throw new InternalError(`arm64: two functions are called ${name}`);
    labels.set(name, new Label());
  }
  const barrier = new Label();
  const linker: Linker = {
    functionLabel: (name) => {
      const label = labels.get(name);
      if (label === undefined) throw new InternalError(`arm64: call of ${name}, which is not in the module`);
      return label;
    },
    barrier,
  };
  const entries = new Map<string, number>();
  for (const each of module.functions) {
    assembler.align(16);
    assembler.bind(linker.functionLabel(each.name));
    if (each.exported) entries.set(each.name, assembler.position);
    encodeFunction(assembler, each, linker);
  }
  if (barrier.uses.length > 0) {
    assembler.align(16);
    assembler.bind(barrier);
    emitBarrier(assembler, options.linux);
  }
  return { bytes: assembler.finish(), entries };
}

function encodeFunction(assembler: Assembler, func: Func, linker: Linker): void {
  const frame = new Frame();
  const selector = new Arm64Selector({ assembler, frame, linker });
  const machine = selector.function(func);
  const transfer = (
    direction: 'load' | 'store',
    kind: RegisterKind,
    slot: number,
    register: number,
  ): void => {
    const [access, bytes] = kind === 'general' ? (['x', 8] as const) : (['q', 16] as const);
    assembler.access(direction, access, register, within(assembler, frame.slot(kind, slot), bytes, SCRATCH));
  };
  const file: RegisterFile = {
    registers: REGISTERS,
    load: (value, slot) =>
      instruction([value], [], (register) => {
        transfer('load', value.kind, slot, register);
      }),
    store: (value, slot) =>
      instruction([], [value], (register) => {
        transfer('store', value.kind, slot, register);
      }),
  };
  frame.layOut(allocate(machine, file));
  frame.enter(assembler);
  encodeInstructions(machine);
  frame.leave(assembler);
  assembler.placeLiterals();
}
