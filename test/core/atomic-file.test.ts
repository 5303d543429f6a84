import type * as fs from 'node:fs/promises';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { makeFolder, writeFileAtomic } from '../../src/core/node/atomic-file.js';
import { FileError } from '../../src/core/errors.js';
import { temporaryFile, temporaryFolder } from '../data/support.js';

/** What the operating system is made to answer at a point of the writing. */
const failure = vi.hoisted(() => ({ at: '', code: '' }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof fs>();
  const fail = (at: string): void => {
    if (failure.at === at) throw Object.assign(new Error(`${failure.code}: made up`), { code: failure.code });
  };
  return {
    ...real,
    rename: async (from: string, to: string) => {
      fail('rename');
      await real.rename(from, to);
    },
    open: async (path: string, flags: string) => {
      if (flags === 'wx') fail('open');
      const file = await real.open(path, flags);
      const write = file.writeFile.bind(file);
      file.writeFile = async (data) => {
        await write(typeof data === 'string' ? data.slice(0, 2) : data);
        fail('write');
        if (typeof data === 'string') await write(data.slice(2));
      };
      return file;
    },
  };
});

async function failing<T>(at: string, code: string, body: () => Promise<T>): Promise<T> {
  Object.assign(failure, { at, code });
  try {
    return await body();
  } finally {
    Object.assign(failure, { at: '', code: '' });
  }
}

describe('writeFileAtomic', () => {
  it('writes text and bytes', async () => {
    const path = join(await temporaryFolder(), 'a');
    await writeFileAtomic(path, 'text');
    expect(await readFile(path, 'utf8')).toBe('text');
    await writeFileAtomic(path, Uint8Array.of(1, 2));
    expect([...(await readFile(path))]).toEqual([1, 2]);
  });
  it.each([
    ['write', 'ENOSPC', 'the disk is full'],
    ['open', 'EROFS', 'the file system is read-only'],
    ['open', 'EACCES', 'permission denied'],
    ['rename', 'EPERM', 'permission denied'],
    ['write', 'EIO', 'EIO: made up'],
  ])('leaves the earlier file and nothing else when %s fails with %s', async (at, code, reason) => {
    const path = await temporaryFile('result', 'old content');
    const attempt = failing(at, code, () => writeFileAtomic(path, 'new content'));
    await expect(attempt).rejects.toThrow(FileError);
    await expect(attempt).rejects.toThrow(`cannot write ${path}: ${reason}`);
    expect(await readFile(path, 'utf8')).toBe('old content');
    expect(await readdir(join(path, '..'))).toEqual(['result']);
  });
  it('says what is wrong with the path', async () => {
    const file = await temporaryFile('file', '');
    await expect(writeFileAtomic(join(file, 'x'), '')).rejects.toThrow('a part of its path is a file');
    await expect(writeFileAtomic(join(file, '..', 'gone', 'x'), '')).rejects.toThrow(
      'the folder that it belongs to does not exist',
    );
    const folder = join(file, '..', 'folder');
    await mkdir(folder);
    await expect(writeFileAtomic(folder, '')).rejects.toThrow('it is a folder');
  });
});

describe('makeFolder', () => {
  it('makes the folders above too, and does not mind one that is there', async () => {
    const path = join(await temporaryFolder(), 'a', 'b');
    await makeFolder(path);
    await makeFolder(path);
    expect(await readdir(path)).toEqual([]);
  });
  it('says what is in the way', async () => {
    const file = await temporaryFile('file', '');
    await expect(makeFolder(join(file, 'x'))).rejects.toThrow(FileError);
    await expect(makeFolder(join(file, 'x', 'y'))).rejects.toThrow('a part of its path is a file');
    await expect(makeFolder(file)).rejects.toThrow('a file is in the way');
  });
  it.runIf(process.platform === 'linux')('does not wait for ever where no folder can be made', async () => {
    await expect(makeFolder('/proc/tensorloom/results')).rejects.toThrow(FileError);
  });
});
