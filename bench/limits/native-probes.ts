/** The loops of machine-code.ts where worker threads can call them. */
import { readFileSync } from 'node:fs';
import { CodeMemory } from '../../src/runtime/native/code-memory.js';
import { loadKoffi } from '../../src/runtime/native/koffi.mjs';
import { systemPages } from '../../src/runtime/native/pages.js';
import { COPY_256, FMA_256, FMA_512 } from './machine-code.js';

export interface NativeProbes {
  readonly vectors: 'AVX-512' | 'AVX2';
  /** Lanes of a vector of float32. */
  readonly lanes: number;
  /** Where koffi is. */
  readonly koffi: string;
  /** Addresses of the code. */
  readonly fma: number;
  readonly copy: number;
}

/** The widest vectors that the processor has and that `TENSORLOOM_CPU` allows, if there are any that we have code for. */
function widestVectors(): NativeProbes['vectors'] | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? [];
  if (!flags.includes('fma')) return undefined;
  return flags.includes('avx512f') && process.env.TENSORLOOM_CPU !== 'avx2' ? 'AVX-512' : 'AVX2';
}

/** The code in executable memory, or why there is none. */
export function nativeProbes(): NativeProbes | string {
  const vectors = widestVectors();
  if (vectors === undefined) return 'it is measured by machine code for Linux on x64 with FMA';
  try {
    const { koffi, path } = loadKoffi();
    const pages = systemPages(koffi, process.platform, process.arch);
    if (typeof pages === 'string') return pages;
    const code = new CodeMemory(pages);
    return {
      vectors,
      lanes: vectors === 'AVX-512' ? 16 : 8,
      koffi: path,
      fma: code.place(vectors === 'AVX-512' ? FMA_512 : FMA_256).address,
      copy: code.place(COPY_256).address,
    };
  } catch (error) {
    return String(error).split('\n')[0] ?? '';
  }
}
