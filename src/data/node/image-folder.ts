import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DataError } from '../../core/errors.js';
import { checkIndex } from '../dataset.js';
import type { Dataset } from '../dataset.js';
import type { Sample } from '../host-array.js';
import { checkImageOptions, decodeImage } from '../image.js';
import type { ImageOptions } from '../image.js';
import { errorCode, readBytes } from './read-file.js';

export interface ImageFolderOptions extends ImageOptions {
  /** Keeps decoded pictures in memory, so that each file is read once; false when left out. */
  readonly cache?: boolean;
  /** The classes to take, in the order of their labels; all sub-folders in alphabetical order when left out. */
  readonly classes?: readonly string[];
}

/** Pictures in a folder, with the files they come from. */
export interface ImageFolder extends Dataset {
  readonly classes: readonly string[];
  /** The file of each sample, relative to the folder. */
  readonly files: readonly string[];
}

const EXTENSIONS = /\.(png|jpe?g)$/i;

/**
 * Opens a folder with one sub-folder for each class and pictures in them, at any depth. Nothing is decoded before it is asked for.
 *
 * @throws DataError if the folder, or one class in it, has no pictures.
 */
export async function openImageFolder(dir: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  checkImageOptions(options);
  const folders = await subfoldersOf(dir);
  const classes = options.classes ?? folders;
  for (const name of classes) {
    if (!folders.includes(name)) {
      throw new DataError(
        `${dir} has no sub-folder '${name}'`,
        folders.length === 0 ? 'it has no sub-folders at all' : `it has ${folders.join(', ')}`,
      );
    }
  }
  const files: string[] = [];
  const labels: number[] = [];
  for (const [label, name] of classes.entries()) {
    const pictures = await picturesIn(join(dir, name));
    if (pictures.length === 0) {
      throw new DataError(
        `the class folder ${join(dir, name)} has no pictures`,
        'put .png or .jpg files into it, or remove the folder',
      );
    }
    for (const picture of pictures) {
      files.push(relative(dir, picture));
      labels.push(label);
    }
  }
  if (files.length === 0) {
    throw new DataError(
      `${dir} has no sub-folders with pictures`,
      'make one sub-folder for each class and put its .png or .jpg files there',
    );
  }
  const read = async (index: number): Promise<Sample> => {
    const path = join(dir, files[index] ?? '');
    return {
      input: await decodeImage(await readBytes(path), path, options),
      target: { data: Int32Array.of(labels[index] ?? 0), shape: [], dtype: 'int32' },
    };
  };
  const kept: (Promise<Sample> | undefined)[] = [];
  return {
    length: files.length,
    classes,
    files,
    get: (index) => {
      checkIndex(index, files.length);
      return options.cache === true ? (kept[index] ??= read(index)) : read(index);
    },
  };
}

async function subfoldersOf(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    const code = errorCode(error);
    const why =
      code === 'ENOENT' ? 'it does not exist' : code === 'ENOTDIR' ? 'it is not a folder' : String(error);
    throw new DataError(`cannot open the image folder ${dir}: ${why}`, '', { cause: error });
  }
}

async function picturesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && EXTENSIONS.test(entry.name) && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
