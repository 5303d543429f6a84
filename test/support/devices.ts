/** The devices that tests of results run on. */
import { CpuDevice } from '../../src/runtime/cpu-device.js';
import { deviceNames, wasmDevice } from '../../src/runtime/devices.js';
import {
  findNativeMachine,
  nativeMachine,
  surroundings,
  type NativeMachine,
} from '../../src/runtime/native/native-machine.js';
import { nativeGenerator } from '../../src/runtime/native-generator.js';
import { wasmGenerator } from '../../src/runtime/wasm-generator.js';

/** Those that can compute here; `auto` is one of them under another name. */
export function usableDevices(): string[] {
  const unusable = typeof nativeMachine() === 'string' ? ['auto', 'native'] : ['auto'];
  return deviceNames().filter((name) => !unusable.includes(name));
}

let machines: readonly NativeMachine[] | undefined;
let devices: readonly CpuDevice[] | undefined;

/** The native machines that can be had here, of shorter and of longer vectors; those that TENSORLOOM_CPU allows, if it is set. */
export function nativeMachines(): readonly NativeMachine[] {
  if (machines !== undefined) return machines;
  const around = surroundings();
  const limits = around?.cpu ? [around.cpu] : ['avx2', ''];
  const found = limits
    .map((cpu) => findNativeMachine(around && { ...around, cpu }))
    .filter((each) => typeof each !== 'string');
  // Where there is one length of vectors only, both are the same.
  machines = found.filter(({ target }, n) => found[n + 1]?.target.name !== target.name);
  return machines;
}

/** A device for each code that can run here, over one memory: WebAssembly, and machine code of each vector length. */
export function cpuDevices(): readonly CpuDevice[] {
  if (devices !== undefined) return devices;
  const { memory } = wasmDevice();
  const { heap } = memory;
  const native = nativeMachines().map(
    (machine) => new CpuDevice(memory, [nativeGenerator(machine, heap), wasmGenerator(heap)]),
  );
  devices = [wasmDevice(), ...native];
  return devices;
}
