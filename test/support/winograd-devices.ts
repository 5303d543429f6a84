/** Devices that choose Winograd's algorithm where WebAssembly does: for convolutions that are small enough for tests. */
import type { CodeGenerator } from '../../src/runtime/code-generator.js';
import { CpuDevice } from '../../src/runtime/cpu-device.js';
import { wasmDevice } from '../../src/runtime/devices.js';
import { findNativeMachine, surroundings } from '../../src/runtime/native/native-machine.js';
import { nativeGenerator } from '../../src/runtime/native-generator.js';
import { wasmGenerator } from '../../src/runtime/wasm-generator.js';
import { WASM_MACHINE } from '../../src/targets/cpu/machine.js';

export interface WinogradDevice {
  readonly name: string;
  readonly device: CpuDevice;
  readonly generator: CodeGenerator;
}

/** One for each length of vectors that can be had here. */
export function winogradDevices(): WinogradDevice[] {
  const { memory } = wasmDevice();
  const generators = [wasmGenerator(memory.heap)];
  const around = surroundings();
  for (const cpu of ['avx2', 'avx512']) {
    const machine = around && memory.heap.shared ? findNativeMachine({ ...around, cpu }) : 'this is not Node';
    if (typeof machine !== 'string') generators.push(nativeGenerator(machine, memory.heap));
  }
  const byName = new Map(generators.map((each) => [each.description, each]));
  return [...byName].map(([name, original]) => {
    const generator = { ...original, machine: { ...original.machine, traits: WASM_MACHINE.traits } };
    return { name, generator, device: new CpuDevice(memory, [generator]) };
  });
}
