import { viewBytes, type DType, type TypedArray } from '../core/dtype.js';
import { ArgumentError, DeviceError, InternalError } from '../core/errors.js';

/** WebAssembly's unit of growth. */
const PAGE_BYTES = 65536;

/** 2 GiB: generated loops compare addresses as signed 32-bit integers. */
const MAXIMUM_PAGES = 32768;

/** Addresses are multiples of a cache line, which is also the widest vector. */
const UNIT_BYTES = 64;

/**
 * 1 KiB before the first block and behind the last one belong to nobody: vector loads may begin before a value or end behind it, by several
 * vectors of 16 lanes where a loop is unrolled. Between blocks they read what is their neighbours', and use none of it.
 */
const MARGIN_UNITS = 16;

/** The memory grows by an eighth of itself, and by this much at the least. */
const SMALLEST_STEP_PAGES = 256;

/** A run of units, free or in use. Neighbours in memory are `before` and `after`; free blocks of one bin form a list. */
interface Block {
  start: number;
  units: number;
  free: boolean;
  before: Block | undefined;
  after: Block | undefined;
  previous: Block | undefined;
  next: Block | undefined;
}

/** Each power of two is divided into this many bins. */
const BINS_PER_DOUBLING = 8;
const BIN_COUNT = BINS_PER_DOUBLING * 25;
const BIN_WORDS = Math.ceil(BIN_COUNT / 32);

/** Blocks of a bin that differ in size are tried in turn, but not more than these. */
const TRIES_PER_BIN = 16;

/** The bin that holds blocks of `units`: exact up to 8 units, then by the four leading bits. */
function binOf(units: number): number {
  if (units < BINS_PER_DOUBLING) return units;
  const exponent = 31 - Math.clz32(units);
  return (exponent - 2) * BINS_PER_DOUBLING + ((units >>> (exponent - 3)) & (BINS_PER_DOUBLING - 1));
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export interface HeapOptions {
  /** The memory is never larger than this many pages of 64 KiB; 32768 (2 GiB) unless said otherwise, and at most. */
  readonly maximumPages?: number;
  /** Whether threads may share the memory; by default, if the host lets them. */
  readonly shared?: boolean;
}

/**
 * One WebAssembly memory and who uses which part of it. All CPU targets keep their values here.
 *
 * Free blocks lie in lists by size (two-level segregated fit: M. Masmano et al., "TLSF: a new dynamic memory allocator
 * for real-time systems", ECRTS 2004), so that allocating and freeing take constant time, and free neighbours are merged at
 * once. The book-keeping is in JavaScript objects: a stray write of a kernel cannot damage it.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  /** Whether threads may share the memory. */
  readonly shared: boolean;
  /** What the memory may grow to. */
  readonly maximumBytes: number;

  private unitsInUse = 0;
  private unitsManaged = 0;
  private freeBlockCount = 0;
  private last: Block | undefined;
  private readonly used = new Map<number, Block>();
  private readonly bins: (Block | undefined)[] = new Array<undefined>(BIN_COUNT).fill(undefined);
  /** One bit for each bin that is not empty. */
  private readonly occupied = new Uint32Array(BIN_WORDS);
  private currentBuffer: ArrayBufferLike;

  constructor(options: HeapOptions = {}) {
    this.shared = options.shared ?? canShareMemory();
    const { memory, maximumPages } = createMemory(options.maximumPages ?? MAXIMUM_PAGES, this.shared);
    this.memory = memory;
    this.maximumBytes = maximumPages * PAGE_BYTES;
    this.currentBuffer = memory.buffer;
    this.manageNewUnits();
  }

  /** Bytes handed out and not freed yet, rounded up to whole units of 64. */
  get bytesInUse(): number {
    return this.unitsInUse * UNIT_BYTES;
  }

  /** Bytes of the memory, used or not. It never shrinks. */
  get bytesReserved(): number {
    return this.currentBuffer.byteLength;
  }

  /** In how many pieces the free memory lies: a measure of fragmentation. */
  get freeBlocks(): number {
    return this.freeBlockCount;
  }

  /** The bytes of the memory. Growing replaces this buffer, so keep it no longer than until the next allocation. */
  get buffer(): ArrayBufferLike {
    return this.currentBuffer;
  }

  /**
   * The address of `bytes` fresh bytes: a multiple of 64 and never 0, with at least 1 KiB readable before and behind. What they
   * hold is undefined. Throws a DeviceError when the memory cannot grow far enough.
   */
  allocate(bytes: number): number {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new InternalError(`allocation of ${bytes} bytes`);
    const units = Math.max(1, Math.ceil(bytes / UNIT_BYTES));
    const block = this.find(units) ?? this.grow(units);
    this.removeFree(block);
    if (block.units > units) this.insertFree(this.split(block, units));
    block.free = false;
    this.used.set(block.start, block);
    this.unitsInUse += units;
    return block.start * UNIT_BYTES;
  }

  /** Gives back what `allocate` handed out at `address`. */
  free(address: number): void {
    let block = this.used.get(address / UNIT_BYTES);
    if (block === undefined) {
      throw new InternalError(`address ${address} is freed, which is not in use (freed twice?)`);
    }
    this.used.delete(block.start);
    this.unitsInUse -= block.units;
    const { before, after } = block;
    if (after?.free === true) {
      this.removeFree(after);
      this.absorbNext(block, after);
    }
    if (before?.free === true) {
      this.removeFree(before);
      this.absorbNext(before, block);
      block = before;
    }
    this.insertFree(block);
  }

  /** `length` elements at `address`, without a copy; valid until the next allocation. */
  view(dtype: DType, address: number, length: number): TypedArray {
    return viewBytes(dtype, this.currentBuffer, address, length);
  }

  /** A free block of at least `units`. */
  private find(units: number): Block | undefined {
    if (units > this.unitsManaged) return undefined;
    const bin = binOf(units);
    return (
      this.search(bin, units, TRIES_PER_BIN) ?? this.firstOfLarger(bin) ?? this.search(bin, units, Infinity)
    );
  }

  /** The first block of `bin` that is large enough, among the first `tries`. */
  private search(bin: number, units: number, tries: number): Block | undefined {
    let block = this.bins[bin];
    for (let n = 0; block !== undefined && n < tries; n++, block = block.next) {
      if (block.units >= units) return block;
    }
    return undefined;
  }

  /** A block from the smallest bin above `bin` that has one. */
  private firstOfLarger(bin: number): Block | undefined {
    let word = (bin + 1) >>> 5;
    // Shift counts are taken modulo 32.
    let bits = (this.occupied[word] ?? 0) & (-1 << (bin + 1));
    while (bits === 0) {
      if (++word >= BIN_WORDS) return undefined;
      bits = this.occupied[word] ?? 0;
    }
    return this.bins[word * 32 + 31 - Math.clz32(bits & -bits)];
  }

  /** Enlarges the memory until its last block is free and has `units`. */
  private grow(units: number): Block {
    const atTheEnd = this.last?.free === true ? this.last.units : 0;
    const pages = Math.ceil(((units - atTheEnd) * UNIT_BYTES) / PAGE_BYTES);
    const present = this.currentBuffer.byteLength / PAGE_BYTES;
    const available = this.maximumBytes / PAGE_BYTES - present;
    const generous = Math.max(pages, SMALLEST_STEP_PAGES, present >>> 3);
    if (pages > available || !(this.growBy(Math.min(generous, available)) || this.growBy(pages))) {
      throw new DeviceError(
        `out of memory: ${megabytes(units * UNIT_BYTES)} were asked for, ${megabytes(this.bytesInUse)} are in use, ` +
          (pages > available
            ? `and the memory is limited to ${megabytes(this.maximumBytes)}`
            : `and the system refuses to enlarge the memory of ${megabytes(this.bytesReserved)}`),
        'use smaller batches, checkpoint() parts of the model so that they keep no activations, or drop tensors no longer needed',
      );
    }
    this.manageNewUnits();
    const block = this.last;
    if (block?.free !== true || block.units < units) throw new InternalError('the heap grew by too little');
    return block;
  }

  private growBy(pages: number): boolean {
    try {
      this.memory.grow(pages);
    } catch {
      return false;
    }
    this.currentBuffer = this.memory.buffer;
    return true;
  }

  /** Makes a free block of what the memory has grown by. */
  private manageNewUnits(): void {
    const end = this.currentBuffer.byteLength / UNIT_BYTES - MARGIN_UNITS;
    const start = this.last === undefined ? MARGIN_UNITS : this.last.start + this.last.units;
    let block: Block = {
      start,
      units: end - start,
      free: true,
      before: this.last,
      after: undefined,
      previous: undefined,
      next: undefined,
    };
    this.unitsManaged = end - MARGIN_UNITS;
    const { last } = this;
    if (last !== undefined) last.after = block;
    this.last = block;
    if (last?.free === true) {
      this.removeFree(last);
      this.absorbNext(last, block);
      block = last;
    }
    this.insertFree(block);
  }

  /** Cuts `block` after `units`; gives the rest. */
  private split(block: Block, units: number): Block {
    const rest: Block = {
      start: block.start + units,
      units: block.units - units,
      free: true,
      before: block,
      after: block.after,
      previous: undefined,
      next: undefined,
    };
    if (block.after === undefined) this.last = rest;
    else block.after.before = rest;
    block.after = rest;
    block.units = units;
    return rest;
  }

  /** Makes `block` and its neighbour `next` one. */
  private absorbNext(block: Block, next: Block): void {
    block.units += next.units;
    block.after = next.after;
    if (next.after === undefined) this.last = block;
    else next.after.before = block;
  }

  /** Puts a block at the front of its bin: what was freed last is most likely still in the cache. */
  private insertFree(block: Block): void {
    const bin = binOf(block.units);
    const head = this.bins[bin];
    block.free = true;
    block.previous = undefined;
    block.next = head;
    if (head !== undefined) head.previous = block;
    this.bins[bin] = block;
    this.occupied[bin >>> 5] = (this.occupied[bin >>> 5] ?? 0) | (1 << bin);
    this.freeBlockCount++;
  }

  private removeFree(block: Block): void {
    const { previous, next } = block;
    if (next !== undefined) next.previous = previous;
    if (previous !== undefined) {
      previous.next = next;
    } else {
      const bin = binOf(block.units);
      this.bins[bin] = next;
      if (next === undefined) this.occupied[bin >>> 5] = (this.occupied[bin >>> 5] ?? 0) & ~(1 << bin);
    }
    block.previous = undefined;
    block.next = undefined;
    this.freeBlockCount--;
  }
}

/** Browsers allow shared memory on cross-origin isolated pages only. */
function canShareMemory(): boolean {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return typeof SharedArrayBuffer !== 'undefined' && crossOriginIsolated !== false;
}

/** The memory with the largest maximum that the machine lets reserve. */
function createMemory(wanted: number, shared: boolean): { memory: WebAssembly.Memory; maximumPages: number } {
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MAXIMUM_PAGES) {
    throw new ArgumentError(
      `a heap of at most ${wanted} pages`,
      `pages of 64 KiB are counted from 1 to ${MAXIMUM_PAGES}`,
    );
  }
  let refusal: unknown;
  for (let maximum = wanted; maximum >= 1; maximum = Math.floor(maximum / 2)) {
    const initial = Math.min(SMALLEST_STEP_PAGES, maximum);
    try {
      return { memory: new WebAssembly.Memory({ initial, maximum, shared }), maximumPages: maximum };
    } catch (error) {
      refusal = error;
    }
  }
  throw new DeviceError(
    `the system refuses to reserve memory: ${String(refusal)}`,
    'raise the limit on address space of this process (ulimit -v)',
    { cause: refusal },
  );
}
