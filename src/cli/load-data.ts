import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { DataError } from '../core/errors.js';
import type { DownloadProgress } from '../data/node/download.js';
import type { Recipe, RecipeData } from '../recipes/recipe.js';
import { formatBytes } from './format.js';

export interface LoadDataOptions {
  /** The folder with the files; the cache or a download when left out. */
  readonly folder: string | undefined;
  readonly seed: number;
  readonly note: (text: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * The data of a recipe.
 *
 * @throws DataError or FormatError if the files are missing, cannot be had, or are damaged.
 */
export async function loadData(recipe: Recipe, options: LoadDataOptions): Promise<RecipeData> {
  const { folder, seed, note, signal } = options;
  if (folder !== undefined) await checkFolder(folder);
  return recipe.load({
    seed,
    dir: folder,
    onProgress: downloadNotes(note),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function checkFolder(folder: string): Promise<void> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(folder)).isDirectory();
  } catch (error) {
    throw new DataError(`the data folder ${folder} does not exist`, 'check the path that --data gives', {
      cause: error,
    });
  }
  if (!isFolder)
    throw new DataError(
      `${folder} is not a folder`,
      `--data takes the folder that ${basename(folder)} is in`,
    );
}

/** Says when a download begins, and every tenth of it. */
function downloadNotes(note: (text: string) => void): (progress: DownloadProgress) => void {
  const told = new Map<string, number>();
  return ({ file, receivedBytes, totalBytes }) => {
    const tenths = totalBytes === undefined ? 0 : Math.floor((10 * receivedBytes) / totalBytes);
    if (told.get(file) === tenths) return;
    told.set(file, tenths);
    const size = totalBytes === undefined ? '' : ` of ${formatBytes(totalBytes)}`;
    note(`downloading ${file}: ${formatBytes(receivedBytes)}${size}`);
  };
}
