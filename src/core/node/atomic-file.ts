import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FileError } from '../errors.js';

/**
 * Writes a file so that it is there whole or not at all: the bytes go to a temporary name in the same folder, reach the disk,
 * and only then take the name. A crash, a full disk or Ctrl-C leaves an earlier file of that name as it was.
 *
 * @throws FileError if the folder is missing or read-only, the disk is full, or anything else goes wrong; the temporary
 * file is gone by then.
 */
export async function writeFileAtomic(
  path: string,
  data: Uint8Array | string,
  { mode }: { readonly mode?: number } = {},
): Promise<void> {
  const folder = dirname(path);
  // The process may die between writing and renaming; the next run must not trip over what it left.
  const temporary = join(folder, `.${basename(path)}.${randomUUID().slice(0, 8)}.tmp`);
  let created = false;
  try {
    const file = await open(temporary, 'wx', mode);
    created = true;
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    if (created) await rm(temporary, { force: true }).catch(() => undefined);
    throw unwritable(path, error);
  }
  await syncFolder(folder);
}

/**
 * Adds text to the end of a file, which is made if it is not there. It reaches the disk before the promise is fulfilled.
 *
 * @throws FileError if that cannot be done.
 */
export async function appendToFile(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, 'a');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unwritable(path, error);
  }
}

/**
 * Makes a folder, and those above it, if it is not there.
 *
 * @throws FileError if that cannot be done.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeFolders(path);
  } catch (error) {
    throw new FileError(`cannot make the folder ${path}: ${reasonOf(error)}`, 'choose another folder', {
      cause: error,
    });
  }
}

/** Node's own recursive `mkdir` never ends in folders that refuse new ones with ENOENT, as /proc does. */
async function makeFolders(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (await isFolder(path)) return;
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolders(dirname(path));
    await mkdir(path);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** The error for a file that could not be written, in words. */
export function unwritable(path: string, error: unknown): FileError {
  return new FileError(`cannot write ${path}: ${reasonOf(error)}`, HINTS[codeOf(error)] ?? '', {
    cause: error,
  });
}

/** The rename itself must reach the disk too. Some systems cannot sync folders; then it gets there when it gets there. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    return;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOENT: 'the folder that it belongs to does not exist',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EEXIST: 'a file is in the way',
  EISDIR: 'it is a folder',
  EFBIG: 'it is larger than files may be here',
};

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space, or write to another disk',
  EDQUOT: 'free some space, or write to another disk',
  EROFS: 'write to another folder',
  EACCES: 'write to a folder that is yours',
  EPERM: 'write to a folder that is yours',
  ENOENT: 'make the folder first',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function reasonOf(error: unknown): string {
  return REASONS[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
}
