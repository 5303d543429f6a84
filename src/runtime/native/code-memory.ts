import { DeviceError } from '../../core/errors.js';
import type { Pages } from './pages.js';

/** Code in executable memory. */
export interface PlacedCode {
  readonly address: number;
  /** Gives the memory back. Nobody may be running the code, or run it again. */
  readonly free: () => void;
}

/** The system has refused executable memory. */
export class CodeRefused extends DeviceError {}

/** Executable memory. Each piece of code has pages of its own, which go when it goes; a process may have tens of thousands. */
export class CodeMemory {
  readonly pages: Pages;
  private bytes = 0;

  constructor(pages: Pages) {
    this.pages = pages;
  }

  /** Bytes of pages that hold code. */
  get bytesInUse(): number {
    return this.bytes;
  }

  /** Copies code to where it can be run. Throws CodeRefused. */
  place(code: Uint8Array): PlacedCode {
    const { pages } = this;
    const bytes = Math.max(1, Math.ceil(code.length / pages.pageBytes)) * pages.pageBytes;
    const address = pages.map(bytes);
    if (address === undefined) throw new CodeRefused(`the system refuses ${bytes} bytes of memory for code`);
    pages.write(address, code);
    if (!pages.seal(address, bytes)) {
      pages.unmap(address, bytes);
      throw new CodeRefused('the system refuses to make memory executable');
    }
    this.bytes += bytes;
    let isPlaced = true;
    return {
      address,
      free: () => {
        if (!isPlaced) return;
        isPlaced = false;
        this.bytes -= bytes;
        pages.unmap(address, bytes);
      },
    };
  }
}
