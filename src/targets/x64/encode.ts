/** A module of the loop IR → x64 machine code. */
import { InternalError } from '../../core/errors.js';
import type { Func, Module } from '../cpu/ir.js';
import { allocate, type RegisterFile } from '../native/allocate.js';
import { encodeInstructions, instruction } from '../native/machine-code.js';
import type { NativeCode } from '../native/native-code.js';
import { Assembler, Label, RBP, RBX, RDI, RSI } from './assembler.js';
import { emitBarrier } from './barrier.js';
import type { X64Features } from './features.js';
import { Frame, transfer } from './frame.js';
import { X64Selector, type Linker } from './selector.js';

export interface X64Options {
  readonly features: X64Features;
  /** Lanes of a vector of float32. */
  readonly lanes: number;
  /** Whether threads may sleep by Linux's futex. */
  readonly linux: boolean;
}

/** rax, rcx and rdx are for the moment, rsp is the stack, r15 the heap. The first are encoded shortest. */
const GENERAL = [RBX, RSI, RDI, RBP, 8, 9, 10, 11, 12, 13, 14];
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);
/** The upper registers first would cost longer code where VEX would do; k0 cannot select lanes. */
const VECTORS = { avx512: range(0, 32), avx2: range(0, 16) };
const MASKS = range(1, 8);

export function encodeX64(module: Module, options: X64Options): NativeCode {
  const assembler = new Assembler();
  const labels = new Map<string, Label>();
  for (const { name } of module.functions) {
    if (labels.has(name)) throw new InternalError(`x64: two functions are called ${name}`);
    labels.set(name, new Label());
  }
  const uses = { barrier: false };
  const barrier = new Label();
  const linker: Linker = {
    functionLabel: (name) => {
      const label = labels.get(name);
      if (label === undefined) throw new InternalError(`x64: call of ${name}, which is not in the module`);
      return label;
    },
    get barrier() {
      uses.barrier = true;
      return barrier;
    },
  };
  const entries = new Map<string, number>();
  for (const each of module.functions) {
    assembler.align(16);
    assembler.bind(linker.functionLabel(each.name));
    if (each.exported) entries.set(each.name, assembler.position);
    encodeFunction(assembler, each, linker, options);
  }
  if (uses.barrier) {
    assembler.align(16);
    assembler.bind(barrier);
    emitBarrier(assembler, options.linux);
  }
  return { bytes: assembler.finish(), entries };
}

function encodeFunction(assembler: Assembler, func: Func, linker: Linker, options: X64Options): void {
  const { features, lanes } = options;
  const frame = new Frame();
  const selector = new X64Selector({ assembler, features, lanes, frame, linker });
  const machine = selector.function(func);
  const wide = features.avx512;
  const file: RegisterFile = {
    registers: { general: GENERAL, vector: wide ? VECTORS.avx512 : VECTORS.avx2, mask: MASKS },
    load: (value, slot) =>
      instruction([value], [], (register) => {
        transfer(assembler, value.kind, true, register, frame.slot(value.kind, slot), wide);
      }),
    store: (value, slot) =>
      instruction([], [value], (register) => {
        transfer(assembler, value.kind, false, register, frame.slot(value.kind, slot), wide);
      }),
  };
  frame.layOut(allocate(machine, file));
  frame.enter(assembler);
  encodeInstructions(machine);
  frame.leave(assembler);
}
