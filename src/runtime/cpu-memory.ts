import { allocateFrom, bytesPerElement, type DType, type TypedArray } from '../core/dtype.js';
import type { DeviceMemory } from './device.js';
import { Heap } from './heap.js';
import { ThreadPool } from './pool.js';
import { PreparedMemory } from './prepared-memory.js';
import { DeviceStorage, type HostStorage } from './storage.js';
import { onThreadsChanged, threadCount } from './threads.js';

/** Host values of this size that are used twice get a copy in the heap: uploading them at each run would cost more than the run. */
const KEEP_BYTES = 1 << 14;

/** One heap and the threads that work on it. The devices `native` and `wasm` share it, and thereby all values. */
export class CpuMemory implements DeviceMemory {
  readonly heap = new Heap();
  readonly prepared = new PreparedMemory(this.heap);
  private workers: ThreadPool | undefined;
  /** Temporaries, inputs that come from the host and scratch of whichever program runs: one at a time does. */
  private arena = 0;
  private arenaBytes = 0;
  /** Host values seen once, and the heap copies of those seen again. */
  private readonly copies = new WeakMap<HostStorage, DeviceStorage | 'seen'>();
  private readonly unreachable = new FinalizationRegistry<number>((address) => {
    this.heap.free(address);
  });

  constructor() {
    onThreadsChanged(() => {
      this.workers?.close();
      this.workers = undefined;
    });
  }

  /** The threads; made when first needed. */
  get pool(): ThreadPool {
    this.workers ??= new ThreadPool(this.heap.memory, threadCount());
    return this.workers;
  }

  allocate(dtype: DType, size: number): DeviceStorage {
    return new DeviceStorage(this, dtype, size, this.heap.allocate(size * bytesPerElement(dtype)));
  }

  free(storage: DeviceStorage): void {
    this.heap.free(storage.address);
  }

  read({ dtype, address, size }: DeviceStorage): TypedArray {
    return allocateFrom(dtype, this.heap.view(dtype, address, size));
  }

  write({ dtype, address, size }: DeviceStorage, data: TypedArray): void {
    this.heap.view(dtype, address, size).set(data);
  }

  /** The start of at least `bytes` bytes that no other program needs while this one runs. */
  reserve(bytes: number): number {
    if (bytes > this.arenaBytes) {
      if (this.arenaBytes > 0) this.heap.free(this.arena);
      this.arenaBytes = 0;
      this.arena = this.heap.allocate(bytes);
      this.arenaBytes = bytes;
    }
    return this.arena;
  }

  /** Where the heap holds a value that has been used before; undefined for one that is seen for the first time. */
  kept(value: HostStorage): DeviceStorage | undefined {
    if (value.size * bytesPerElement(value.dtype) < KEEP_BYTES) return undefined;
    const known = this.copies.get(value);
    if (known === undefined) {
      this.copies.set(value, 'seen');
      return undefined;
    }
    if (known !== 'seen') return known;
    const copy = this.allocate(value.dtype, value.size);
    this.write(copy, value.data);
    this.copies.set(value, copy);
    this.unreachable.register(value, copy.address);
    return copy;
  }
}
