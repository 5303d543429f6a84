import type { Machine } from '../targets/cpu/machine.js';
import type { Module } from '../targets/cpu/ir.js';
import type { Executable } from './executable.js';

/** A way from loop IR to code that threads run over a heap. */
export interface CodeGenerator {
  readonly name: 'native' | 'wasm';
  /** What it makes code for, for people: 'x64 AVX2 (8 lanes)'. */
  readonly description: string;
  /** What loops are lowered for. */
  readonly machine: Machine;
  /** Throws Unsupported or CodeRefused where another generator has to do it. */
  generate(module: Module): GeneratedCode;
}

/** A module as code. */
export interface GeneratedCode {
  readonly executable: Executable;
  readonly bytes: Uint8Array;
  /** An exported function, to be called in this thread. */
  function(name: string): (...args: number[]) => void;
  /** Gives the code's memory back. */
  free(): void;
}
