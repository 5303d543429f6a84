/** Modules of the loop IR, run by each encoder that can run here: WebAssembly, machine code of every vector length, and emulated arm64 code. */
import { nativeMachine } from '../../src/runtime/native/native-machine.js';
import {
  constant,
  func,
  i32,
  isVector,
  lanes,
  select,
  type Builder,
  type Element,
  type Expr,
  type Module,
  type Type,
} from '../../src/targets/cpu/ir.js';
import { encodeX64 } from '../../src/targets/x64/encode.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';
import { wasmFeatures } from '../../src/targets/wasm/features.js';
import { wasmImports } from '../../src/targets/wasm/host-functions.mjs';
import { ARM64 } from './arm64-emulator.js';

/** A module that can be called. */
export interface Instance {
  call(name: string, ...args: number[]): void;
  /** Gives executable memory back. */
  free(): void;
}

/** A way to run the loop IR. */
export interface Encoder {
  readonly name: string;
  readonly lanes: number;
  /** Of which types fma is rounded once. */
  readonly fused: readonly Type[];
  /** Whether lanes can be left out of loads, and be scattered. */
  readonly masks: boolean;
  readonly scatters: boolean;
  /** Whether there is an instruction for sums of products of bytes. */
  readonly dotBytes: boolean;
  /** Why it cannot run here, if it cannot. */
  readonly missing: string | undefined;
  /** Threads that wait for others sleep after a while, unless told. */
  instantiate(module: Module, memory: WebAssembly.Memory, maySleep?: boolean): Instance;
}

function wasmEncoder(relaxedFma: boolean): Encoder {
  return {
    name: relaxedFma ? 'wasm, fused multiply-add' : 'wasm',
    lanes: 4,
    fused: relaxedFma ? ['f32', 'f32v'] : [],
    masks: false,
    scatters: false,
    dotBytes: false,
    missing: relaxedFma && !wasmFeatures().relaxedFma ? 'no relaxed SIMD' : undefined,
    instantiate(module, memory, maySleep = true) {
      const bytes = encodeModule(module, { relaxedFma });
      const { exports } = new WebAssembly.Instance(
        new WebAssembly.Module(bytes),
        wasmImports(memory, maySleep),
      );
      return {
        call(name, ...args) {
          const f = exports[name];
          if (typeof f !== 'function') throw new Error(`no export ${name}`);
          (f as (...values: number[]) => void)(...args);
        },
        free: () => undefined,
      };
    },
  };
}

function x64Encoder(count: number, avx512: boolean): Encoder {
  const machine = nativeMachine();
  const usable = typeof machine !== 'string' && process.arch === 'x64' ? machine : undefined;
  const vnni = avx512 && usable?.target.machine.dotBytes === true;
  const tooOld = avx512 && usable !== undefined && usable.target.machine.lanes < 16;
  return {
    name: `x64 ${avx512 ? 'AVX-512' : 'AVX2'}, ${count} lanes`,
    lanes: count,
    fused: ['f32', 'f32v', 'f64'],
    masks: true,
    scatters: avx512,
    dotBytes: vnni,
    missing: tooOld ? 'no AVX-512' : typeof machine === 'string' ? machine : undefined,
    instantiate(module, memory, maySleep = true) {
      if (usable === undefined) throw new Error('no machine code here');
      const linux = maySleep && process.platform === 'linux';
      const { bytes, entries } = encodeX64(module, {
        features: { avx512, vnni },
        lanes: count,
        linux,
      });
      const heap = Number(usable.koffi.address(new Uint8Array(memory.buffer)));
      const { address, free } = usable.code.place(bytes);
      return {
        call(name, a = 0, b = 0, c = 0, d = 0) {
          const offset = entries.get(name);
          if (offset === undefined) throw new Error(`no export ${name}`);
          usable.enter(address + offset, heap, a, b, c, d);
        },
        free,
      };
    },
  };
}

export const WASM = wasmEncoder(false);
export const WASM_FUSED = wasmEncoder(true);
export const AVX2 = x64Encoder(8, false);
export const AVX512_4 = x64Encoder(4, true);
export const AVX512_8 = x64Encoder(8, true);
export const AVX512_16 = x64Encoder(16, true);

/** All of them, for `describe.each`; those that cannot run here say so in their names. */
export const ENCODERS: readonly Encoder[] = [
  WASM,
  WASM_FUSED,
  AVX512_4,
  AVX2,
  AVX512_8,
  AVX512_16,
  ARM64,
].map((each) =>
  each.missing === undefined ? each : { ...each, name: `${each.name} (skipped: ${each.missing})` },
);

/** Encoders with vectors of one length, which must agree on everything but the bits of NaN. */
export const PAIRS: readonly (readonly [Encoder, Encoder])[] = [
  [WASM, AVX512_4],
  [WASM_FUSED, AVX512_4],
  [AVX2, AVX512_8],
];

/** Views of the memory that a module works on. */
export interface Machine extends Instance {
  readonly memory: WebAssembly.Memory;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly u8: Uint8Array;
}

export const freshMemory = (pages = 64): WebAssembly.Memory =>
  new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });

/** `module` over `memory`, a fresh one of 4 MiB unless told. */
export function machineOf(
  encoder: Encoder,
  module: Module,
  memory = freshMemory(),
  maySleep = true,
): Machine {
  return {
    ...encoder.instantiate(module, memory, maySleep),
    memory,
    i32: new Int32Array(memory.buffer),
    f32: new Float32Array(memory.buffer),
    f64: new Float64Array(memory.buffer),
    u8: new Uint8Array(memory.buffer),
  };
}

export const ELEMENT_OF: Readonly<Record<Type, Element>> = {
  i32: 'i32',
  f32: 'f32',
  f64: 'f64',
  i32v: 'i32',
  f32v: 'f32',
  maskv: 'i32',
};

/** A vector of the encoder's length whose lanes repeat a few parts. */
export function repeated({ lanes: count }: Encoder, parts: readonly Expr[]): Expr {
  return lanes(Array.from({ length: count }, (_, lane) => parts[lane % parts.length] as Expr));
}

/** Lanes of a mask as -1 and 0; other values as they are. */
export const storable = (value: Expr): Expr =>
  value.type === 'maskv' ? select(value, constant('i32v', -1), constant('i32v', 0)) : value;

/** Where `valueOf` stores; memory below it is the test's. */
const RESULT = 65536;
let scratch: WebAssembly.Memory | undefined;

/** What an expression gives: one number, or one for each lane. `prepare` fills the first 64 KiB. */
export function valueOf(
  encoder: Encoder,
  expr: Expr | ((b: Builder) => Expr),
  prepare: (machine: Machine) => void = () => undefined,
): number[] {
  let type: Type = 'i32';
  const run = func(
    'run',
    [],
    (b) => {
      const value = storable(typeof expr === 'function' ? expr(b) : expr);
      type = value.type;
      b.store(ELEMENT_OF[type], i32(RESULT), value);
    },
    true,
  );
  // One memory for all: each takes a stretch of address space that is only given back much later.
  scratch ??= freshMemory();
  const m = machineOf(encoder, { functions: [run] }, scratch);
  m.u8.fill(0, 0, RESULT + 256);
  prepare(m);
  m.call('run');
  m.free();
  const view = { i32: m.i32, f32: m.f32, f64: m.f64, u8: m.u8, i8: m.u8, u16: m.u8 }[ELEMENT_OF[type]];
  const start = RESULT / view.BYTES_PER_ELEMENT;
  return [...view.subarray(start, start + (isVector(type) ? encoder.lanes : 1))];
}
