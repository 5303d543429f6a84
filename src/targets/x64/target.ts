/** x64 processors as a target. */
import type { NativeHost, NativeTarget } from '../native/native-code.js';
import { encodeX64 } from './encode.js';
import { detectFeatures } from './features.js';
import { trampoline } from './trampoline.js';

/** The target for the processor, or why there is none. */
export function x64Target(host: NativeHost): NativeTarget | string {
  const convention = host.platform === 'win32' ? 'windows' : 'systemV';
  const features = detectFeatures(host, convention);
  if (typeof features === 'string') return features;
  const lanes = features.avx512 ? 16 : 8;
  const linux = host.platform === 'linux';
  return {
    name: features.avx512 ? 'x64 AVX-512' : 'x64 AVX2',
    lanes,
    encode: (module) => encodeX64(module, { features, lanes, linux }),
    trampoline: trampoline(convention),
  };
}
