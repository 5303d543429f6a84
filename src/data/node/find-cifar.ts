import { rename, writeFile } from 'node:fs/promises';
import { makeFolder } from '../../core/node/atomic-file.js';
import { join } from 'node:path';
import { DataError } from '../../core/errors.js';
import { cacheFolder } from '../../core/node/cache-folder.js';
import { findFiles, findIn } from './find-files.js';
import type { FindOptions, NamedFile } from './find-files.js';
import { readUnpacked } from './read-file.js';
import { tarEntries } from './tar.js';

const TRAINING = [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`);
const TEST = 'test_batch.bin';
/** The folder inside the archive. */
const INNER = 'cifar-10-batches-bin';

interface CifarPaths {
  readonly training: readonly string[];
  readonly test: readonly string[];
}

/**
 * The files of CIFAR-10 in `options.dir`, or in the cache, where they are unpacked from the archive, which is downloaded if
 * need be.
 */
export async function findCifarBatches(archive: NamedFile, options: FindOptions): Promise<CifarPaths> {
  const folder = options.dir ?? join(cacheFolder(), 'cifar10');
  const here = await look(folder);
  // A folder that somebody names may hold some batches only; in the cache all of them belong.
  if (
    here.test.length > 0 &&
    (options.dir === undefined ? here.training.length === 5 : here.training.length > 0)
  )
    return here;
  if (options.dir !== undefined && (await findIn(folder, archive)) === undefined) {
    throw new DataError(
      `cifar10: ${folder} lacks ${here.test.length > 0 ? 'data_batch_1.bin' : TEST}`,
      `get ${archive.mirrors[0] ?? archive.name} and put it, or the .bin or .bin.gz files inside it, into ${folder}`,
    );
  }
  const [path = ''] = await findFiles('cifar10', [archive], options);
  await unpack(path, join(folder, INNER));
  return look(folder);
}

async function look(folder: string): Promise<CifarPaths> {
  const find = async (name: string): Promise<string[]> => {
    const file = { name, aliases: [`${name}.gz`, join(INNER, name), join(INNER, `${name}.gz`)] };
    const path = await findIn(folder, file);
    return path === undefined ? [] : [path];
  };
  const training = await Promise.all(TRAINING.map(find));
  return { training: training.flat(), test: await find(TEST) };
}

async function unpack(archive: string, folder: string): Promise<void> {
  const bytes = await readUnpacked(archive, { atMost: 512 * 2 ** 20 });
  await makeFolder(folder);
  for (const { name, content } of tarEntries(bytes, archive)) {
    const base = name.split('/').at(-1) ?? '';
    if (base !== TEST && !TRAINING.includes(base)) continue;
    await writeFile(join(folder, `${base}.part`), content);
    await rename(join(folder, `${base}.part`), join(folder, base));
  }
}
