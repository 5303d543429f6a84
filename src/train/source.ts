import { ArgumentError } from '../core/errors.js';
import { ArrayDataset } from '../data/dataset.js';
import type { Dataset } from '../data/dataset.js';
import type { HostArray, NestedNumbers } from '../data/host-array.js';
import { DataLoader } from '../data/loader.js';
import type { Transform } from '../data/transform.js';
import { hostNode } from '../tensor/creation.js';
import { isTensor, Tensor } from '../tensor/tensor.js';

/** Numbers with a shape, however they came about. */
export type ArraySource = Tensor | HostArray | NestedNumbers;

/** Samples to train or measure with: a loader, a data set, or two arrays `[inputs, targets]` of one row for each sample. */
export type DataSource = DataLoader | Dataset | readonly [inputs: ArraySource, targets: ArraySource];

export interface LoadingOptions {
  /** Samples in a batch; 32 when left out. */
  readonly batchSize?: number | undefined;
  readonly shuffle: boolean;
  readonly seed?: number | undefined;
  readonly transform?: Transform | undefined;
}

/**
 * The batches of a source.
 *
 * @throws ArgumentError if a loader comes with a batch size or a transform, which it has of its own.
 */
export async function loaderOf(source: DataSource, options: LoadingOptions): Promise<DataLoader> {
  if (source instanceof DataLoader) {
    for (const name of ['batchSize', 'transform'] as const) {
      if (options[name] !== undefined)
        throw new ArgumentError(
          `${name} is given, but the data come as a DataLoader, which has its own`,
          `give ${name} to the loader, or pass its data set`,
        );
    }
    return source;
  }
  const { batchSize, shuffle, seed, transform } = options;
  return new DataLoader(await datasetOf(source), {
    shuffle,
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(seed === undefined ? {} : { seed }),
    ...(transform === undefined ? {} : { transform }),
  });
}

/** The samples of a source; a loader's without its order and transform. */
export async function datasetOf(source: DataSource): Promise<Dataset> {
  if (source instanceof DataLoader) return source.dataset;
  if (!isPair(source)) return source;
  const [inputs, targets] = source;
  return new ArrayDataset(await hostOf(inputs), await hostOf(targets));
}

/** A value as a host array or nested numbers. */
export async function hostOf(value: ArraySource): Promise<HostArray | NestedNumbers> {
  return isTensor(value) ? { data: await value.data(), shape: value.shape, dtype: value.dtype } : value;
}

/** A tensor over host data, which are not copied and must not change. */
export function tensorOf({ data, shape, dtype }: HostArray): Tensor {
  return new Tensor(hostNode(data, shape, dtype));
}

function isPair(
  source: Dataset | readonly [ArraySource, ArraySource],
): source is readonly [ArraySource, ArraySource] {
  return Array.isArray(source);
}
