import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DTYPES } from '../../src/core/dtype.js';
import { ArgumentError, DeviceError, InternalError } from '../../src/core/errors.js';
import { Heap } from '../../src/runtime/heap.js';

const PAGE = 65536;
/** What belongs to nobody, before and behind all blocks together. */
const MARGINS = 2048;
const INITIAL = 256 * PAGE;

/** A small generator (mulberry32), so that long runs can be repeated. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What a heap has handed out, checked for overlaps at each step. */
class Model {
  readonly blocks: { address: number; bytes: number }[] = [];

  add(heap: Heap, bytes: number): void {
    const address = heap.allocate(bytes);
    expect(address % 64).toBe(0);
    expect(address).toBeGreaterThan(0);
    expect(address + bytes + MARGINS / 2).toBeLessThanOrEqual(heap.bytesReserved);
    for (const other of this.blocks) {
      const apart =
        address + Math.max(bytes, 1) <= other.address || other.address + Math.max(other.bytes, 1) <= address;
      if (!apart) expect.fail(`${bytes} bytes at ${address} overlap ${other.bytes} at ${other.address}`);
    }
    this.blocks.push({ address, bytes });
  }

  remove(heap: Heap, which: number): void {
    const [block] = this.blocks.splice(which % this.blocks.length, 1);
    if (block !== undefined) heap.free(block.address);
  }

  get bytesInUse(): number {
    return this.blocks.reduce((total, { bytes }) => total + Math.max(64, Math.ceil(bytes / 64) * 64), 0);
  }
}

describe('a heap', () => {
  test('hands out addresses that are multiples of 64 and not 0, even for nothing', () => {
    const heap = new Heap();
    const addresses = [0, 0, 1, 63, 64, 65, 1000].map((bytes) => heap.allocate(bytes));
    for (const address of addresses) expect(address % 64).toBe(0);
    expect(addresses).not.toContain(0);
    expect(new Set(addresses).size).toBe(addresses.length);
  });

  test('keeps 1 KiB readable before the first block and behind the last', () => {
    const heap = new Heap({ maximumPages: 1 });
    expect(heap.allocate(PAGE - MARGINS)).toBe(MARGINS / 2);
    expect(() => heap.allocate(1)).toThrow(DeviceError);
  });

  test('uses freed memory again before it grows', () => {
    const heap = new Heap();
    const first = heap.allocate(10_000_000);
    heap.free(first);
    for (let i = 0; i < 100; i++) heap.free(heap.allocate(10_000_000 + i));
    expect(heap.bytesReserved).toBe(INITIAL);
  });

  test('takes the block of just the right size although larger ones are free', () => {
    const heap = new Heap();
    const blocks = [6400, 640, 3200, 640].map((bytes) => heap.allocate(bytes));
    heap.free(blocks[0] ?? 0);
    heap.free(blocks[2] ?? 0);
    expect(heap.allocate(3200)).toBe(blocks[2]);
    expect(heap.allocate(6400)).toBe(blocks[0]);
  });

  test('merges neighbours in whatever order they are freed', () => {
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const heap = new Heap();
      const blocks = [100, 200, 300].map((bytes) => heap.allocate(bytes));
      for (const which of order) heap.free(blocks[which] ?? 0);
      expect(heap.freeBlocks).toBe(1);
    }
  });

  test('counts what is in use', () => {
    const heap = new Heap();
    expect(heap.bytesInUse).toBe(0);
    const a = heap.allocate(100);
    const b = heap.allocate(0);
    expect(heap.bytesInUse).toBe(128 + 64);
    heap.free(a);
    heap.free(b);
    expect(heap.bytesInUse).toBe(0);
  });

  test('agrees with a model on any sequence of requests', () => {
    const step = fc.oneof(
      fc.record({ allocate: fc.oneof(fc.nat(300), fc.nat(100_000), fc.nat(3_000_000)) }),
      fc.record({ free: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const heap = new Heap({ maximumPages: 8192 });
        const model = new Model();
        for (const each of steps) {
          if ('allocate' in each) model.add(heap, each.allocate);
          else if (model.blocks.length > 0) model.remove(heap, each.free);
          expect(heap.bytesInUse).toBe(model.bytesInUse);
        }
        while (model.blocks.length > 0) model.remove(heap, 0);
        expect(heap.freeBlocks).toBe(1);
      }),
      { numRuns: 60 },
    );
  });

  test('is one free block again after 10,000 blocks came and went', () => {
    const heap = new Heap();
    const random = randomNumbers(7);
    const live: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      live.push(heap.allocate(Math.floor(2 ** (random() * 20))));
      if (random() < 0.6) heap.free(live.splice(Math.floor(random() * live.length), 1)[0] ?? 0);
    }
    expect(heap.freeBlocks).toBeGreaterThan(1);
    for (const address of live) heap.free(address);
    expect(heap.freeBlocks).toBe(1);
    expect(heap.bytesInUse).toBe(0);
    // And all of it can be had in one piece.
    const before = heap.bytesReserved;
    heap.allocate(before - MARGINS);
    expect(heap.bytesReserved).toBe(before);
  });

  test('finds a block that only just fits, behind many in its bin that do not', () => {
    const heap = new Heap({ maximumPages: 256 });
    const unit = 64;
    // 1025 to 1151 units share a bin. The one that fits is freed first, so that it is the last in the list.
    const sizes = [1100, ...Array.from({ length: 40 }, () => 1030)];
    const blocks = sizes.map((units) => {
      const address = heap.allocate(units * unit);
      heap.allocate(1);
      return address;
    });
    const rest = (heap.bytesReserved - MARGINS - heap.bytesInUse) / unit;
    heap.allocate(rest * unit);
    for (const address of blocks) heap.free(address);
    expect(heap.allocate(1100 * unit)).toBe(blocks[0]);
  });
});

describe('growing', () => {
  test('happens when needed and keeps what is stored', () => {
    const heap = new Heap();
    const address = heap.allocate(4000);
    heap.view('float32', address, 1000).fill(1.5);
    const large = heap.allocate(100_000_000);
    expect(heap.bytesReserved).toBeGreaterThan(100_000_000);
    heap.view('uint8', large, 100_000_000)[99_999_999] = 7;
    expect(heap.view('uint8', large, 100_000_000)[99_999_999]).toBe(7);
    expect(heap.view('float32', address, 1000).every((x) => x === 1.5)).toBe(true);
  });

  test('uses the free end of the memory', () => {
    const heap = new Heap({ maximumPages: 512 });
    // Fits only if the 16 MiB of the beginning count.
    heap.allocate(512 * PAGE - MARGINS);
    expect(heap.bytesReserved).toBe(512 * PAGE);
  });

  test('beyond the maximum is an error that says how much was wanted, used and possible', () => {
    const heap = new Heap({ maximumPages: 1024 });
    heap.allocate(8 * 2 ** 20);
    expect(() => heap.allocate(60 * 2 ** 20)).toThrow(
      /out of memory: 60\.0 MiB were asked for, 8\.0 MiB are in use.*limited to 64\.0 MiB\n {2}hint: use smaller batches/s,
    );
    // The heap is still good.
    expect(heap.allocate(50 * 2 ** 20)).toBeGreaterThan(0);
  });

  test('reaches addresses above 2 GiB', () => {
    const heap = new Heap();
    if (heap.maximumBytes < 2 ** 32) return;
    heap.allocate(2 ** 31 + 2 ** 30);
    const address = heap.allocate(400);
    expect(address).toBeGreaterThan(2 ** 31);
    heap.view('float32', address, 100).fill(2);
    expect(heap.view('float32', address, 100)[99]).toBe(2);
  });

  test('refused by the system is an error that says so', () => {
    const heap = new Heap();
    heap.memory.grow = () => {
      throw new RangeError('no');
    };
    expect(() => heap.allocate(INITIAL)).toThrow(/the system refuses to enlarge the memory of 16\.0 MiB/);
  });

  test('of a memory that is not shared works as well', () => {
    const heap = new Heap({ shared: false });
    expect(heap.memory.buffer).toBeInstanceOf(ArrayBuffer);
    const address = heap.allocate(400);
    heap.view('int32', address, 100).fill(-3);
    heap.allocate(INITIAL);
    expect(heap.view('int32', address, 100)[99]).toBe(-3);
  });
});

describe('views', () => {
  test.each(DTYPES)('of %s lie at their address', (dtype) => {
    const heap = new Heap();
    heap.allocate(64);
    const view = heap.view(dtype, heap.allocate(1000), 10);
    view[3] = 1;
    expect(view.length).toBe(10);
    expect(view.buffer).toBe(heap.memory.buffer);
    expect(heap.view(dtype, view.byteOffset, 10)[3]).toBe(1);
  });

  test('are over shared memory, so that threads see them', () => {
    expect(new Heap().memory.buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});

describe('mistakes', () => {
  test('freeing twice is an internal error', () => {
    const heap = new Heap();
    const address = heap.allocate(10);
    heap.free(address);
    expect(() => heap.free(address)).toThrow(InternalError);
    expect(heap.bytesInUse).toBe(0);
  });

  test.each([0, 64, 100, -64, NaN])(
    'freeing %s, which was never handed out, is an internal error',
    (address) => {
      const heap = new Heap();
      expect(() => heap.free(address)).toThrow(InternalError);
    },
  );

  test.each([-1, 1.5, NaN, Infinity])('allocating %s bytes is an internal error', (bytes) => {
    expect(() => new Heap().allocate(bytes)).toThrow(InternalError);
  });

  test.each([0, -1, 65537, 0.5])('a maximum of %s pages is refused', (maximumPages) => {
    expect(() => new Heap({ maximumPages })).toThrow(ArgumentError);
  });
});
