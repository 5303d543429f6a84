import { join } from 'node:path';
import { DataError } from '../../core/errors.js';
import { cacheFolder } from '../../core/node/cache-folder.js';
import { download } from './download.js';
import type { DownloadOptions, RemoteFile } from './download.js';
import { fileExists } from './read-file.js';

/** A file of a named data set. */
export interface NamedFile extends RemoteFile {
  /** The name under which it is stored when downloaded. */
  readonly name: string;
  /** Other names under which people have it. */
  readonly aliases: readonly string[];
}

export interface FindOptions extends DownloadOptions {
  /** The folder with the files; nothing is downloaded when it is given. */
  readonly dir?: string | undefined;
  /** False to look only, and never use the network; true when left out. */
  readonly download?: boolean;
}

/** The path of `file` in `folder` under any of its names, or undefined. */
export async function findIn(
  folder: string,
  file: Pick<NamedFile, 'name' | 'aliases'>,
): Promise<string | undefined> {
  for (const name of [file.name, ...file.aliases]) {
    const path = join(folder, name);
    if (await fileExists(path)) return path;
  }
  return undefined;
}

/**
 * Paths of all `files`: in `options.dir` if given, else in the cache folder, else downloaded to there.
 *
 * @param set the folder's name in the cache, and the data set's name in messages.
 * @throws DataError saying which files are needed, where they can be had and where to put them.
 */
export async function findFiles(
  set: string,
  files: readonly NamedFile[],
  options: FindOptions = {},
): Promise<string[]> {
  const { dir, download: mayDownload = true } = options;
  const folder = dir ?? join(cacheFolder(), set);
  const paths = await Promise.all(files.map((file) => findIn(folder, file)));
  const missing = files.filter((_, i) => paths[i] === undefined);
  if (missing.length > 0 && (dir !== undefined || !mayDownload)) {
    throw new DataError(
      `${set}: ${folder} lacks ${missing.map((file) => file.name).join(', ')}`,
      `${howToGet(missing, folder)}${dir === undefined ? '' : `, or leave the folder out to have them downloaded`}`,
    );
  }
  const found: string[] = [];
  for (const [i, file] of files.entries()) {
    const path = paths[i] ?? join(folder, file.name);
    if (paths[i] === undefined) {
      try {
        await download(file, path, options);
      } catch (error) {
        if (!(error instanceof DataError) || options.signal?.aborted === true) throw error;
        throw new DataError(`${set}: ${error.message}`, howToGet(missing, folder), { cause: error });
      }
    }
    found.push(path);
  }
  return found;
}

function howToGet(files: readonly NamedFile[], folder: string): string {
  const sources = files.map((file) => file.mirrors[0] ?? file.name).join(' ');
  return `get ${sources} on a machine with a network and put ${files.length === 1 ? 'it' : 'them'} into ${folder}`;
}
