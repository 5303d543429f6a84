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
  /** What the code depends on besides the module. Code of a generator with the same identity can be placed by this one, also in another process. */
  readonly identity: string;
  /** Throws Unsupported where another generator has to do it. */
  encode(module: Module): EncodedModule;
  /** Makes code callable. Throws CodeRefused where another generator has to do it. */
  place(code: EncodedModule): GeneratedCode;
}

/** A module as bytes that do not depend on where they lie. */
export interface EncodedModule {
  readonly bytes: Uint8Array;
  /** Where each exported function begins, in bytes from the start; empty where the bytes themselves say so, as WebAssembly's do. */
  readonly entries: ReadonlyMap<string, number>;
}

/** A module as code that can be called. */
export interface GeneratedCode {
  readonly executable: Executable;
  /** An exported function, to be called in this thread. */
  function(name: string): (...args: number[]) => void;
  /** Gives the code's memory back. */
  free(): void;
}
