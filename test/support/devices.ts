/** The devices that tests of results run on. */
import { deviceNames } from '../../src/runtime/devices.js';
import { nativeMachine } from '../../src/runtime/native/native-machine.js';

/** Those that can compute here; `auto` is one of them under another name. */
export function usableDevices(): string[] {
  const unusable = typeof nativeMachine() === 'string' ? ['auto', 'native'] : ['auto'];
  return deviceNames().filter((name) => !unusable.includes(name));
}
