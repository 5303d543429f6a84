import { describe, expect, it } from 'vitest';
import { DataError, ArgumentError, ShapeError } from '../../src/core/errors.js';
import {
  ArrayDataset,
  collate,
  concatDatasets,
  gatherBatch,
  hostArray,
  hostArrayFrom,
  kFold,
  mapDataset,
  split,
  subset,
  take,
} from '../../src/data/index.js';
import type { Dataset } from '../../src/data/index.js';
import { values } from './support.js';

/** Sample i has input [i, 10 i] and target i. */
const counting = (length: number, from = 0): ArrayDataset =>
  new ArrayDataset(
    Array.from({ length }, (_, i) => [from + i, 10 * (from + i)]),
    Array.from({ length }, (_, i) => from + i),
  );

/** The same as an object that knows nothing but `get`, and answers later. */
const slow = (length: number): Dataset => ({
  length,
  get: async (i) => ({ input: hostArrayFrom([i, 10 * i]), target: hostArrayFrom(i) }),
});

const targets = async (dataset: Dataset): Promise<number[]> =>
  values(
    (
      await gatherBatch(
        dataset,
        Array.from({ length: dataset.length }, (_, i) => i),
      )
    ).targets,
  );

describe('hostArray', () => {
  it('takes its dtype from the typed array', () => {
    expect(hostArray(new Uint8Array(6), [2, 3])).toMatchObject({ shape: [2, 3], dtype: 'uint8' });
  });
  it('relabels bytes as another dtype on request', () => {
    expect(hostArray(Uint8Array.of(1, 0), [2], 'bool').dtype).toBe('bool');
  });
  it('refuses a shape of another size', () => {
    expect(() => hostArray(new Float32Array(5), [2, 3])).toThrow(/5 elements.*\[2, 3\].*6/);
  });
  it('is made from nested numbers', () => {
    const array = hostArrayFrom([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect([array.shape, array.dtype, values(array)]).toEqual([[2, 3], 'float32', [1, 2, 3, 4, 5, 6]]);
  });
  it('refuses ragged nested numbers', () => {
    expect(() => hostArrayFrom([[1, 2], [3]])).toThrow(ShapeError);
    expect(() => hostArrayFrom([[1, 2], 3])).toThrow(/ragged/);
    expect(() => hostArrayFrom([1, [2]])).toThrow(/ragged/);
  });
});

describe('ArrayDataset', () => {
  it('gives single samples', () => {
    const { input, target } = counting(4).get(2);
    expect([values(input), input.shape, values(target), target.shape]).toEqual([[2, 20], [2], [2], []]);
  });
  it('gathers several in the order asked for', () => {
    const { inputs, targets } = counting(4).gather([3, 0]);
    expect([values(inputs), inputs.shape, values(targets)]).toEqual([
      [3, 30, 0, 0],
      [2, 2],
      [3, 0],
    ]);
  });
  it('keeps uint8 inputs uint8 and turns labels into int32', () => {
    const labels = hostArray(Uint8Array.of(1, 0), [2]);
    const set = new ArrayDataset(hostArray(new Uint8Array(8), [2, 4]), labels, { classes: ['no', 'yes'] });
    const { inputs, targets } = set.gather([0, 1]);
    expect([inputs.dtype, targets.dtype, values(targets)]).toEqual(['uint8', 'int32', [1, 0]]);
  });
  it('refuses a different number of inputs and targets', () => {
    expect(() => new ArrayDataset([[1], [2]], [1])).toThrow(/\[2, 1\] and targets \[1\]/);
  });
  it.each([
    ['too large', [0, 1, 2], /sample 2 has label 2.*0 to 1/],
    ['negative', [0, -1, 1], /sample 1 has label -1/],
    ['a fraction', [0.5, 0, 1], /sample 0 has label 0.5/],
    ['not a number', [0, NaN, 1], /sample 1 has label NaN/],
  ])('refuses a label that is %s', (_, labels, message) => {
    expect(() => new ArrayDataset([[1], [2], [3]], labels, { classes: 2 })).toThrow(DataError);
    expect(() => new ArrayDataset([[1], [2], [3]], labels, { classes: 2 })).toThrow(message);
  });
  it.each([-1, 4, 1.5])('refuses index %s', (index) => {
    expect(() => counting(4).get(index)).toThrow(ArgumentError);
    expect(() => counting(4).gather([0, index])).toThrow(ArgumentError);
  });
});

describe('collate', () => {
  it('names the sample whose shape differs', () => {
    const target = hostArrayFrom(0);
    const samples = [
      { input: hostArrayFrom([1, 2]), target },
      { input: hostArrayFrom([1, 2, 3]), target },
    ];
    expect(() => collate(samples, [7, 9])).toThrow(
      /input of sample 9 is float32 \[3\], that of sample 7 float32 \[2\]/,
    );
  });
});

describe('gatherBatch', () => {
  it('stacks the samples of a data set that has no gather and answers later', async () => {
    const { inputs, targets } = await gatherBatch(slow(5), [4, 1]);
    expect([values(inputs), inputs.shape, values(targets)]).toEqual([
      [4, 40, 1, 10],
      [2, 2],
      [4, 1],
    ]);
  });
});

describe('subset, take', () => {
  it('gives the chosen samples, also of a subset', async () => {
    const odd = subset(counting(10), [1, 3, 5, 7, 9]);
    expect(await targets(odd)).toEqual([1, 3, 5, 7, 9]);
    expect(await targets(subset(odd, [4, 0]))).toEqual([9, 1]);
    expect(await targets(take(odd, 2))).toEqual([1, 3]);
  });
  it('takes all when there are fewer', () => {
    expect(take(counting(3), 100).length).toBe(3);
  });
  it('keeps the classes', () => {
    expect(subset(new ArrayDataset([[1], [2]], [0, 1], { classes: 2 }), [1]).classes).toBe(2);
  });
  it('refuses indices that do not exist', () => {
    expect(() => subset(counting(3), [3])).toThrow(/sample 3 does not exist: the data set has 3/);
    expect(() => take(counting(3), 0)).toThrow(ArgumentError);
  });
});

describe('split', () => {
  it('gives parts of the right sizes that do not overlap', async () => {
    const parts = split(counting(10), [0.7, 0.2, 0.1], 1);
    expect(parts.map((part) => part.length)).toEqual([7, 2, 1]);
    const all = (await Promise.all(parts.map(targets))).flat();
    expect(all.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
  it('depends on the seed alone', async () => {
    const first = async (seed: number): Promise<number[]> =>
      targets(split(counting(50), [0.5], seed)[0] ?? counting(1));
    expect(await first(3)).toEqual(await first(3));
    expect(await first(3)).not.toEqual(await first(4));
  });
  it.each([[[]], [[0.5, 0.6]], [[0, 1]], [[-0.1]], [[NaN]]])('refuses the fractions %j', (fractions) => {
    expect(() => split(counting(10), fractions)).toThrow(ArgumentError);
  });
  it('refuses a part without samples', () => {
    expect(() => split(counting(10), [0.98, 0.02])).toThrow(/empty part/);
  });
});

describe('kFold', () => {
  it('puts every sample into exactly one validation part, and into training otherwise', async () => {
    const folds = kFold(counting(11), 3, 5);
    expect(folds.map(({ validation }) => validation.length)).toEqual([3, 4, 4]);
    const validated: number[] = [];
    for (const { training, validation } of folds) {
      const [inTraining, inValidation] = [await targets(training), await targets(validation)];
      validated.push(...inValidation);
      expect([...inTraining, ...inValidation].toSorted((a, b) => a - b)).toEqual(await targets(counting(11)));
    }
    expect(validated.toSorted((a, b) => a - b)).toEqual(await targets(counting(11)));
  });
  it.each([1, 2.5, 12])('refuses k = %s for 11 samples', (k) => {
    expect(() => kFold(counting(11), k)).toThrow(ArgumentError);
  });
});

describe('concatDatasets', () => {
  it('gives the samples of all parts, in whatever order they are asked for', async () => {
    const all = concatDatasets(counting(3), slow(2), counting(2, 100));
    expect(await targets(all)).toEqual([0, 1, 2, 0, 1, 100, 101]);
    const { inputs, targets: mixed } = await gatherBatch(all, [6, 0, 4, 2]);
    expect([values(inputs), values(mixed)]).toEqual([
      [101, 1010, 0, 0, 1, 10, 2, 20],
      [101, 0, 1, 2],
    ]);
    expect(values((await all.get(5)).target)).toEqual([100]);
  });
  it('refuses parts with different classes', () => {
    const labelled = new ArrayDataset([[1]], [0], { classes: ['a'] });
    expect(() => concatDatasets(labelled, counting(1))).toThrow(
      /data set 1 has no classes, the first has the classes a/,
    );
  });
});

describe('mapDataset', () => {
  it('changes samples when they are asked for', async () => {
    const doubled = mapDataset(slow(4), ({ input, target }, index) => ({
      input: hostArrayFrom(values(input).map((x) => 2 * x + index)),
      target,
    }));
    expect(values((await doubled.get(3)).input)).toEqual([9, 63]);
    expect(values((await gatherBatch(doubled, [1, 2])).inputs)).toEqual([3, 21, 6, 42]);
  });
  it('drops the classes when told that targets are no labels any more', () => {
    const labelled = new ArrayDataset([[1]], [0], { classes: 1 });
    expect(mapDataset(labelled, (sample) => sample).classes).toBe(1);
    expect(mapDataset(labelled, (sample) => sample, null).classes).toBeUndefined();
  });
});
