/** Memory in which machine code that leaves its buffers ends the process, rather than reading or writing what belongs to others. */
import type { NativeMachine } from '../../src/runtime/native/native-machine.js';
import type { NativeCode } from '../../src/targets/native/native-code.js';

const PROT_NONE = 0;
/** The byte that lies at `offset` in the region: numbers of any size, each different, so that results computed from them show, and copies too. */
const filler = (offset: number): number => (Math.imul(offset + 1, 0x9e3779b1) >>> 17) & 0xff;

export interface GuardedOptions {
  /** Which end of each buffer meets the inaccessible page. */
  readonly side?: 'end' | 'start';
  /** So many bytes beyond that end may still be read: 0 unless told. */
  readonly readable?: number;
  /** Buffers begin at multiples of this: 4 unless told. With more, up to `align` − 1 bytes behind the end become accessible. */
  readonly align?: number;
}

interface Place {
  /** From the beginning of the region. */
  readonly address: number;
  readonly bytes: number;
  /** The accessible pages around it. */
  readonly pages: number;
  readonly pageBytes: number;
}

/**
 * A private region of memory with one buffer in each of several places, apart from each other by inaccessible pages. The region takes the part of the
 * heap: addresses are counted from its beginning. POSIX only.
 *
 * A fault cannot be caught: it ends the process with SIGSEGV, and vitest reports that the test file's process has ended.
 *
 * @example
 * ```ts
 * const guarded = new GuardedMemory(machine, [table.byteLength, x.byteLength]);
 * guarded.write(1, x);
 * guarded.call(code, 'run', 0, 1, guarded.address(0));
 * guarded.read(1, result);
 * guarded.expectIntact();
 * guarded.free();
 * ```
 */
export class GuardedMemory {
  private readonly machine: NativeMachine;
  private readonly places: readonly Place[];
  private readonly region: number;
  private readonly regionBytes: number;
  private readonly pages: NativeMachine['code']['pages'];
  private readonly copyOut: (to: Uint8Array, from: number, bytes: number) => unknown;

  constructor(machine: NativeMachine, sizes: readonly number[], options: GuardedOptions = {}) {
    const { side = 'end', readable = 0, align = 4 } = options;
    this.machine = machine;
    this.pages = machine.code.pages;
    const page = this.pages.pageBytes;
    let end = page;
    this.places = sizes.map((bytes) => {
      const pageBytes = Math.max(1, Math.ceil((bytes + readable + align - 1) / page)) * page;
      const pages = end;
      end += pageBytes + page;
      const free = pageBytes - bytes - readable;
      const offset = side === 'end' ? Math.floor(free / align) * align : Math.ceil(readable / align) * align;
      return { address: pages + offset, bytes, pages, pageBytes };
    });
    this.regionBytes = end;
    const region = this.pages.map(end);
    if (region === undefined) throw new Error(`no ${end} bytes of memory`);
    this.region = region;
    this.pages.write(
      region,
      new Uint8Array(end).map((_, offset) => filler(offset)),
    );
    const library = machine.koffi.load(null);
    const protect = library.func('mprotect', 'int', ['uintptr_t', 'size_t', 'int']);
    for (const guard of [0, ...this.places.map(({ pages, pageBytes }) => pages + pageBytes)]) {
      if (protect(region + guard, page, PROT_NONE) !== 0) throw new Error('pages cannot be protected');
    }
    this.copyOut = library.func('memcpy', 'void', ['void *', 'uintptr_t', 'size_t']);
  }

  /** Where buffer `index` begins, as generated code takes it. */
  address(index: number): number {
    return this.place(index).address;
  }

  write(index: number, data: ArrayBufferView): void {
    const { address, bytes } = this.place(index);
    if (data.byteLength > bytes) throw new RangeError(`${data.byteLength} bytes for a buffer of ${bytes}`);
    this.pages.write(this.region + address, bytesOf(data));
  }

  /** Fills `target`, and gives it back. */
  read<T extends ArrayBufferView>(index: number, target: T): T {
    const { address, bytes } = this.place(index);
    if (target.byteLength > bytes) throw new RangeError(`${target.byteLength} bytes of a buffer of ${bytes}`);
    this.copyOut(bytesOf(target), this.region + address, target.byteLength);
    return target;
  }

  /** Runs an exported function in this thread, with the region as its heap. */
  call(code: NativeCode, name: string, a = 0, b = 0, c = 0, d = 0): void {
    const offset = code.entries.get(name);
    if (offset === undefined) throw new Error(`no function ${name}`);
    const placed = this.machine.code.place(code.bytes);
    try {
      this.machine.enter(placed.address + offset, this.region, a, b, c, d);
    } finally {
      placed.free();
    }
  }

  /** Throws if anything outside the buffers was written that could be. */
  expectIntact(): void {
    this.places.forEach(({ address, bytes, pages, pageBytes }, index) => {
      const content = new Uint8Array(pageBytes);
      this.copyOut(content, this.region + pages, pageBytes);
      content.forEach((byte, i) => {
        const offset = pages + i - address;
        if ((offset < 0 || offset >= bytes) && byte !== filler(pages + i))
          throw new Error(
            `buffer ${index} of ${bytes} bytes: something was written ${offset} bytes from its start`,
          );
      });
    });
  }

  free(): void {
    this.pages.unmap(this.region, this.regionBytes);
  }

  private place(index: number): Place {
    const place = this.places[index];
    if (place === undefined) throw new RangeError(`no buffer ${index}`);
    return place;
  }
}

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
