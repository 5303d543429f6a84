import { FormatError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import { ArrayDataset } from './dataset.js';
import type { HostArray } from './host-array.js';
import type { LabeledSets } from './labeled-sets.js';
import type { FindOptions, NamedFile } from './node/find-files.js';

/** Where a named data set comes from: `dir`, else the cache folder, else a download (`onProgress`, `signal`). */
export type NamedSetOptions = FindOptions;

interface IdxSet {
  readonly set: string;
  readonly files: readonly NamedFile[];
  readonly classes: readonly string[];
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const NAMES = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
] as const;

/** The four files of MNIST's layout, by the SHA-256 of each compressed file, in the order of {@link NAMES}. */
function idxFiles(mirrors: readonly string[], checksums: readonly string[]): NamedFile[] {
  return NAMES.map((name, i) => ({
    name: `${name}.gz`,
    // Some tools write a dot where the original has a hyphen.
    aliases: [name, name.replace('-idx', '.idx'), `${name.replace('-idx', '.idx')}.gz`],
    mirrors: mirrors.map((mirror) => `${mirror}${name}.gz`),
    checksum: { algorithm: 'sha256', value: checksums[i] ?? '' },
  }));
}

const MNIST: IdxSet = {
  set: 'mnist',
  files: idxFiles(
    [
      'https://ossci-datasets.s3.amazonaws.com/mnist/',
      'https://storage.googleapis.com/cvdf-datasets/mnist/',
      'http://yann.lecun.com/exdb/mnist/',
    ],
    [
      '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
      '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
      '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
      'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
    ],
  ),
  classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  mean: [0.1307],
  std: [0.3081],
};

const FASHION_MNIST: IdxSet = {
  set: 'fashion-mnist',
  files: idxFiles(
    [
      'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
      'https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/',
    ],
    [
      '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
      'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
      '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
      '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
    ],
  ),
  classes: [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ],
  mean: [0.286],
  std: [0.353],
};

/**
 * MNIST (LeCun, Cortes, Burges 1998): 60,000 and 10,000 handwritten digits, `[n, 1, 28, 28]` uint8, ink bright on dark. Node
 * only.
 *
 * @throws DataError if the files are not there and cannot be had, saying which and from where.
 * @throws FormatError if a file is damaged or none of this set's.
 */
export async function mnist(options: NamedSetOptions = {}): Promise<LabeledSets> {
  return loadIdxSet(MNIST, options);
}

/**
 * Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 60,000 and 10,000 pictures of clothing in MNIST's format. Node only.
 *
 * @throws DataError if the files are not there and cannot be had, saying which and from where.
 * @throws FormatError if a file is damaged or none of this set's.
 */
export async function fashionMnist(options: NamedSetOptions = {}): Promise<LabeledSets> {
  return loadIdxSet(FASHION_MNIST, options);
}

async function loadIdxSet(
  { set, files, classes, mean, std }: IdxSet,
  options: FindOptions,
): Promise<LabeledSets> {
  const { findFiles } = await import('./node/find-files.js');
  const { readIdx } = await import('./node/read-idx.js');
  const paths = await findFiles(set, files, options);
  const arrays = await Promise.all(paths.map(readIdx));
  const [training, test] = [0, 2].map((at) =>
    pair([paths[at] ?? '', paths[at + 1] ?? ''], [arrays[at], arrays[at + 1]], classes),
  );
  if (training === undefined || test === undefined) throw new FormatError(`${set} is incomplete`);
  return { training, test, classes, inputShape: [1, 28, 28], mean, std };
}

/** Images and their labels, once it is sure that they belong together. */
function pair(
  [imageFile, labelFile]: readonly [string, string],
  [images, labels]: readonly (HostArray | undefined)[],
  classes: readonly string[],
): ArrayDataset {
  const [count, height, width] = images?.shape ?? [];
  if (
    images?.dtype !== 'uint8' ||
    images.shape.length !== 3 ||
    count === undefined ||
    height !== 28 ||
    width !== 28
  ) {
    throw new FormatError(
      `${imageFile}: expected uint8 images [n, 28, 28], found ${images?.dtype ?? 'nothing'} ${formatShape(images?.shape ?? [])}`,
      'are the images and the labels swapped?',
    );
  }
  if (labels?.dtype !== 'uint8' || labels.shape.length !== 1) {
    throw new FormatError(
      `${labelFile}: expected uint8 labels [n], found ${labels?.dtype ?? 'nothing'} ${formatShape(labels?.shape ?? [])}`,
      'are the images and the labels swapped?',
    );
  }
  if (labels.shape[0] !== count) {
    throw new FormatError(
      `${labelFile} has ${labels.shape[0]} labels for the ${count} images of ${imageFile}`,
      'do both files belong to the same set?',
    );
  }
  return new ArrayDataset({ ...images, shape: [count, 1, height, width] }, labels, { classes });
}
