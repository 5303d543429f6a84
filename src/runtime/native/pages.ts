import type { Koffi } from './koffi.mjs';
import { posixPages } from './posix-pages.js';
import { windowsPages } from './windows-pages.js';

/** Whole pages of memory from the system: first writable, later executable, never both. */
export interface Pages {
  readonly pageBytes: number;
  /** The address of `bytes` writable bytes; undefined if the system refuses them. */
  map(bytes: number): number | undefined;
  write(address: number, data: Uint8Array): void;
  /** Makes what was mapped executable and no longer writable; gives whether the system allows it. */
  seal(address: number, bytes: number): boolean;
  unmap(address: number, bytes: number): void;
}

/** The pages of this system, or why there are none. */
export function systemPages(koffi: Koffi, platform: string, arch: string): Pages | string {
  switch (platform) {
    case 'linux':
    case 'darwin':
      return posixPages(koffi, platform, arch);
    case 'win32':
      return windowsPages(koffi);
    default:
      return `no machine code for ${platform}`;
  }
}
