import { instructionCacheFlush } from './instruction-cache.js';
import type { Koffi } from './koffi.mjs';
import type { Pages } from './pages.js';

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE = 2;
const MAP_ANON = { linux: 0x20, darwin: 0x1000 } as const;

/**
 * `mmap` and its relatives. Tested on Linux x64 only. On macOS, which is untested, no MAP_JIT is asked for: that is for memory which is writable
 * and executable in turns, thread by thread; memory that becomes executable once passes with the entitlement
 * `com.apple.security.cs.allow-unsigned-executable-memory`, which the official builds of Node have.
 */
export function posixPages(koffi: Koffi, platform: 'linux' | 'darwin', arch: string): Pages | string {
  const flush = instructionCacheFlush(koffi, platform, arch);
  if (typeof flush === 'string') return flush;
  const library = koffi.load(null);
  const mmap = library.func('mmap', 'uintptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'intptr_t']);
  const mprotect = library.func('mprotect', 'int', ['uintptr_t', 'size_t', 'int']);
  const munmap = library.func('munmap', 'int', ['uintptr_t', 'size_t']);
  const memcpy = library.func('memcpy', 'uintptr_t', ['uintptr_t', 'const void *', 'size_t']);
  return {
    pageBytes: library.func('getpagesize', 'int', [])() as number,
    map(bytes) {
      const address = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON[platform], -1, 0);
      // MAP_FAILED is 2^64 - 1, which arrives as a BigInt.
      return typeof address === 'number' ? address : undefined;
    },
    write: (address, data) => void memcpy(address, data, data.length),
    seal(address, bytes) {
      if (mprotect(address, bytes, PROT_READ | PROT_EXEC) !== 0) return false;
      flush(address, bytes);
      return true;
    },
    unmap: (address, bytes) => void munmap(address, bytes),
  };
}
