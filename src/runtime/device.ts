import type { DType, TypedArray } from '../core/dtype.js';
import { DeviceError } from '../core/errors.js';
import type { Node } from '../graph/node.js';
import type { AnyStorage, DeviceStorage } from './storage.js';

/** What a program computes: from inputs and scalars to outputs. */
export interface ProgramGraph {
  /** `buffer` nodes (or nodes with values), in the order in which `run` gets their values. */
  readonly inputs: readonly Node[];
  readonly scalars: readonly Node<'scalar'>[];
  readonly outputs: readonly Node[];
  /** For each output, the number of the input whose storage it may be written over; undefined: none. */
  readonly overwrites: readonly (number | undefined)[];
  /**
   * For each input whether it is the same in most runs, as parameters are in inference: what depends on such inputs alone is computed when one of them
   * has changed, and kept.
   */
  readonly steady?: readonly boolean[];
}

/** Nothing has run, as threads cannot take the program in. The device will make another one of the same graph. */
export class ProgramRefused extends DeviceError {}

/** A compiled graph. Runs are synchronous. */
export interface Program {
  /** Reads `inputs`, writes `outputs`; an output may be the very storage of the input that it overwrites. Throws ProgramRefused. */
  run(inputs: readonly AnyStorage[], scalars: readonly number[], outputs: readonly DeviceStorage[]): void;
  /** Gives back code and memory. */
  free(): void;
}

/** Where values lie. Devices with the same memory take each other's values as they are. */
export interface DeviceMemory {
  allocate(dtype: DType, size: number): DeviceStorage;
  free(storage: DeviceStorage): void;
  /** A copy of the elements. */
  read(storage: DeviceStorage): TypedArray;
  write(storage: DeviceStorage, data: TypedArray): void;
}

/** A machine that runs programs. */
export interface Device {
  readonly name: string;
  /** What it computes with, or why with nothing better; for people. */
  readonly description: string;
  readonly memory: DeviceMemory;
  /** The program of a graph. `key` tells the graph from all others: code may serve that another process has made for the same key. */
  program(graph: ProgramGraph, key: string): Program;
}
