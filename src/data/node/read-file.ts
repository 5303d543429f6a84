import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, gunzip, gunzipSync } from 'node:zlib';
import { DataError, FormatError } from '../../core/errors.js';

const inflate = promisify(gunzip);

/** DEFLATE cannot shrink anything by more than this (RFC 1951: 258 bytes in 2 bits). */
const LARGEST_RATIO = 1032;

/** The code of a Node error (`ENOENT`), or undefined. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Whether a file exists and is one. */
export async function fileExists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/**
 * The bytes of a file as they are.
 *
 * @throws DataError if it cannot be read.
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const buffer = await readFile(path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** How long a file may be once unpacked: a limit, or what its own beginning says (and throws if that is wrong). */
export type UnpackedSize = { readonly atMost: number } | { readonly exactly: (start: Uint8Array) => number };

/**
 * The bytes of a file, unpacked if it is a gzip file (told by its first two bytes, not by its name). A file that is wrong,
 * cut off or made to unpack to gigabytes is refused before memory is allocated for it.
 *
 * @throws DataError if it cannot be read.
 * @throws FormatError if the compressed data is damaged, cut off or longer than it may be.
 */
export async function readUnpacked(path: string, size: UnpackedSize): Promise<Uint8Array> {
  const packed = await readBytes(path);
  if (packed[0] !== 0x1f || packed[1] !== 0x8b) return packed;
  const limit = 'atMost' in size ? size.atMost : size.exactly(unpackStart(packed, path));
  if ('exactly' in size && limit > packed.length * LARGEST_RATIO) {
    throw new FormatError(
      `${path} is truncated or damaged: its header asks for ${limit} bytes, more than ${packed.length} compressed bytes can hold`,
      'fetch the file again',
    );
  }
  try {
    const unpacked = await inflate(packed, { maxOutputLength: Math.max(limit, 1) });
    return new Uint8Array(unpacked.buffer, unpacked.byteOffset, unpacked.byteLength);
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') {
      throw new FormatError(
        'atMost' in size
          ? `${path} unpacks to more than ${limit} bytes, the most that a file of its kind can have`
          : `${path} has bytes after its end: it unpacks to more than the ${limit} bytes that its header says`,
        'fetch the file again',
      );
    }
    throw damaged(path, error);
  }
}

/** The beginning of a gzip file, unpacked. */
function unpackStart(packed: Uint8Array, path: string): Uint8Array {
  try {
    return gunzipSync(packed.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    throw damaged(path, error);
  }
}

function damaged(path: string, error: unknown): FormatError {
  const cut = errorCode(error) === 'Z_BUF_ERROR';
  return new FormatError(
    cut
      ? `${path} is truncated: its compressed data ends too early`
      : `${path} is not a sound gzip file: ${error instanceof Error ? error.message : String(error)}`,
    'fetch the file again',
    { cause: error },
  );
}

function unreadable(path: string, error: unknown): DataError {
  const code = errorCode(error);
  const why =
    code === 'ENOENT'
      ? 'it does not exist'
      : code === 'EACCES'
        ? 'permission denied'
        : code === 'EISDIR'
          ? 'it is a folder'
          : error instanceof Error
            ? error.message
            : String(error);
  return new DataError(`cannot read ${path}: ${why}`, '', { cause: error });
}
