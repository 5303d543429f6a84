/** What the WebAssembly of this host can do, asked of the host itself. */
import { encodeModule } from './encode.js';
import { fma, func, i32, load } from '../cpu/ir.js';

export interface WasmFeatures {
  /** 128-bit vectors; the encoder needs them. */
  readonly simd: boolean;
  /** `f32x4.relaxed_madd`, which is one fused instruction where the machine has it. */
  readonly relaxedFma: boolean;
  /** Shared memory and atomics. In a page also a matter of its headers (cross-origin isolation). */
  readonly sharedMemory: boolean;
}

let known: WasmFeatures | undefined;

/**
 * The features of this thread's host. Node 20 has relaxed SIMD behind a flag of V8, which is set here, at run time: every
 * thread that compiles modules must call this first.
 */
export function wasmFeatures(): WasmFeatures {
  return (known ??= detect());
}

function detect(): WasmFeatures {
  if (!hasRelaxedFma()) allowRelaxedSimd();
  return {
    simd: WebAssembly.validate(sample({ relaxedFma: false, shared: false })),
    relaxedFma: hasRelaxedFma(),
    sharedMemory:
      typeof SharedArrayBuffer !== 'undefined' &&
      WebAssembly.validate(sample({ relaxedFma: false, shared: true })),
  };
}

const hasRelaxedFma = (): boolean => WebAssembly.validate(sample({ relaxedFma: true, shared: false }));

/** A module that multiplies and adds vectors. */
function sample(options: { relaxedFma: boolean; shared: boolean }): Uint8Array<ArrayBuffer> {
  const multiplyAdd = func('multiplyAdd', ['p'], (b, p) => {
    const x = b.let(load('f32', p, 0, true));
    b.store('f32', p, fma(x, x, x));
    if (options.shared) b.push({ kind: 'barrier', state: p, threads: i32(1) });
  });
  return encodeModule({ functions: [multiplyAdd] }, options);
}

function allowRelaxedSimd(): void {
  const { process } = globalThis as {
    process?: Partial<Pick<NodeJS.Process, 'getBuiltinModule' | 'versions'>>;
  };
  // From Node 22 on it is there without a flag; an unknown flag would only be a complaint on stderr.
  if (process?.versions?.node.startsWith('20.') !== true) return;
  process.getBuiltinModule?.('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
}
