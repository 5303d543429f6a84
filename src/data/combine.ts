import { ArgumentError, DataError } from '../core/errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import { HostRandom } from '../core/threefry.js';
import { checkIndex, collate, gatherBatch } from './dataset.js';
import type { Dataset } from './dataset.js';
import { emptyHostArray } from './host-array.js';
import type { Batch, HostArray, Sample } from './host-array.js';
import { classCount } from './labels.js';
import type { Classes } from './labels.js';

/** Carries the classes over, as an absent property where there are none. */
function withClasses(classes: Classes | undefined): { classes?: Classes } {
  return classes === undefined ? {} : { classes };
}

/**
 * The samples of `dataset` at `indices`, in that order; nothing is copied.
 *
 * @throws ArgumentError if an index does not exist.
 */
export function subset(dataset: Dataset, indices: ArrayLike<number>): Dataset {
  const chosen = Uint32Array.from(indices, (index) => {
    checkIndex(index, dataset.length);
    return index;
  });
  const at = (index: number): number => {
    checkIndex(index, chosen.length);
    return chosen[index] ?? 0;
  };
  return {
    length: chosen.length,
    get: (index) => dataset.get(at(index)),
    gather: (batch) => gatherBatch(dataset, Uint32Array.from(batch, at)),
    ...withClasses(dataset.classes),
  };
}

/** The first `count` samples, or all if there are fewer. */
export function take(dataset: Dataset, count: number): Dataset {
  if (!Number.isInteger(count) || count < 1)
    throw new ArgumentError(`take: ${count} is not a number of samples; give an integer of at least 1`);
  if (count >= dataset.length) return dataset;
  return subset(
    dataset,
    Array.from({ length: count }, (_, i) => i),
  );
}

/**
 * Random parts of `dataset` that do not overlap, in the given proportions.
 *
 * @param fractions sizes relative to the whole; they may sum to less than 1, then the rest is left out.
 * @example
 * ```ts
 * import { data } from 'tensorloom';
 *
 * const { training } = data.digits({ train: 100, test: 10 });
 * const [larger, smaller] = data.split(training, [0.8, 0.2], 0);
 * [larger?.length, smaller?.length]; // => [80, 20]
 * ```
 */
export function split(dataset: Dataset, fractions: readonly number[], seed = 0): Dataset[] {
  const total = fractions.reduce((sum, fraction) => sum + fraction, 0);
  if (fractions.length === 0 || !fractions.every((f) => f > 0 && f <= 1) || total > 1 + 1e-9) {
    throw new ArgumentError(
      `split: the fractions ${formatShape(fractions)} must each lie in (0, 1] and sum to at most 1`,
      'for example [0.9, 0.1]',
    );
  }
  const order = new HostRandom(seed).permutation(dataset.length);
  let sum = 0;
  let start = 0;
  return fractions.map((fraction) => {
    sum += fraction;
    const end = Math.min(dataset.length, Math.round(sum * dataset.length));
    const part = subset(dataset, order.subarray(start, end));
    if (part.length === 0)
      throw new ArgumentError(
        `split: fraction ${fraction} of ${dataset.length} samples leaves an empty part`,
      );
    start = end;
    return part;
  });
}

/** One round of cross-validation. */
export interface Fold {
  readonly training: Dataset;
  readonly validation: Dataset;
}

/**
 * `k` rounds of cross-validation: every sample is in exactly one validation part, the parts differing in size by at
 * most one.
 */
export function kFold(dataset: Dataset, k: number, seed = 0): Fold[] {
  if (!Number.isInteger(k) || k < 2 || k > dataset.length) {
    throw new ArgumentError(
      `kFold: k is ${k}; give an integer from 2 to the number of samples, ${dataset.length}`,
    );
  }
  const order = new HostRandom(seed).permutation(dataset.length);
  const bound = (fold: number): number => Math.floor((fold * dataset.length) / k);
  return Array.from({ length: k }, (_, fold) => {
    const [start, end] = [bound(fold), bound(fold + 1)];
    const rest = new Uint32Array(order.length - (end - start));
    rest.set(order.subarray(0, start));
    rest.set(order.subarray(end), start);
    return { training: subset(dataset, rest), validation: subset(dataset, order.subarray(start, end)) };
  });
}

/**
 * All samples of several data sets, one after the other.
 *
 * @throws DataError if they have different classes.
 */
export function concatDatasets(...datasets: readonly Dataset[]): Dataset {
  const [first] = datasets;
  if (first === undefined) throw new ArgumentError('concatDatasets: give at least one data set');
  const starts: number[] = [];
  let length = 0;
  for (const [i, part] of datasets.entries()) {
    if (!sameClasses(part.classes, first.classes)) {
      throw new DataError(
        `concatDatasets: data set ${i} has ${describeClasses(part.classes)}, the first has ${describeClasses(first.classes)}`,
      );
    }
    starts.push(length);
    length += part.length;
  }
  const locate = (index: number): [dataset: Dataset, part: number, index: number] => {
    checkIndex(index, length);
    let part = starts.length - 1;
    while ((starts[part] ?? 0) > index) part--;
    return [datasets[part] ?? first, part, index - (starts[part] ?? 0)];
  };
  const gather = async (indices: ArrayLike<number>): Promise<Batch> => {
    const places = datasets.map(() => ({ positions: [] as number[], indices: [] as number[] }));
    for (let i = 0; i < indices.length; i++) {
      const [, part, index] = locate(indices[i] ?? -1);
      places[part]?.positions.push(i);
      places[part]?.indices.push(index);
    }
    const parts: { positions: number[]; batch: Batch }[] = [];
    for (const [i, place] of places.entries()) {
      const dataset = datasets[i];
      if (dataset !== undefined && place.indices.length > 0)
        parts.push({ positions: place.positions, batch: await gatherBatch(dataset, place.indices) });
    }
    const merge = (side: 'inputs' | 'targets'): HostArray =>
      interleave(
        parts.map(({ positions, batch }) => ({ positions, rows: batch[side] })),
        indices.length,
      );
    return { inputs: merge('inputs'), targets: merge('targets') };
  };
  return {
    length,
    get: (index) => {
      const [dataset, , at] = locate(index);
      return dataset.get(at);
    },
    gather,
    ...withClasses(first.classes),
  };
}

/**
 * Each sample replaced by `change(sample, index)`, when it is asked for.
 *
 * @param classes the classes of the new targets; those of `dataset` when left out, `null` when they are no labels.
 */
export function mapDataset(
  dataset: Dataset,
  change: (sample: Sample, index: number) => Sample | Promise<Sample>,
  classes?: Classes | null,
): Dataset {
  const get = (index: number): Sample | Promise<Sample> => {
    const sample = dataset.get(index);
    return sample instanceof Promise ? sample.then((ready) => change(ready, index)) : change(sample, index);
  };
  return {
    length: dataset.length,
    get,
    gather: async (indices) =>
      collate(await Promise.all(Array.from(indices, async (index) => get(index))), indices),
    ...withClasses(classes === undefined ? dataset.classes : (classes ?? undefined)),
  };
}

function sameClasses(a: Classes | undefined, b: Classes | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (typeof a === 'number' || typeof b === 'number') return classCount(a) === classCount(b);
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

function describeClasses(classes: Classes | undefined): string {
  if (classes === undefined) return 'no classes';
  return typeof classes === 'number' ? `${classes} classes` : `the classes ${classes.join(', ')}`;
}

/** Rows of several arrays put at their positions in one. */
function interleave(
  parts: readonly { positions: readonly number[]; rows: HostArray }[],
  length: number,
): HostArray {
  const first = parts[0]?.rows;
  if (first === undefined) throw new ArgumentError('a batch needs at least one sample');
  const rowShape = first.shape.slice(1);
  const result = emptyHostArray(first.dtype, [length, ...rowShape]);
  const rowSize = result.data.length / length;
  for (const { positions, rows } of parts) {
    if (!sameShape(rows.shape.slice(1), rowShape) || rows.dtype !== first.dtype) {
      throw new DataError(
        `concatDatasets: samples are ${rows.dtype} ${formatShape(rows.shape.slice(1))} in one data set and ${first.dtype} ${formatShape(rowShape)} in another`,
      );
    }
    positions.forEach((position, i) => {
      result.data.set(rows.data.subarray(i * rowSize, (i + 1) * rowSize), position * rowSize);
    });
  }
  return result;
}
