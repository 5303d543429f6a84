import type { Koffi, Library, NativeFunction } from './koffi.mjs';

type Flush = (address: number, bytes: number) => void;

/**
 * Makes code that was written as data visible to instruction fetch, or says why it cannot. x64 does so by itself; arm64, which is untested,
 * must be told.
 */
export function instructionCacheFlush(
  koffi: Koffi,
  platform: 'linux' | 'darwin',
  arch: string,
): Flush | string {
  if (arch === 'x64') return () => undefined;
  if (platform === 'darwin') {
    const invalidate = koffi.load(null).func('sys_icache_invalidate', 'void', ['uintptr_t', 'size_t']);
    return (address, bytes) => void invalidate(address, bytes);
  }
  // Part of the compiler's own library, which Node has linked in and may or may not show.
  const clear = firstFound([() => koffi.load(null), () => koffi.load('libgcc_s.so.1')], (library) =>
    library.func('__clear_cache', 'void', ['uintptr_t', 'uintptr_t']),
  );
  if (clear === undefined) return 'the instruction cache cannot be flushed (libgcc_s.so.1 is missing)';
  return (address, bytes) => void clear(address, address + bytes);
}

function firstFound(
  libraries: readonly (() => Library)[],
  find: (library: Library) => NativeFunction,
): NativeFunction | undefined {
  for (const library of libraries) {
    try {
      return find(library());
    } catch {
      // The next one may have it.
    }
  }
  return undefined;
}
