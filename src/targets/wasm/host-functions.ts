/** What modules import from JavaScript: functions of float64 scalars. */
import type { HostFunction } from '../cpu/ir.js';
import { binaryFunction, erf } from '../reference/scalar-functions.js';

type HostImplementation = (x: number, y: number) => number;

/** Every host function; those of one argument ignore the second. */
export const HOST_FUNCTIONS: Readonly<Record<HostFunction, HostImplementation>> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  atan: Math.atan,
  tanh: Math.tanh,
  erf,
  pow: binaryFunction('pow', 'float64'),
  atan2: Math.atan2,
  fmod: (x, y) => x % y,
};

/**
 * The import object for a module of `encodeModule`.
 *
 * @param maySleep - whether this thread may block; false on the main thread of a page.
 */
export function wasmImports(memory: WebAssembly.Memory, maySleep: boolean): WebAssembly.Imports {
  return { env: { ...HOST_FUNCTIONS, memory, maySleep: maySleep ? 1 : 0 } };
}
