/** Modules of the loop IR, run as WebAssembly in this thread. For all encoders, see ir-machine.ts. */
import type { Builder, Expr, Module } from '../../src/targets/cpu/ir.js';
import { wasmFeatures } from '../../src/targets/wasm/features.js';
import { machineOf, valueOf as valueOn, WASM, WASM_FUSED, type Machine } from './ir-machine.js';

export type { Machine } from './ir-machine.js';

export const RELAXED_FMA = wasmFeatures().relaxedFma;

/** An instance of `module` over `memory` (a fresh one of 4 MiB unless told). */
export function machine(
  module: Module,
  options: { relaxedFma?: boolean; memory?: WebAssembly.Memory } = {},
): Machine {
  return machineOf((options.relaxedFma ?? RELAXED_FMA) ? WASM_FUSED : WASM, module, options.memory);
}

/** What an expression gives: one number, or one for each lane. `prepare` fills the first 64 KiB. */
export function valueOf(
  expr: Expr | ((b: Builder) => Expr),
  prepare: (machine: Machine) => void = () => undefined,
): number[] {
  return valueOn(RELAXED_FMA ? WASM_FUSED : WASM, expr, prepare);
}
