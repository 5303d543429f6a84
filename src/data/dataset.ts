import { ArgumentError, DataError, ShapeError } from '../core/errors.js';
import { dim, formatShape, sameShape, sizeOf } from '../core/shape.js';
import type { Shape } from '../core/shape.js';
import { emptyHostArray, hostArrayFrom, isHostArray, takeRows } from './host-array.js';
import type { Batch, HostArray, NestedNumbers, Sample } from './host-array.js';
import { checkLabels } from './labels.js';
import type { Classes } from './labels.js';

/** A sequence of samples. An object with `length` and `get` is all it takes to bring one's own data. */
export interface Dataset {
  /** How many samples there are. */
  readonly length: number;
  /** The sample at `index`, from 0 to `length - 1`. */
  get(index: number): Sample | Promise<Sample>;
  /** Several samples at once, stacked. Without it the loader calls `get` for each and stacks them itself. */
  gather?(indices: ArrayLike<number>): Batch | Promise<Batch>;
  /** Present when targets are class labels; the loader then checks them. */
  readonly classes?: Classes;
}

export interface ArrayDatasetOptions {
  /** The targets are labels of these classes: checked, and held as int32. */
  readonly classes?: Classes;
}

/**
 * Samples that lie in two arrays, one row each.
 *
 * @param inputs `[n, …]`; nested numbers become float32.
 * @param targets `[n, …]`; nested numbers become float32, or int32 labels when `classes` is given.
 * @throws ShapeError if the two have different numbers of rows.
 * @throws DataError if a label is not one of the classes.
 * @example
 * ```ts
 * import { data } from 'tensorloom';
 *
 * const xor = new data.ArrayDataset([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], { classes: 2 });
 * xor.length; // => 4
 * ```
 */
export class ArrayDataset implements Dataset {
  readonly length: number;
  readonly inputs: HostArray;
  readonly targets: HostArray;
  readonly classes?: Classes;

  constructor(
    inputs: HostArray | NestedNumbers,
    targets: HostArray | NestedNumbers,
    options: ArrayDatasetOptions = {},
  ) {
    this.inputs = isHostArray(inputs) ? inputs : hostArrayFrom(inputs);
    const rows = isHostArray(targets)
      ? targets
      : hostArrayFrom(targets, options.classes === undefined ? 'float32' : 'float64');
    if (this.inputs.shape.length === 0 || rows.shape.length === 0) {
      throw new ShapeError(
        'ArrayDataset: inputs and targets need a first axis that counts the samples, but one is a scalar',
      );
    }
    this.length = dim(this.inputs.shape, 0);
    if (dim(rows.shape, 0) !== this.length) {
      throw new ShapeError(
        `ArrayDataset: inputs ${formatShape(this.inputs.shape)} and targets ${formatShape(rows.shape)} differ in their number of samples (first axis)`,
      );
    }
    if (options.classes === undefined) {
      this.targets = rows;
    } else {
      if (rows.shape.length !== 1)
        throw new ShapeError(`ArrayDataset: labels have shape ${formatShape(rows.shape)}, expected [n]`);
      checkLabels(rows, options.classes);
      this.targets =
        rows.dtype === 'int32'
          ? rows
          : { data: Int32Array.from(rows.data), shape: rows.shape, dtype: 'int32' };
      this.classes = options.classes;
    }
  }

  get(index: number): Sample {
    checkIndex(index, this.length);
    return { input: rowOf(this.inputs, index), target: rowOf(this.targets, index) };
  }

  gather(indices: ArrayLike<number>): Batch {
    for (let i = 0; i < indices.length; i++) checkIndex(indices[i] ?? -1, this.length);
    return { inputs: takeRows(this.inputs, indices), targets: takeRows(this.targets, indices) };
  }
}

/** Samples of any data set, stacked: by its own `gather` if it has one, else one by one. */
export function gatherBatch(dataset: Dataset, indices: ArrayLike<number>): Batch | Promise<Batch> {
  if (dataset.gather !== undefined) return dataset.gather(indices);
  const samples: Sample[] = [];
  const pending: Promise<unknown>[] = [];
  for (let i = 0; i < indices.length; i++) {
    const sample = dataset.get(indices[i] ?? -1);
    if (sample instanceof Promise) pending.push(sample.then((ready) => (samples[i] = ready)));
    else samples[i] = sample;
  }
  if (pending.length === 0) return collate(samples, indices);
  return Promise.all(pending).then(() => collate(samples, indices));
}

/**
 * Stacks samples into a batch.
 *
 * @throws DataError if their shapes or dtypes differ, naming the sample that differs from the first.
 */
export function collate(samples: readonly Sample[], indices?: ArrayLike<number>): Batch {
  return {
    inputs: stack(samples, 'input', indices),
    targets: stack(samples, 'target', indices),
  };
}

/** Throws unless `index` is one of `length` samples. */
export function checkIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new ArgumentError(`sample ${index} does not exist: the data set has ${length}, numbered from 0`);
  }
}

function rowOf(source: HostArray, index: number): HostArray {
  const shape: Shape = source.shape.slice(1);
  const size = sizeOf(shape);
  return { data: source.data.subarray(index * size, (index + 1) * size), shape, dtype: source.dtype };
}

function stack(
  samples: readonly Sample[],
  part: 'input' | 'target',
  indices: ArrayLike<number> | undefined,
): HostArray {
  const first = samples[0]?.[part];
  if (first === undefined) throw new ArgumentError('a batch needs at least one sample');
  const result = emptyHostArray(first.dtype, [samples.length, ...first.shape]);
  samples.forEach((sample, i) => {
    const value = sample[part];
    if (!sameShape(value.shape, first.shape) || value.dtype !== first.dtype) {
      throw new DataError(
        `the ${part} of sample ${indices?.[i] ?? i} is ${value.dtype} ${formatShape(value.shape)}, that of sample ${indices?.[0] ?? 0} ${first.dtype} ${formatShape(first.shape)}; a batch needs equal ones`,
        'resize or pad the samples to one shape, or use batchSize 1',
      );
    }
    result.data.set(value.data, i * value.data.length);
  });
  return result;
}
