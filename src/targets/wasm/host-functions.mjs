/**
 * What modules import from JavaScript: functions of float64 scalars. Plain JavaScript, because worker threads load it as
 * it is.
 */
import { erf, pow } from '../../core/special-functions.mjs';

/** @typedef {(x: number, y: number) => number} HostImplementation */

/**
 * Every host function; those of one argument ignore the second.
 * @type {Readonly<Record<import('../cpu/ir.js').HostFunction, HostImplementation>>}
 */
export const HOST_FUNCTIONS = {
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
  pow,
  atan2: Math.atan2,
  fmod: (x, y) => x % y,
};

/**
 * The import object for a module of `encodeModule`.
 * @param {WebAssembly.Memory} memory
 * @param {boolean} maySleep whether this thread may block; false on the main thread of a page.
 * @returns {WebAssembly.Imports}
 */
export function wasmImports(memory, maySleep) {
  return { env: { ...HOST_FUNCTIONS, memory, maySleep: maySleep ? 1 : 0 } };
}
