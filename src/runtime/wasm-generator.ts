import { WASM_MACHINE } from '../targets/cpu/machine.js';
import { DeviceError, InternalError } from '../core/errors.js';
import { encodeModule } from '../targets/wasm/encode.js';
import { wasmFeatures } from '../targets/wasm/features.js';
import { wasmImports } from '../targets/wasm/host-functions.mjs';
import type { CodeGenerator } from './code-generator.js';
import type { Heap } from './heap.js';

/** WebAssembly with 128-bit vectors. Throws a DeviceError where the host has none. */
export function wasmGenerator(heap: Heap): CodeGenerator {
  const { simd, relaxedFma } = wasmFeatures();
  if (!simd) {
    throw new DeviceError(
      'this host has no WebAssembly SIMD',
      "use a newer version of Node or of the browser, or device 'reference'",
    );
  }
  return {
    name: 'wasm',
    description: '128-bit vectors (4 lanes)',
    machine: WASM_MACHINE,
    identity: `wasm ${JSON.stringify([WASM_MACHINE, relaxedFma, heap.shared])}`,
    encode: (module) => ({
      bytes: encodeModule(module, { relaxedFma, shared: heap.shared }),
      entries: new Map<string, number>(),
    }),
    place({ bytes }) {
      const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
      let exports: WebAssembly.Exports | undefined;
      return {
        executable: { kind: 'wasm', module },
        function(name) {
          exports ??= new WebAssembly.Instance(module, wasmImports(heap.memory, true)).exports;
          const found = exports[name];
          if (typeof found !== 'function') throw new InternalError(`a module exports no function "${name}"`);
          return found as (...args: number[]) => void;
        },
        // The garbage collector does that.
        free: () => undefined,
      };
    },
  };
}
