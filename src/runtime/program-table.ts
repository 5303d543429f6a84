import { computeDType, type DType } from '../core/dtype.js';
import type { TableLayout } from '../targets/cpu/table-layout.js';
import type { Heap } from './heap.js';

/** The table of a program in the heap: addresses, scalars and what threads share. Its views are made once, and again when the memory has grown. */
export class ProgramTable {
  readonly address: number;
  private readonly heap: Heap;
  private readonly layout: TableLayout;
  private integers: Int32Array;
  private floats: Float32Array;
  private doubles: Float64Array;

  constructor(heap: Heap, layout: TableLayout) {
    this.heap = heap;
    this.layout = layout;
    this.address = heap.allocate(layout.bytes);
    [this.integers, this.floats, this.doubles] = this.views();
    this.integers.fill(0);
    for (const { at, to } of layout.frames) this.integers[at / 4] = this.address + to;
  }

  /** To be called before a run writes into the table. */
  refresh(): void {
    if (this.integers.buffer !== this.heap.buffer) [this.integers, this.floats, this.doubles] = this.views();
    const { barrier, bytes } = this.layout;
    this.integers.fill(0, barrier / 4, bytes / 4);
  }

  setAddress(buffer: number, address: number): void {
    this.integers[buffer] = address;
  }

  /** Whether the preparation is to run. */
  setPrepare(prepare: boolean): void {
    this.integers[this.layout.prepare / 4] = prepare ? 1 : 0;
  }

  /** Where the threads find scratch memory, and where those of a timed program make notes. */
  setShared(scratch: number, notes: number): void {
    this.integers[this.layout.scratch / 4] = scratch;
    this.integers[this.layout.timeline / 4] = notes;
  }

  setScalar(slot: number, dtype: DType, value: number): void {
    const at = this.layout.scalars + 8 * slot;
    switch (computeDType(dtype)) {
      case 'float32':
        this.floats[at / 4] = value;
        break;
      case 'float64':
        this.doubles[at / 8] = value;
        break;
      default:
        // Unsigned numbers wrap to the same bits.
        this.integers[at / 4] = value;
    }
  }

  free(): void {
    this.heap.free(this.address);
  }

  private views(): [Int32Array, Float32Array, Float64Array] {
    const { buffer } = this.heap;
    const { bytes } = this.layout;
    return [
      new Int32Array(buffer, this.address, bytes / 4),
      new Float32Array(buffer, this.address, bytes / 4),
      new Float64Array(buffer, this.address, Math.floor(bytes / 8)),
    ];
  }
}
