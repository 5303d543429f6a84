import type { HostArray } from './host-array.js';
import { decodeImage } from './image.js';
import type { ImageOptions } from './image.js';
import { parseCsv } from './csv.js';
import type { CsvDataset, CsvOptions } from './csv.js';
import type { ImageFolder, ImageFolderOptions } from './node/image-folder.js';

// What touches the file system is imported when it is called, so that a page can bundle the rest of this room.

/**
 * Reads an IDX file (MNIST's format), plain or gzip-compressed. Node only.
 *
 * @throws DataError if the file cannot be read.
 * @throws FormatError if it is no IDX file, damaged, or of the wrong length, naming what was expected and found.
 */
export async function readIdx(path: string): Promise<HostArray> {
  const file = await import('./node/read-idx.js');
  return file.readIdx(path);
}

/**
 * Reads a table of comma-separated values, plain or gzip-compressed: see {@link parseCsv}. Node only.
 *
 * @throws DataError if the file cannot be read, or a value is missing or of the wrong type, naming its line.
 * @throws FormatError if the text is no table, naming the line.
 */
export async function readCsv(path: string, options: CsvOptions = {}): Promise<CsvDataset> {
  const { readUnpacked } = await import('./node/read-file.js');
  const bytes = await readUnpacked(path, { atMost: 2 ** 29 - 24 });
  return parseCsv(new TextDecoder().decode(bytes), { file: path, ...options });
}

/**
 * Reads a PNG or JPEG picture as `[channels, height, width]` uint8. Node only; see {@link decodeImage} for bytes in memory.
 *
 * @throws DataError if the file cannot be read.
 * @throws FormatError if it is no PNG or JPEG picture, or damaged.
 */
export async function readImage(path: string, options: ImageOptions = {}): Promise<HostArray> {
  const { readBytes } = await import('./node/read-file.js');
  return decodeImage(await readBytes(path), path, options);
}

/**
 * Pictures in a folder that has one sub-folder for each class, decoded when they are asked for. Give `size` unless all pictures have the
 * same size. Node only.
 *
 * @throws DataError if the folder, or one class in it, has no pictures.
 */
export async function imageFolder(dir: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  const { openImageFolder } = await import('./node/image-folder.js');
  return openImageFolder(dir, options);
}
