import type { Koffi } from './koffi.mjs';
import type { Pages } from './pages.js';

const MEM_COMMIT_AND_RESERVE = 0x3000;
const MEM_RELEASE = 0x8000;
const PAGE_READWRITE = 4;
const PAGE_EXECUTE_READ = 0x20;
/** What GetCurrentProcess gives. */
const THIS_PROCESS = -1;

/** `VirtualAlloc` and its relatives. Untested: written from Microsoft's documentation. */
export function windowsPages(koffi: Koffi): Pages {
  const library = koffi.load('kernel32.dll');
  const alloc = library.func('VirtualAlloc', 'uintptr_t', ['uintptr_t', 'size_t', 'uint32', 'uint32']);
  const protect = library.func('VirtualProtect', 'int', ['uintptr_t', 'size_t', 'uint32', 'void *']);
  const free = library.func('VirtualFree', 'int', ['uintptr_t', 'size_t', 'uint32']);
  const flush = library.func('FlushInstructionCache', 'int', ['intptr_t', 'uintptr_t', 'size_t']);
  const move = library.func('RtlMoveMemory', 'void', ['uintptr_t', 'const void *', 'size_t']);
  return {
    // Of x64 and arm64 alike.
    pageBytes: 4096,
    map(bytes) {
      const address = alloc(0, bytes, MEM_COMMIT_AND_RESERVE, PAGE_READWRITE);
      return typeof address === 'number' && address !== 0 ? address : undefined;
    },
    write: (address, data) => void move(address, data, data.length),
    seal(address, bytes) {
      const before = new Uint32Array(1);
      if (protect(address, bytes, PAGE_EXECUTE_READ, before) === 0) return false;
      return flush(THIS_PROCESS, address, bytes) !== 0;
    },
    unmap: (address) => void free(address, 0, MEM_RELEASE),
  };
}
