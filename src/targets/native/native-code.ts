/** What a native target makes of loop IR, and what it may ask of the machine that it makes it for. */
import { TensorloomError } from '../../core/errors.js';
import type { Module } from '../cpu/ir.js';
import type { Machine } from '../cpu/machine.js';

/** A module as machine code, position independent. */
export interface NativeCode {
  readonly bytes: Uint8Array;
  /** Where each exported function begins, in bytes from the start. */
  readonly entries: ReadonlyMap<string, number>;
}

/** What a machine can encode: chosen once per process. */
export interface NativeTarget {
  /** Such as 'x64 AVX-512', for people. */
  readonly name: string;
  /** What loops are lowered for. */
  readonly machine: Machine;
  /** Throws Unsupported for what has to run as WebAssembly. */
  encode(module: Module): NativeCode;
  /**
   * Machine code of `void enter(uintptr code, uintptr heap, int32 a, int32 b, int32 c, int32 d)` in the platform's C calling convention:
   * saves what C expects preserved and calls `code` with heap and arguments in the generated code's own convention.
   */
  readonly trampoline: Uint8Array;
}

/** A module holds something that the target has no code for, such as host functions. Its program runs as WebAssembly. */
export class Unsupported extends TensorloomError {}

/** The vectors that a person may limit the code to. */
export type VectorLimit = 'avx512' | 'avx2';

/** The machine, as far as choosing a target needs it. */
export interface NativeHost {
  /** As `process.platform` and `process.arch`. */
  readonly platform: string;
  readonly arch: string;
  /** Use nothing beyond these, whatever the processor has. */
  readonly limit: VectorLimit | undefined;
  /** Runs `void code(uint32_t words[4], uint32_t a, uint32_t b)` once, in the platform's C calling convention, and gives the four words. */
  readonly ask: (code: Uint8Array, a: number, b: number) => Uint32Array;
}

/** The target for a machine, or why there is none. */
export type DetectNative = (host: NativeHost) => NativeTarget | string;
