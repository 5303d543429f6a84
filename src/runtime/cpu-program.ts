import { InternalError } from '../core/errors.js';
import { takeSpans, type Span } from '../targets/cpu/timeline.js';
import { Changes } from './changes.js';
import type { CpuDevice, MadeProgram } from './cpu-device.js';
import { ProgramRefused, type Program } from './device.js';
import { LoadError, type LoadedProgram, type ThreadPool } from './pool.js';
import { ProgramTable } from './program-table.js';
import { HostStorage, type AnyStorage, type DeviceStorage } from './storage.js';
import { ThreadChoice } from './thread-choice.js';

/** A program of the processor. `Made` says how much is known of how it was made. */
export class CpuProgram<Made extends MadeProgram = MadeProgram> implements Program {
  readonly compiled: Made;
  private readonly device: CpuDevice;
  private readonly table: ProgramTable;
  /** The addresses of inputs that lie in the heap already, for the run that is being prepared. */
  private readonly places: (number | undefined)[] = [];
  /** Byte offsets, in the arena, of inputs that come from the host; then of the scratch memory; then the end. */
  private readonly inputOffsets: readonly number[];
  private readonly scratchOffset: number;
  private readonly threads = new ThreadChoice();
  private loaded: { pool: ThreadPool; program: LoadedProgram } | undefined;
  /** What the preparation's results were made of, as long as they are there. */
  private readonly changes = new Changes();
  private readonly forget = (): void => {
    this.changes.forget();
  };
  /** Where the threads of a timed program make their notes. */
  private notes: { readonly address: number; readonly threads: number } | undefined;

  constructor(device: CpuDevice, made: Made) {
    this.device = device;
    this.compiled = made;
    const { plan } = made;
    this.table = new ProgramTable(device.memory.heap, plan.layout);
    let end = plan.arenaBytes;
    this.inputOffsets = plan.inputBytes.map((bytes) => {
      const offset = end;
      end += Math.ceil(bytes / 64) * 64 + 64;
      return offset;
    });
    this.scratchOffset = end;
  }

  run(inputs: readonly AnyStorage[], scalars: readonly number[], outputs: readonly DeviceStorage[]): void {
    const { plan } = this.compiled;
    const { memory } = this.device;
    const { pool } = memory;
    const { table, places } = this;
    const arena = memory.reserve(this.scratchOffset + plan.scratchBytes * pool.threads + 64);
    // Everything that allocates comes before the table is written.
    for (let n = 0; n < inputs.length; n++) places[n] = this.placeOf(inputs[n]);
    const notes = this.notesFor(pool.threads);
    const { buffers, preparedBytes, preparedFrom } = plan;
    const prepared = preparedBytes > 0 ? memory.prepared.take(this, preparedBytes, this.forget) : 0;
    table.refresh();
    for (let buffer = 0; buffer < buffers.length; buffer++) {
      const place = buffers[buffer];
      if (place?.kind === 'input')
        table.setAddress(buffer, this.input(inputs[place.index], places[place.index], place.index, arena));
      else if (place?.kind === 'output') table.setAddress(buffer, addressOf(outputs[place.index]));
      else if (place?.kind === 'temporary') table.setAddress(buffer, arena + place.offset);
      else if (place?.kind === 'prepared') table.setAddress(buffer, prepared + place.offset);
    }
    const prepare = preparedFrom !== undefined && this.changes.since(preparedFrom, inputs, scalars);
    table.setPrepare(prepare);
    table.setShared(arena + this.scratchOffset, notes);
    for (let slot = 0; slot < plan.scalars.length; slot++)
      table.setScalar(slot, plan.scalars[slot] ?? 'float32', scalars[slot] ?? Number.NaN);
    const all = plan.parallel ? pool.threads : 1;
    // Runs that prepare something, or before all threads are up, say nothing about how many of them are best.
    if (prepare) {
      this.changes.forget();
      this.runOn(pool, all);
      this.changes.note(preparedFrom, inputs, scalars);
    } else if (all === 1 || plan.timeline !== undefined || pool.readyThreads < all) this.runOn(pool, all);
    else {
      const threads = this.threads.next(all);
      const start = performance.now();
      this.runOn(pool, threads);
      this.threads.note(performance.now() - start);
    }
  }

  private runOn(pool: ThreadPool, threads: number): void {
    try {
      pool.run(this.loadedInto(pool), this.table.address, threads);
    } catch (error) {
      // Thrown before anything has run: the threads cannot take in code of this kind.
      if (error instanceof LoadError && this.device.giveUp(this.compiled.generator, error.message))
        throw new ProgramRefused(error.message);
      throw error;
    }
  }

  /** What the threads of a timed program have noted since the last time. */
  takeSpans(): { readonly spans: Span[]; readonly lost: number } {
    const { timeline } = this.compiled.plan;
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
    this.compiled.generated.free();
  }

  /** The address of the notes of so many threads; 0 if the program makes none. */
  private notesFor(threads: number): number {
    const { timeline } = this.compiled.plan;
    if (timeline === undefined) return 0;
    if (this.notes?.threads === threads) return this.notes.address;
    const { heap } = this.device.memory;
    if (this.notes !== undefined) heap.free(this.notes.address);
    const address = heap.allocate(threads * timeline.threadBytes);
    heap.view('uint8', address, threads * timeline.threadBytes).fill(0);
    this.notes = { address, threads };
    return address;
  }

  private loadedInto(pool: ThreadPool): LoadedProgram {
    if (this.loaded?.pool !== pool) {
      const { plan, generated } = this.compiled;
      this.loaded = { pool, program: pool.load(generated.executable, plan.layout.barrier) };
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
