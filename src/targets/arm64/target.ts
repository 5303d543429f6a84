/** arm64 processors as a target: NEON, which all of them have. */
import { ARM64_MACHINE } from '../cpu/machine.js';
import type { NativeHost, NativeTarget } from '../native/native-code.js';
import { encodeArm64 } from './encode.js';
import { trampoline } from './trampoline.js';

export function arm64Target(host: NativeHost): NativeTarget {
  const linux = host.platform === 'linux';
  return {
    name: 'arm64 NEON',
    machine: ARM64_MACHINE,
    encode: (module) => encodeArm64(module, { linux }),
    trampoline: trampoline(),
  };
}
