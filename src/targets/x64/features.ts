/** What an x64 processor can do. */
import type { NativeHost } from '../native/native-code.js';
import { secondLevelCache } from './cache-size.js';

export interface X64Features {
  /** 512-bit vectors, masks and 32 vector registers: AVX-512 F, VL, BW and DQ. AVX2, FMA and BMI2 are always there. */
  readonly avx512: boolean;
  /** Dot products of bytes: AVX-512 VNNI. */
  readonly vnni: boolean;
  /** Bytes of the second-level cache, where the processor tells. */
  readonly level2?: number | undefined;
}

/** The calling conventions of C: Linux and macOS have one, Windows another. */
export type Convention = 'systemV' | 'windows';

/** `void cpuid(uint32_t words[4], uint32_t leaf, uint32_t subleaf)`: eax, ebx, ecx and edx. */
const cpuidCode = (convention: Convention): Uint8Array =>
  Uint8Array.from([
    0x53, // push rbx
    ...(convention === 'windows'
      ? [0x49, 0x89, 0xc9, 0x89, 0xd0, 0x44, 0x89, 0xc1] // mov r9, rcx; mov eax, edx; mov ecx, r8d
      : [0x49, 0x89, 0xf9, 0x89, 0xf0, 0x89, 0xd1]), // mov r9, rdi; mov eax, esi; mov ecx, edx
    ...[0x0f, 0xa2], // cpuid
    ...[0x41, 0x89, 0x01], // mov [r9], eax
    ...[0x41, 0x89, 0x59, 0x04], // mov [r9 + 4], ebx
    ...[0x41, 0x89, 0x49, 0x08], // mov [r9 + 8], ecx
    ...[0x41, 0x89, 0x51, 0x0c], // mov [r9 + 12], edx
    0x5b, // pop rbx
    0xc3, // ret
  ]);

/** `void state(uint32_t words[4])`: which registers the system saves. Only where CPUID says that it may be asked. */
const stateCode = (convention: Convention): Uint8Array =>
  Uint8Array.from([
    ...(convention === 'windows' ? [0x49, 0x89, 0xc9] : [0x49, 0x89, 0xf9]), // mov r9, rcx or rdi
    ...[0x31, 0xc9], // xor ecx, ecx
    ...[0x0f, 0x01, 0xd0], // xgetbv
    ...[0x41, 0x89, 0x01], // mov [r9], eax
    0xc3, // ret
  ]);

const has = (word: number | undefined, ...bits: number[]): boolean =>
  bits.every((bit) => (((word ?? 0) >>> bit) & 1) === 1);

/** What the processor has, or what it lacks. */
export function detectFeatures(host: NativeHost, convention: Convention): X64Features | string {
  const code = cpuidCode(convention);
  const cpuid = (leaf: number, subleaf: number): Uint32Array => host.ask(code, leaf, subleaf);
  const [highest = 0] = cpuid(0, 0);
  if (highest < 7) return 'the processor is too old for AVX2';
  const leaf1 = cpuid(1, 0)[2];
  const [, leaf7b, leaf7c] = cpuid(7, 0);
  // 27: the system lets programs ask what it saves.
  if (!has(leaf1, 12, 27, 28)) return 'the processor has no AVX or no FMA, or the system does not allow it';
  if (!has(leaf7b, 5, 8)) return 'the processor has no AVX2 or no BMI2';
  const state = host.ask(stateCode(convention), 0, 0)[0];
  if (!has(state, 1, 2)) return 'the system does not save 256-bit registers';
  // F, DQ, BW and VL; and the masks, the upper halves and the upper sixteen registers are saved.
  const avx512 = host.limit !== 'avx2' && has(leaf7b, 16, 17, 30, 31) && has(state, 5, 6, 7);
  return { avx512, vnni: avx512 && has(leaf7c, 11), level2: secondLevelCache(cpuid) };
}
