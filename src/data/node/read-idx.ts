import { parseIdx, parseIdxHeader } from '../idx.js';
import type { HostArray } from '../host-array.js';
import { readUnpacked } from './read-file.js';

/**
 * Reads an IDX file, plain or gzip-compressed.
 *
 * @throws DataError if the file cannot be read.
 * @throws FormatError if it is no IDX file, damaged, or of the wrong length.
 */
export async function readIdx(path: string): Promise<HostArray> {
  const bytes = await readUnpacked(path, {
    exactly: (start) => parseIdxHeader(start, path).fileBytes,
  });
  return parseIdx(bytes, path);
}
