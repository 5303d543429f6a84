/**
 * What modules import from JavaScript: functions of float64 scalars. Plain JavaScript, because worker threads load it as
 * it is.
 */
import { erf, pow } from '../../core/special-functions.mjs';

/** @typedef {(x: number, y: number) => number} HostImplementation */

/** Undefined where there is no Node. */
const { process } = /** @type {{ process?: NodeJS.Process }} */ (globalThis);

/** Milliseconds. `performance.now` counts from the start of each thread, and where that start lies is known to some microseconds only. */
const now =
  process === undefined
    ? () => performance.timeOrigin + performance.now()
    : () => {
        const [seconds, nanoseconds] = process.hrtime();
        return seconds * 1e3 + nanoseconds / 1e6;
      };

/**
 * Every host function; they ignore arguments that they do not take.
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
  now,
};

/**
 * The import object for a module of `encodeModule`.
 * @param {WebAssembly.Memory} memory
 * @param {boolean} maySleep whether this thread may block; false on the main thread of a page.
 * @param {() => void} [waited] called at a barrier now and then by a thread that has waited for others for long. What it throws ends the program.
 * @returns {WebAssembly.Imports}
 */
export function wasmImports(memory, maySleep, waited = () => undefined) {
  return { env: { ...HOST_FUNCTIONS, memory, maySleep: maySleep ? 1 : 0, waited } };
}
