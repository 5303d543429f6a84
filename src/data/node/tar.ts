import { FormatError } from '../../core/errors.js';

const BLOCK = 512;

/** A file in an archive. */
export interface TarEntry {
  readonly name: string;
  readonly content: Uint8Array;
}

/**
 * The plain files in an unpacked tar archive (POSIX ustar; IEEE 1003.1, pax interchange format): blocks of 512 bytes, a header with name, size
 * in octal and type, then the content.
 *
 * @throws FormatError if the archive ends too early or a header is damaged.
 */
export function* tarEntries(bytes: Uint8Array, file: string): Generator<TarEntry> {
  const text = new TextDecoder();
  const field = (start: number, length: number): string =>
    text.decode(bytes.subarray(start, start + length)).replace(/\0[^]*$/, '');
  for (let at = 0; at + BLOCK <= bytes.length;) {
    const name = field(at, 100);
    if (name === '') return;
    const sum = Number.parseInt(field(at + 148, 8), 8);
    const size = Number.parseInt(field(at + 124, 12), 8);
    if (sum !== checksumOf(bytes.subarray(at, at + BLOCK)) || !(size >= 0)) {
      throw new FormatError(`${file} is not a sound tar archive: its header at byte ${at} is damaged`);
    }
    const start = at + BLOCK;
    if (start + size > bytes.length) {
      throw new FormatError(
        `${file} is truncated: ${name} has ${size} bytes, of which ${bytes.length - start} are there`,
      );
    }
    const type = field(at + 156, 1);
    if (type === '0' || type === '') yield { name, content: bytes.subarray(start, start + size) };
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
}

/** The sum of a header's bytes, its own checksum field read as spaces. */
function checksumOf(header: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : (header[i] ?? 0);
  return sum;
}
