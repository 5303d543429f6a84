import { bytesPerElement, computeDType, type DType, type TypedArray } from '../core/dtype.js';
import { DeviceError, InternalError } from '../core/errors.js';
import { compileGraph } from '../compiler/program.js';
import type { Kernel, KernelProgram } from '../compiler/kernel.js';
import { lowerProgram, type ProgramCode } from '../targets/cpu/program.js';
import { encodeModule } from '../targets/wasm/encode.js';
import { wasmFeatures } from '../targets/wasm/features.js';
import { wasmImports } from '../targets/wasm/host-functions.mjs';
import type { Device, Program, ProgramGraph } from './device.js';
import { Heap } from './heap.js';
import { ThreadPool, type LoadedProgram } from './pool.js';
import { copyOf, DeviceStorage, HostStorage, type AnyStorage } from './storage.js';
import { onThreadsChanged, threadCount } from './threads.js';

/** Lanes of a 128-bit vector of float32. */
const LANES = 4;
/** Host values of this size that are used twice get a copy in the heap: uploading them at each run would cost more than the run. */
const KEEP_BYTES = 1 << 14;

/** A program's own view of what was compiled, for `inspect`. */
export interface CompiledWasm {
  readonly kernels: KernelProgram;
  readonly code: ProgramCode;
  readonly bytes: Uint8Array;
}

/** WebAssembly with 128-bit vectors, on a pool of threads over one heap. */
export class WasmDevice implements Device {
  readonly name = 'wasm';
  readonly heap: Heap;
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
    if (!wasmFeatures().simd) {
      throw new DeviceError(
        'this host has no WebAssembly SIMD',
        "use a newer version of Node or of the browser, or device 'reference'",
      );
    }
    this.heap = new Heap();
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

  compile(graph: ProgramGraph): WasmProgram {
    return new WasmProgram(this, graph);
  }

  allocate(dtype: DType, size: number): DeviceStorage {
    return new DeviceStorage(this, dtype, size, this.heap.allocate(size * bytesPerElement(dtype)));
  }

  free(storage: DeviceStorage): void {
    this.heap.free(storage.address);
  }

  read({ dtype, address, size }: DeviceStorage): TypedArray {
    return copyOf(dtype, this.heap.view(dtype, address, size));
  }

  write({ dtype, address, size }: DeviceStorage, data: TypedArray): void {
    this.heap.view(dtype, address, size).set(data);
  }

  /** The start of at least `bytes` bytes that no other program needs while this one runs. */
  reserve(bytes: number): number {
    if (bytes > this.arenaBytes) {
      if (this.arenaBytes > 0) this.heap.free(this.arena);
      this.arenaBytes = bytes;
      this.arena = this.heap.allocate(bytes);
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

/** A compiled graph in WebAssembly. */
export class WasmProgram implements Program {
  readonly compiled: CompiledWasm;
  private readonly device: WasmDevice;
  private readonly module: WebAssembly.Module;
  private readonly table: number;
  /** Byte offsets, in the arena, of inputs that come from the host; then of the scratch memory; then the end. */
  private readonly inputOffsets: readonly number[];
  private readonly scratchOffset: number;
  private loaded: { pool: ThreadPool; program: LoadedProgram } | undefined;

  constructor(device: WasmDevice, graph: ProgramGraph) {
    this.device = device;
    const kernels = compileGraph(graph);
    const code = lowerProgram(kernels, LANES);
    const bytes = encodeModule(code.module, {
      relaxedFma: wasmFeatures().relaxedFma,
      shared: device.heap.shared,
    });
    this.compiled = { kernels, code, bytes };
    this.module = new WebAssembly.Module(bytes);
    this.table = device.heap.allocate(code.layout.bytes);
    device.heap.view('uint8', this.table, code.layout.bytes).fill(0);
    let end = kernels.arenaBytes;
    this.inputOffsets = graph.inputs.map((_, i) => {
      const info = kernels.buffers[i];
      if (info === undefined) throw new InternalError(`input ${i} has no buffer`);
      const offset = end;
      end += Math.ceil((info.size * bytesPerElement(info.dtype)) / 64) * 64 + 64;
      return offset;
    });
    this.scratchOffset = end;
  }

  run(inputs: readonly AnyStorage[], scalars: readonly number[], outputs: readonly DeviceStorage[]): void {
    const { device } = this;
    const { kernels, code } = this.compiled;
    const { pool } = device;
    const arena = device.reserve(this.scratchOffset + code.scratchBytes * pool.threads + 64);
    // Everything that allocates comes before the first view of the memory.
    const places = inputs.map((value) => this.placeOf(value));
    const words = device.heap.view('int32', this.table, code.layout.bytes / 4);
    kernels.buffers.forEach(({ role }, buffer) => {
      switch (role.kind) {
        case 'input':
          words[buffer] = this.input(inputs[role.index], places[role.index], role.index, arena);
          break;
        case 'output':
          words[buffer] = addressOf(outputs[role.index]);
          break;
        case 'temporary':
          words[buffer] = arena + (kernels.offsets.get(buffer) ?? 0);
          break;
        case 'window':
          break;
      }
    });
    words[code.layout.scratch / 4] = arena + this.scratchOffset;
    kernels.scalars.forEach((dtype, slot) => {
      const place = device.heap.view(
        computeDType(dtype) === 'bool' ? 'int32' : computeDType(dtype),
        this.table + code.layout.scalars + 8 * slot,
        1,
      );
      place[0] = scalars[slot] ?? Number.NaN;
    });
    words.fill(0, code.layout.counters / 4, code.layout.bytes / 4);
    pool.run(this.loadedInto(pool), this.table, code.parallel ? pool.threads : 1);
  }

  /** Times each kernel on one thread, over inputs of zeros. */
  profile(repeats: number): { kernel: Kernel; milliseconds: number; flops: number }[] {
    const { device } = this;
    const { kernels, code } = this.compiled;
    const own = kernels.buffers.map(({ role, dtype, size }) => {
      if (role.kind === 'temporary') return undefined;
      const storage = device.allocate(dtype, size);
      device.heap.view(dtype, storage.address, size).fill(0);
      return storage;
    });
    const arena = device.reserve(this.scratchOffset + code.scratchBytes * device.pool.threads + 64);
    const scratch = arena + this.scratchOffset;
    const words = device.heap.view('int32', this.table, code.layout.bytes / 4);
    kernels.buffers.forEach(
      (_, buffer) => (words[buffer] = own[buffer]?.address ?? arena + (kernels.offsets.get(buffer) ?? 0)),
    );
    words[code.layout.scratch / 4] = scratch;
    const { exports } = new WebAssembly.Instance(this.module, wasmImports(device.heap.memory, true));
    const times = code.kernels.map(({ kernel, entry, units, flops }) => {
      const run = exports[entry] as (table: number, begin: number, end: number, scratch: number) => void;
      let best = Infinity;
      for (let i = 0; i < repeats; i++) {
        const start = performance.now();
        // In pieces, as threads take them: long calls would not be entered by better code once it is there.
        const piece = Math.max(1, Math.ceil(units / 16));
        for (let begin = 0; begin < units; begin += piece)
          run(this.table, begin, Math.min(units, begin + piece), scratch);
        best = Math.min(best, performance.now() - start);
      }
      return { kernel, milliseconds: best, flops };
    });
    for (const storage of own) if (storage !== undefined) device.free(storage);
    return times;
  }

  free(): void {
    this.device.heap.free(this.table);
    if (this.loaded?.pool === this.device.pool) this.loaded.pool.unload(this.loaded.program);
  }

  private loadedInto(pool: ThreadPool): LoadedProgram {
    if (this.loaded?.pool !== pool) this.loaded = { pool, program: pool.load(this.module) };
    return this.loaded.program;
  }

  /** The heap address of a value that lies there already. */
  private placeOf(value: AnyStorage): number | undefined {
    if (value instanceof HostStorage) return this.device.kept(value)?.address;
    return value.device === this.device ? value.address : undefined;
  }

  private input(
    value: AnyStorage | undefined,
    place: number | undefined,
    index: number,
    arena: number,
  ): number {
    if (place !== undefined) return place;
    if (value === undefined) throw new InternalError(`input ${index} of a program is missing`);
    const data = value instanceof HostStorage ? value.data : value.device.read(value);
    const address = arena + (this.inputOffsets[index] ?? 0);
    this.device.heap.view(value.dtype, address, value.size).set(data);
    return address;
  }
}

function addressOf(storage: DeviceStorage | undefined): number {
  if (storage === undefined) throw new InternalError('an output of a program has no place');
  return storage.address;
}
