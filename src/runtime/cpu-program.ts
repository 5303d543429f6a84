import { bytesPerElement } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { compileGraph } from '../compiler/program.js';
import type { LoweringOptions } from '../targets/cpu/program.js';
import { takeSpans, type Span } from '../targets/cpu/timeline.js';
import { Changes } from './changes.js';
import type { CompiledKernels, CpuDevice } from './cpu-device.js';
import type { Program, ProgramGraph } from './device.js';
import { LoadError, type LoadedProgram, type ThreadPool } from './pool.js';
import { ProgramTable } from './program-table.js';
import { HostStorage, type AnyStorage, type DeviceStorage } from './storage.js';
import { ThreadChoice } from './thread-choice.js';

/** A graph compiled for the processor. */
export class CpuProgram implements Program {
  private readonly device: CpuDevice;
  private readonly options: LoweringOptions;
  private readonly table: ProgramTable;
  /** The addresses of inputs that lie in the heap already, for the run that is being prepared. */
  private readonly places: (number | undefined)[] = [];
  /** Byte offsets, in the arena, of inputs that come from the host; then of the scratch memory; then the end. */
  private readonly inputOffsets: readonly number[];
  private readonly scratchOffset: number;
  private current: CompiledKernels;
  private readonly threads = new ThreadChoice();
  private loaded: { pool: ThreadPool; program: LoadedProgram } | undefined;
  /** What the preparation's results were made of, as long as they are there. */
  private readonly changes = new Changes();
  private readonly forget = (): void => {
    this.changes.forget();
  };
  /** Where the threads of a timed program make their notes. */
  private notes: { readonly address: number; readonly threads: number } | undefined;

  constructor(device: CpuDevice, graph: ProgramGraph, options: LoweringOptions) {
    this.device = device;
    this.options = options;
    const kernels = compileGraph(graph, device.machine.traits);
    this.current = device.generate(kernels, options);
    this.table = new ProgramTable(device.memory.heap, this.current.code.layout);
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

  /** The code, for `inspect`; another one after threads have turned out to be unable to run it. */
  get compiled(): CompiledKernels {
    return this.current;
  }

  run(inputs: readonly AnyStorage[], scalars: readonly number[], outputs: readonly DeviceStorage[]): void {
    for (;;) {
      try {
        this.runOnce(inputs, scalars, outputs);
        return;
      } catch (error) {
        // Thrown before anything has run: the threads cannot take in code of this kind.
        if (!(error instanceof LoadError) || !this.regenerate(error)) throw error;
      }
    }
  }

  private runOnce(
    inputs: readonly AnyStorage[],
    scalars: readonly number[],
    outputs: readonly DeviceStorage[],
  ): void {
    const { kernels, code } = this.current;
    const { memory } = this.device;
    const { pool } = memory;
    const { table, places } = this;
    const arena = memory.reserve(this.scratchOffset + code.scratchBytes * pool.threads + 64);
    // Everything that allocates comes before the table is written.
    for (let n = 0; n < inputs.length; n++) places[n] = this.placeOf(inputs[n]);
    const notes = this.notesFor(pool.threads);
    const { preparedBytes } = kernels;
    const prepared = preparedBytes > 0 ? memory.prepared.take(this, preparedBytes, this.forget) : 0;
    table.refresh();
    const { buffers } = kernels;
    for (let buffer = 0; buffer < buffers.length; buffer++) {
      const role = buffers[buffer]?.role;
      if (role?.kind === 'input')
        table.setAddress(buffer, this.input(inputs[role.index], places[role.index], role.index, arena));
      else if (role?.kind === 'output') table.setAddress(buffer, addressOf(outputs[role.index]));
      else if (role?.kind === 'temporary')
        table.setAddress(buffer, arena + (kernels.offsets.get(buffer) ?? 0));
      else if (role?.kind === 'prepared')
        table.setAddress(buffer, prepared + (kernels.offsets.get(buffer) ?? 0));
    }
    const prepare =
      kernels.preparation.length > 0 && this.changes.since(kernels.preparedFrom, inputs, scalars);
    table.setPrepare(prepare);
    table.setShared(arena + this.scratchOffset, notes);
    for (let slot = 0; slot < kernels.scalars.length; slot++)
      table.setScalar(slot, kernels.scalars[slot] ?? 'float32', scalars[slot] ?? Number.NaN);
    const program = this.loadedInto(pool);
    const all = code.parallel ? pool.threads : 1;
    // Runs that prepare something, or before all threads are up, say nothing about how many of them are best.
    if (prepare) {
      this.changes.forget();
      pool.run(program, table.address, all);
      this.changes.note(kernels.preparedFrom, inputs, scalars);
    } else if (all === 1 || code.timeline !== undefined || pool.readyThreads < all)
      pool.run(program, table.address, all);
    else {
      const threads = this.threads.next(all);
      const start = performance.now();
      pool.run(program, table.address, threads);
      this.threads.note(performance.now() - start);
    }
  }

  /** What the threads of a timed program have noted since the last time. */
  takeSpans(): { readonly spans: Span[]; readonly lost: number } {
    const { timeline } = this.current.code;
    const { notes } = this;
    const spans: Span[] = [];
    let lost = 0;
    if (timeline === undefined || notes === undefined) return { spans, lost };
    const { address, threads } = notes;
    const bytes = this.device.memory.heap.view('uint8', address, threads * timeline.threadBytes);
    for (let thread = 0; thread < threads; thread++) {
      const own = takeSpans(timeline, bytes, thread);
      spans.push(...own.spans);
      lost += own.lost;
    }
    return { spans, lost };
  }

  free(): void {
    const { heap, prepared } = this.device.memory;
    this.table.free();
    if (this.notes !== undefined) heap.free(this.notes.address);
    prepared.free(this);
    this.unload();
    this.current.generated.free();
  }

  /** The address of the notes of so many threads; 0 if the program makes none. */
  private notesFor(threads: number): number {
    const { timeline } = this.current.code;
    if (timeline === undefined) return 0;
    if (this.notes?.threads === threads) return this.notes.address;
    const { heap } = this.device.memory;
    if (this.notes !== undefined) heap.free(this.notes.address);
    const address = heap.allocate(threads * timeline.threadBytes);
    heap.view('uint8', address, threads * timeline.threadBytes).fill(0);
    this.notes = { address, threads };
    return address;
  }

  /** Makes the code anew, without the generator of the present one. Gives whether there is another. */
  private regenerate(reason: LoadError): boolean {
    const { kernels, generator, generated } = this.current;
    if (!this.device.giveUp(generator, reason.message)) return false;
    this.unload();
    generated.free();
    // The table stays: its layout does not depend on the machine. What was prepared does.
    this.changes.forget();
    this.current = this.device.generate(kernels, this.options);
    return true;
  }

  private loadedInto(pool: ThreadPool): LoadedProgram {
    if (this.loaded?.pool !== pool) {
      const { code, generated } = this.current;
      this.loaded = { pool, program: pool.load(generated.executable, code.layout.barrier) };
    }
    return this.loaded.program;
  }

  private unload(): void {
    if (this.loaded?.pool === this.device.memory.pool) this.loaded.pool.unload(this.loaded.program);
    this.loaded = undefined;
  }

  /** The heap address of a value that lies there already. */
  private placeOf(value: AnyStorage | undefined): number | undefined {
    const { memory } = this.device;
    if (value === undefined) return undefined;
    if (value instanceof HostStorage) return memory.kept(value)?.address;
    return value.memory === memory ? value.address : undefined;
  }

  private input(
    value: AnyStorage | undefined,
    place: number | undefined,
    index: number,
    arena: number,
  ): number {
    if (place !== undefined) return place;
    if (value === undefined) throw new InternalError(`input ${index} of a program is missing`);
    const data = value instanceof HostStorage ? value.data : value.memory.read(value);
    const address = arena + (this.inputOffsets[index] ?? 0);
    this.device.memory.heap.view(value.dtype, address, value.size).set(data);
    return address;
  }
}

function addressOf(storage: DeviceStorage | undefined): number {
  if (storage === undefined) throw new InternalError('an output of a program has no place');
  return storage.address;
}
