/** Modules of the loop IR, run as WebAssembly in this thread. */
import type { Builder } from '../../src/targets/cpu/ir.js';
import {
  func,
  i32,
  isVector,
  type Element,
  type Expr,
  type Module,
  type Type,
} from '../../src/targets/cpu/ir.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';
import { wasmFeatures } from '../../src/targets/wasm/features.js';
import { wasmImports } from '../../src/targets/wasm/host-functions.mjs';

export const RELAXED_FMA = wasmFeatures().relaxedFma;

export interface Machine {
  readonly memory: WebAssembly.Memory;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly u8: Uint8Array;
  call(name: string, ...args: number[]): void;
}

/** An instance of `module` over `memory` (a fresh one of 4 MiB unless told). */
export function machine(
  module: Module,
  options: { relaxedFma?: boolean; memory?: WebAssembly.Memory } = {},
): Machine {
  const memory = options.memory ?? new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
  const bytes = encodeModule(module, { relaxedFma: options.relaxedFma ?? RELAXED_FMA });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), wasmImports(memory, true));
  return {
    memory,
    i32: new Int32Array(memory.buffer),
    f32: new Float32Array(memory.buffer),
    f64: new Float64Array(memory.buffer),
    u8: new Uint8Array(memory.buffer),
    call: (name, ...args) => {
      const f = exports[name];
      if (typeof f !== 'function') throw new Error(`no export ${name}`);
      (f as (...values: number[]) => void)(...args);
    },
  };
}

const ELEMENT: Readonly<Record<Type, Element>> = {
  i32: 'i32',
  f32: 'f32',
  f64: 'f64',
  i32v: 'i32',
  f32v: 'f32',
  maskv: 'i32',
};

/** Where `valueOf` stores; memory below it is the test's. */
const RESULT = 65536;

/** What an expression gives: one number, or one for each lane. `prepare` fills the first 64 KiB. */
export function valueOf(
  expr: Expr | ((b: Builder) => Expr),
  prepare: (machine: Machine) => void = () => undefined,
): number[] {
  let type: Type = 'i32';
  const run = func(
    'run',
    [],
    (b) => {
      const value = typeof expr === 'function' ? expr(b) : expr;
      type = value.type;
      b.store(ELEMENT[type], i32(RESULT), value);
    },
    true,
  );
  const m = machine({ functions: [run] });
  prepare(m);
  m.call('run');
  const view = { i32: m.i32, f32: m.f32, f64: m.f64, u8: m.u8, i8: m.u8, u16: m.u8 }[ELEMENT[type]];
  const start = RESULT / view.BYTES_PER_ELEMENT;
  return [...view.subarray(start, start + (isVector(type) ? 4 : 1))];
}
