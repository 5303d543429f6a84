/** The same loops as machine-code.ts has, in WebAssembly: multiply-adds on registers, and a copy. */
import { add, func, fma, f32, get, i32, load, mul, splat, type Expr } from '../../src/targets/cpu/ir.js';
import { encodeModule } from '../../src/targets/wasm/encode.js';
import { wasmFeatures } from '../../src/targets/wasm/features.js';

/** Sums that do not wait for each other: more than latency (4 cycles) times units (2), no more than there are registers. */
export const WASM_CHAINS = 12;
export const WASM_STEPS = 20_000;

/** A module with `flops(result)` and `copy(to, from, vectors)`. */
export function wasmProbes(): WebAssembly.Module {
  const flops = func(
    'flops',
    ['result'],
    (b, result) => {
      const factor = b.let(load('f32', result, 0, true));
      const sums = Array.from({ length: WASM_CHAINS }, (_, i) => b.variable(splat(f32(i))));
      b.for(i32(0), i32(WASM_STEPS), 1, () => {
        for (const sum of sums) b.set(sum, fma(factor, factor, get(sum)));
      });
      b.store('f32', result, sums.map((sum): Expr => get(sum)).reduce(add));
    },
    true,
  );
  const copy = func(
    'copy',
    ['to', 'from', 'vectors'],
    (b, to, from, vectors) => {
      b.for(i32(0), mul(vectors, i32(16)), 64, (at) => {
        const target = b.let(add(to, at));
        const source = b.let(add(from, at));
        for (let offset = 0; offset < 64; offset += 16)
          b.store('f32', target, load('f32', source, offset, true), offset);
      });
    },
    true,
  );
  const { relaxedFma } = wasmFeatures();
  return new WebAssembly.Module(encodeModule({ functions: [flops, copy] }, { relaxedFma, shared: true }));
}
