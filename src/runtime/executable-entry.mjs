/** From a program to the function that this thread calls. Plain JavaScript, because worker threads load it as it is. */
import { wasmImports } from '../targets/wasm/host-functions.mjs';
import { enterAt, loadKoffi } from './native/koffi.mjs';

/** @typedef {import('./executable.js').Entry} Entry */

/**
 * Throws if the program cannot be taken in.
 * @param {import('./executable.js').Executable} executable
 * @param {WebAssembly.Memory} memory What WebAssembly works on; machine code knows the address.
 * @param {boolean} maySleep
 * @param {() => void} [waited] Called in the midst of WebAssembly when this thread has waited for others for long; what it throws ends the program here.
 * @returns {Entry}
 */
export function entryOf(executable, memory, maySleep, waited) {
  if (executable.kind === 'wasm') {
    const imports = wasmImports(memory, maySleep, waited);
    const { run } = new WebAssembly.Instance(executable.module, imports).exports;
    if (typeof run !== 'function') throw new Error('it exports no function "run"');
    return /** @type {Entry} */ (run);
  }
  const { run, heap, trampoline, koffi } = executable;
  const enter = enterAt(loadKoffi(koffi).koffi, trampoline);
  return (thread, threads, table) => {
    enter(run, heap, thread, threads, table, 0);
  };
}
