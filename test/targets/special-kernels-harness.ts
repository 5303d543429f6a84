import { WASM_MACHINE } from '../../src/targets/cpu/machine.js';
import { bytesPerElement, type DType } from '../../src/core/dtype.js';
import { scalarType } from '../../src/targets/cpu/emit.js';
import { add, i32, load, type Func } from '../../src/targets/cpu/ir.js';
import type { LoweredKernel, LoweringContext } from '../../src/targets/cpu/lowered-kernel.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';

/** A small generator, so that cases are the same in every run. */
export function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export type Elements = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

/** A buffer by its dtype, and its elements or how many it has. */
export interface Given {
  readonly dtype: DType;
  readonly data: readonly number[] | number;
}

export interface Outcome {
  readonly units: number;
  /** The buffers after the run. */
  readonly buffers: readonly Elements[];
}

const CANARY = 0xaa;
const MARGIN = 64;

const VIEWS: Partial<Record<DType, new (buffer: ArrayBuffer, offset: number, length: number) => Elements>> = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  bool: Uint8Array,
};

/**
 * Lowers a kernel, encodes it, and runs its units in chunks of random sizes in random order, each unit once. Throws if
 * anything beside the buffers is written.
 */
export function runUnits(
  lower: (context: LoweringContext) => LoweredKernel,
  given: readonly Given[],
  options: { seed?: number; scalars?: readonly number[] } = {},
): Outcome {
  const random = generator(options.seed ?? 1);
  const scalarsAt = given.length * 4;
  const lowered = lower({
    machine: WASM_MACHINE,
    base: (_, table, buffer) => load('i32', table, buffer * 4),
    scalars: (_, table) => (slot, dtype) => load(scalarType(dtype), add(table, i32(scalarsAt)), slot * 8),
    dtypeOf: (buffer) => given[buffer]?.dtype ?? 'float32',
  });
  const sizes = given.map(({ data }) => (typeof data === 'number' ? data : data.length));
  const places: number[] = [];
  let end = 4096;
  given.forEach(({ dtype }, i) => {
    places.push(end + MARGIN);
    end += 2 * MARGIN + Math.ceil(((sizes[i] ?? 0) * bytesPerElement(dtype)) / 64) * 64;
  });
  const memory = new WebAssembly.Memory({ initial: Math.ceil(end / 65536), maximum: 65536 });
  const bytes = new Uint8Array(memory.buffer, 0, end).fill(CANARY);
  const tableAt = 1024;
  const table = new DataView(memory.buffer, tableAt);
  const buffers = given.map(({ dtype, data }, i) => {
    const View = VIEWS[dtype];
    if (View === undefined) throw new Error(`no view of ${dtype}`);
    const view = new View(memory.buffer, places[i] ?? 0, sizes[i] ?? 0);
    if (typeof data !== 'number') view.set(data);
    table.setUint32(i * 4, places[i] ?? 0, true);
    return view;
  });
  (options.scalars ?? []).forEach((value, slot) => {
    table.setFloat32(scalarsAt + slot * 8, value, true);
  });
  const start = instantiate(lowered, memory);
  for (const [from, to] of chunks(lowered.units, random)) start(tableAt, from, to);

  const isOurs = new Uint8Array(end);
  buffers.forEach((view) => isOurs.fill(1, view.byteOffset, view.byteOffset + view.byteLength));
  for (let i = 4096; i < end; i++) {
    if (isOurs[i] === 0 && bytes[i] !== CANARY)
      throw new Error(`byte ${i} lies in no buffer and was written`);
  }
  return { units: lowered.units, buffers };
}

function instantiate(lowered: LoweredKernel, memory: WebAssembly.Memory): (...args: number[]) => void {
  const functions: Func[] = lowered.functions.map((each) => ({
    ...each,
    exported: each.name === lowered.entry,
  }));
  const module = new WebAssembly.Module(encodeModule({ functions }, { relaxedFma: false, shared: false }));
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  return instance.exports[lowered.entry] as (...args: number[]) => void;
}

/** 0..units in random pieces, shuffled. */
function chunks(units: number, random: (below: number) => number): [number, number][] {
  const pieces: [number, number][] = [];
  for (let from = 0; from < units;) {
    const to = Math.min(units, from + 1 + random(Math.max(1, Math.ceil(units / 3))));
    pieces.push([from, to]);
    from = to;
  }
  for (let i = pieces.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [pieces[i], pieces[j]] = [pieces[j] as [number, number], pieces[i] as [number, number]];
  }
  return pieces;
}
