/** x64 processors as a target. */
import { AVX2_MACHINE, AVX512_MACHINE, type Machine } from '../cpu/machine.js';
import type { NativeHost, NativeTarget } from '../native/native-code.js';
import { encodeX64 } from './encode.js';
import { detectFeatures } from './features.js';
import { trampoline } from './trampoline.js';

/** The target for the processor, or why there is none. */
export function x64Target(host: NativeHost): NativeTarget | string {
  const convention = host.platform === 'win32' ? 'windows' : 'systemV';
  const features = detectFeatures(host, convention);
  if (typeof features === 'string') return features;
  const usual = features.avx512 ? { ...AVX512_MACHINE, dotBytes: features.vnni } : AVX2_MACHINE;
  const machine: Machine = {
    ...usual,
    ...(features.level2 === undefined ? {} : { level2: features.level2 }),
  };
  const linux = host.platform === 'linux';
  return {
    name: features.avx512 ? 'x64 AVX-512' : 'x64 AVX2',
    machine,
    encode: (module) => encodeX64(module, { features, lanes: machine.lanes, linux }),
    trampoline: trampoline(convention),
  };
}
