/** The devices by name, each made when it is first used. */
import { ArgumentError, DeviceError } from '../core/errors.js';
import { CpuDevice } from './cpu-device.js';
import { CpuMemory } from './cpu-memory.js';
import type { Device } from './device.js';
import { keptPrograms } from './kept-programs.js';
import { nativeMachine, type NativeMachine } from './native/native-machine.js';
import { nativeGenerator } from './native-generator.js';
import { ReferenceDevice } from './reference-device.js';
import { wasmGenerator } from './wasm-generator.js';

/** A function that calls `make` the first time and gives its result ever after. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

const memory = once(() => new CpuMemory());

/** The machine, or why machine code cannot run over the heap of this process. */
function usableMachine(): NativeMachine | string {
  return memory().heap.shared ? nativeMachine() : 'threads cannot share memory here';
}

const native = once((): CpuDevice | string => {
  const machine = usableMachine();
  if (typeof machine === 'string') return machine;
  const { heap } = memory();
  return new CpuDevice(memory(), [nativeGenerator(machine, heap), wasmGenerator(heap)], {
    files: keptPrograms,
  });
});

/** The device `wasm`. */
export const wasmDevice = once(
  (): CpuDevice =>
    new CpuDevice(memory(), [wasmGenerator(memory().heap)], {
      remark() {
        const machine = usableMachine();
        return typeof machine === 'string' ? machine : undefined;
      },
      files: keptPrograms,
    }),
);

const reference = once((): Device => new ReferenceDevice());

/** The device `native` where it can be used, and otherwise `wasm`. */
export function autoDevice(): CpuDevice {
  const device = native();
  return typeof device === 'string' ? wasmDevice() : device;
}

const DEVICES = {
  auto: autoDevice,
  native: (): Device => {
    const device = native();
    if (typeof device !== 'string') return device;
    throw new DeviceError(
      `device 'native' cannot be used: ${device}`,
      "device 'auto' uses it where it can be used, and otherwise 'wasm'",
    );
  },
  wasm: wasmDevice,
  reference,
} satisfies Record<string, () => Device>;

type DeviceName = keyof typeof DEVICES;

const isDeviceName = (name: string): name is DeviceName => Object.hasOwn(DEVICES, name);

let chosen: DeviceName = 'auto';

/** The names of the devices that can be chosen. */
export function deviceNames(): string[] {
  return Object.keys(DEVICES);
}

/**
 * Chooses the device for everything evaluated from now on.
 *
 * - `auto`, unless told otherwise: `native` where it can be used, and otherwise `wasm`.
 * - `native`: machine code for the vectors that the processor has (x64 with AVX2 or AVX-512, arm64), called through the package koffi. What it has no code for
 *   runs as `wasm`. Throws a DeviceError that says why if it cannot be used.
 * - `wasm`: WebAssembly with 128-bit vectors.
 * - `reference`: a slow interpreter in float64.
 *
 * Values may be used on any device, whichever computed them; `native` and `wasm` share their memory.
 *
 * @example
 * ```ts
 * setDevice('wasm');
 * currentDevice().name; // => 'wasm'
 * ```
 */
export function setDevice(name: string): void {
  if (!isDeviceName(name))
    throw new ArgumentError(`unknown device '${name}'`, `known devices: ${deviceNames().join(', ')}`);
  if (name === 'native') DEVICES.native();
  chosen = name;
}

/** The device in use, made when it is first asked for. Its name is never `auto`, but what that has led to. */
export function currentDevice(): Device {
  return DEVICES[chosen]();
}
