import { AVX2_MACHINE, AVX512_MACHINE, WASM_MACHINE, type Machine } from '../../src/targets/cpu/machine.js';
import { AVX2, AVX512_16, WASM, WASM_FUSED, type Encoder } from '../support/ir-machine.js';
import {
  literal,
  add as addIndex,
  ofVariable,
  scale,
  variable,
  type Index,
  type Variable,
} from '../../src/compiler/index-expr.js';
import type { ContractionKernel, Operand } from '../../src/compiler/kernel.js';
import type { Scalar } from '../../src/compiler/scalar-expr.js';
import {
  lowerContraction,
  type ContractionCode,
  type ContractionOptions,
} from '../../src/targets/cpu/contraction.js';
import { i32, load, type Builder, type Expr } from '../../src/targets/cpu/ir.js';
import { FunctionLibrary } from '../../src/targets/cpu/function-library.js';
import { Emitter } from '../../src/targets/cpu/emit.js';

/** A variable by its extent and its steps in the operands and in the result. */
export interface Dimension {
  readonly role: 'batch' | 'm' | 'n' | 'k';
  readonly extent: number;
  readonly a?: number;
  readonly b?: number;
  readonly out?: number;
  /** Step in a bias that is added. */
  readonly bias?: number;
}

export interface Problem {
  readonly dimensions: readonly Dimension[];
  readonly aOffset?: number;
  readonly bOffset?: number;
}

const BUFFERS = { a: 0, b: 1, out: 2, bias: 3 };

export function kernelOf(problem: Problem): ContractionKernel {
  const made = problem.dimensions.map((dimension) => ({ ...dimension, v: variable(dimension.extent) }));
  const role = (which: Dimension['role']): Variable[] =>
    made.filter((each) => each.role === which).map(({ v }) => v);
  const strides = (which: 'a' | 'b'): Map<Variable, number> =>
    new Map(made.flatMap(({ v, [which]: stride }) => (stride === undefined ? [] : [[v, stride] as const])));
  const indexBy = (which: 'out' | 'bias'): Index =>
    made.reduce(
      (sum, { v, [which]: stride }) =>
        stride === undefined ? sum : addIndex(sum, scale(ofVariable(v), stride)),
      literal(0),
    );
  const operand = (which: 'a' | 'b', offset = 0): Operand => ({
    buffer: BUFFERS[which],
    dtype: 'float32',
    offset,
    strides: strides(which),
  });
  const accumulator: Scalar = { kind: 'accumulator', dtype: 'float32' };
  const bias: Scalar = {
    kind: 'load',
    dtype: 'float32',
    buffer: BUFFERS.bias,
    index: indexBy('bias'),
    guard: [],
  };
  const value: Scalar = made.some((each) => each.bias !== undefined)
    ? { kind: 'op', dtype: 'float32', op: 'add', args: [accumulator, bias] }
    : accumulator;
  return {
    kind: 'contraction',
    name: 'product',
    batch: role('batch'),
    m: role('m'),
    n: role('n'),
    k: role('k'),
    a: operand('a', problem.aOffset),
    b: operand('b', problem.bOffset),
    dtype: 'float32',
    stores: [{ buffer: BUFFERS.out, index: indexBy('out'), value }],
  };
}

const baseOf = (_: Builder, table: Expr, buffer: number): Expr => load('i32', table, buffer * 4);

/** A machine, and what runs code for it. */
export interface Target {
  readonly machine: Machine;
  readonly encoder: Encoder;
}

export const WASM_TARGET: Target = {
  machine: WASM_MACHINE,
  encoder: WASM_FUSED.missing === undefined ? WASM_FUSED : WASM,
};
export const UNFUSED_TARGET: Target = { machine: WASM_MACHINE, encoder: WASM };
/** Those that can run here. */
export const TARGETS: readonly Target[] = [
  WASM_TARGET,
  { machine: AVX2_MACHINE, encoder: AVX2 },
  { machine: AVX512_MACHINE, encoder: AVX512_16 },
].filter(({ encoder }) => encoder.missing === undefined);

/** The epilogue as the compiler emits it. */
const resultsFor =
  (machine: Machine): ContractionOptions['results'] =>
  (b, table, stores) => {
    const bases = [0, 1, 2, 3].map((buffer) => b.let(baseOf(b, table, buffer)));
    const emitter = new Emitter({
      b,
      machine,
      base: (buffer) => bases[buffer] ?? i32(0),
      scalars: () => i32(0),
    });
    return {
      scope(bindings, body, vector, valid) {
        emitter.scope(bindings, body, vector, valid);
      },
      store(sum) {
        emitter.setAccumulator(sum);
        const writes = stores.map(({ buffer, index, value }) =>
          emitter.prepareStore(buffer, 'float32', index, value),
        );
        for (const write of writes) write();
      },
    };
  };

export function lower(problem: Problem, machine: Machine): ContractionCode {
  return lowerContraction(kernelOf(problem), {
    machine,
    baseOf,
    results: resultsFor(machine),
    library: new FunctionLibrary(),
  });
}

/** Lowest and highest index that steps reach, from an offset. */
export function rangeOf(
  problem: Problem,
  which: 'a' | 'b' | 'out' | 'bias',
  offset = 0,
): { low: number; high: number } {
  let low = offset;
  let high = offset;
  for (const { extent, [which]: stride = 0 } of problem.dimensions) {
    if (stride < 0) low += (extent - 1) * stride;
    else high += (extent - 1) * stride;
  }
  return { low, high };
}

export interface Prepared {
  readonly code: ContractionCode;
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly bias: Float32Array;
  readonly out: Float32Array;
  /** Scratch with room for markers behind it, and bytes behind the result that nobody may write. */
  readonly scratch: Uint8Array;
  readonly behind: Uint8Array;
  run(begin: number, end: number): void;
}

/** Compiles for a target and lays out memory; operands are filled by `fill`. */
export function prepare(problem: Problem, { machine, encoder }: Target, fill: () => number): Prepared {
  const code = lower(problem, machine);
  const length = {
    a: rangeOf(problem, 'a', problem.aOffset).high + 1,
    b: rangeOf(problem, 'b', problem.bOffset).high + 1,
    out: rangeOf(problem, 'out').high + 1,
    bias: rangeOf(problem, 'bias').high + 1,
  };
  const place: Record<string, number> = {};
  let end = 1024;
  for (const [name, count] of Object.entries(length)) {
    place[name] = end;
    end = Math.ceil((end + count * 4 + 256) / 256) * 256;
  }
  const scratch = end;
  const bytes = scratch + code.scratchBytes + 64;
  const pages = Math.ceil(bytes / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const functions = code.functions.map((each) => ({ ...each, exported: each.name === code.entry }));
  const instance = encoder.instantiate({ functions }, memory);
  const view = (name: keyof typeof length): Float32Array =>
    new Float32Array(memory.buffer, place[name], length[name]);
  const table = new Int32Array(memory.buffer, 64, 4);
  (['a', 'b', 'out', 'bias'] as const).forEach((name) => {
    table[BUFFERS[name]] = place[name] ?? 0;
  });
  const [a, b, bias, out] = [view('a'), view('b'), view('bias'), view('out')];
  for (const operand of [a, b, bias]) operand.forEach((_, i) => (operand[i] = fill()));
  out.fill(NaN);
  return {
    code,
    a,
    b,
    bias,
    out,
    scratch: new Uint8Array(memory.buffer, scratch, code.scratchBytes + 64),
    behind: new Uint8Array(memory.buffer, (place.out ?? 0) + length.out * 4, 64),
    run: (begin, stop) => {
      instance.call(code.entry, 64, begin, stop, scratch);
    },
  };
}
