/**
 * The package koffi, through which Node calls machine code. It is an optional dependency, so that its absence must be no more than a reason
 * to do without. Plain JavaScript, because worker threads load it as it is.
 */

/**
 * The part of koffi that is used here; its own types say `any` throughout. Addresses that it gives are numbers where they fit.
 * @typedef {(...args: (number | bigint | ArrayBufferView)[]) => unknown} NativeFunction
 * @typedef {{ func(name: string, result: string, parameters: readonly string[]): NativeFunction }} Library
 * @typedef {{
 *   load(path: string | null): Library,
 *   proto(result: string, parameters: readonly string[]): unknown,
 *   decode(address: bigint, prototype: unknown): NativeFunction,
 *   address(array: ArrayBufferView): bigint,
 * }} Koffi
 */

/** @type {{ koffi: Koffi, path: string } | undefined} */
let loaded;

/**
 * Loads koffi into this thread, once. Throws if that cannot be done, also where there is no Node.
 * @param {string} path What the main thread has found, or the name of the package.
 * @returns {{ koffi: Koffi, path: string }} koffi, and where it was found.
 */
export function loadKoffi(path = 'koffi') {
  if (loaded !== undefined) return loaded;
  const { process } = /** @type {{ process?: NodeJS.Process }} */ (globalThis);
  if (process === undefined) throw new Error('machine code is called from Node only');
  // Neither an import nor a require that a bundler for browsers would follow.
  const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
  const found = require.resolve(path);
  const module = /** @type {unknown} */ (require(found));
  const koffi = /** @type {Koffi} */ (module);
  // In a worker, koffi 3.3.4 ends the process with a segmentation fault if it calls a decoded pointer before it has loaded anything.
  koffi.load(process.platform === 'win32' ? 'kernel32.dll' : null);
  loaded = { koffi, path: found };
  return loaded;
}

/** @typedef {(code: number, heap: number, a: number, b: number, c: number, d: number) => void} Enter */

/** @type {Map<number, Enter>} */
const known = new Map();

/**
 * A target's trampoline, which lies at `address`, as a function of this thread. Making one takes longer than most programs run.
 * Plain numbers and one prototype for everything: a call takes 110 ns; with one pointer to a block of arguments it takes 55, but then the
 * block must be filled.
 * @param {Koffi} koffi
 * @param {number} address
 */
export function enterAt(koffi, address) {
  let enter = known.get(address);
  if (enter === undefined) {
    const prototype = koffi.proto('void', ['uintptr_t', 'uintptr_t', 'int32', 'int32', 'int32', 'int32']);
    enter = /** @type {Enter} */ (koffi.decode(BigInt(address), prototype));
    known.set(address, enter);
  }
  return enter;
}
