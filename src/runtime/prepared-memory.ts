import type { Heap } from './heap.js';

/** Bytes that programs may keep together. A function that is called with many shapes has a program for each, and each prepares the same parameters. */
const MOST_BYTES = 256 * 1024 * 1024;

interface Block {
  readonly address: number;
  readonly bytes: number;
  /** Called when the block is taken away. */
  readonly onLoss: () => void;
}

/** Where programs keep what they have prepared. Where there is too much of it, those that have not run for the longest lose theirs, and prepare anew. */
export class PreparedMemory {
  private readonly heap: Heap;
  private readonly limit: number;
  /** By program, the least recently used first. */
  private readonly blocks = new Map<object, Block>();
  private bytes = 0;

  constructor(heap: Heap, limit = MOST_BYTES) {
    this.heap = heap;
    this.limit = limit;
  }

  /** The address of a program's own block of so many bytes; the same as last time unless it was lost meanwhile. The program has it even beyond the limit. */
  take(program: object, bytes: number, onLoss: () => void): number {
    let block = this.blocks.get(program);
    if (block === undefined) {
      for (const other of this.blocks.keys()) {
        if (this.bytes + bytes <= this.limit) break;
        this.free(other);
      }
      block = { address: this.heap.allocate(bytes), bytes, onLoss };
      this.bytes += bytes;
    } else this.blocks.delete(program);
    this.blocks.set(program, block);
    return block.address;
  }

  /** Takes a program's block away, if it has one. */
  free(program: object): void {
    const block = this.blocks.get(program);
    if (block === undefined) return;
    this.blocks.delete(program);
    this.bytes -= block.bytes;
    this.heap.free(block.address);
    block.onLoss();
  }
}
