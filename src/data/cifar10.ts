import { parseCifar10 } from './cifar.js';
import { ArrayDataset } from './dataset.js';
import type { LabeledSets } from './labeled-sets.js';
import type { NamedSetOptions } from './mnist.js';
import type { NamedFile } from './node/find-files.js';

const CLASSES = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
] as const;

const ARCHIVE: NamedFile = {
  name: 'cifar-10-binary.tar.gz',
  aliases: [],
  mirrors: ['https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'],
  checksum: { algorithm: 'md5', value: 'c32a1d4ab5d03f1284b67883e8d87530' },
};

/** Twice the size of a batch of 10,000 records. */
const LARGEST_BATCH = 64 * 2 ** 20;

/**
 * CIFAR-10 (Krizhevsky 2009) in its binary version: 32x32 colour photographs, `[n, 3, 32, 32]` uint8; 50,000 for training and 10,000
 * for testing. A folder with only some of the five training batches gives what it has. Node only.
 *
 * @throws DataError if the files are not there and cannot be had, saying which and from where.
 * @throws FormatError if a file is damaged.
 */
export async function cifar10(options: NamedSetOptions = {}): Promise<LabeledSets> {
  const { findCifarBatches } = await import('./node/find-cifar.js');
  const { readUnpacked } = await import('./node/read-file.js');
  const paths = await findCifarBatches(ARCHIVE, options);
  const load = async (files: readonly string[]): Promise<ArrayDataset> => {
    const parts = [];
    for (const file of files)
      parts.push(parseCifar10(await readUnpacked(file, { atMost: LARGEST_BATCH }), file));
    return joined(parts);
  };
  return {
    training: await load(paths.training),
    test: await load(paths.test),
    classes: CLASSES,
    inputShape: [3, 32, 32],
    mean: [0.4914, 0.4822, 0.4465],
    std: [0.247, 0.2435, 0.2616],
  };
}

function joined(parts: readonly ReturnType<typeof parseCifar10>[]): ArrayDataset {
  const count = parts.reduce((sum, { labels }) => sum + labels.data.length, 0);
  const images = new Uint8Array(count * 3072);
  const labels = new Int32Array(count);
  let at = 0;
  for (const part of parts) {
    images.set(part.images.data, at * 3072);
    labels.set(part.labels.data, at);
    at += part.labels.data.length;
  }
  return new ArrayDataset(
    { data: images, shape: [count, 3, 32, 32], dtype: 'uint8' },
    { data: labels, shape: [count], dtype: 'int32' },
    { classes: CLASSES },
  );
}
