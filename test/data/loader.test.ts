import { describe, expect, it } from 'vitest';
import { ArgumentError, DataError } from '../../src/core/errors.js';
import { ArrayDataset, DataLoader, hostArrayFrom } from '../../src/data/index.js';
import type { Dataset, DataLoaderOptions, Transform } from '../../src/data/index.js';
import { collect, targetsOf } from './support.js';

const numbers = (length: number): ArrayDataset =>
  new ArrayDataset(
    Array.from({ length }, (_, i) => [i]),
    Array.from({ length }, (_, i) => i),
  );

const epoch = async (n: number, options: DataLoaderOptions, from = 0): Promise<number[][]> =>
  targetsOf(await collect(new DataLoader(numbers(20), options).epoch(n, { from })));

const sorted = (lists: readonly number[][]): number[] => lists.flat().toSorted((a, b) => a - b);

describe('DataLoader', () => {
  it('gives the samples in order, the last batch with what is left', async () => {
    expect(await epoch(0, { batchSize: 8 })).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7],
      [8, 9, 10, 11, 12, 13, 14, 15],
      [16, 17, 18, 19],
    ]);
  });
  it('leaves out an incomplete batch on request', async () => {
    const loader = new DataLoader(numbers(20), { batchSize: 8, dropLast: true });
    expect([loader.length, loader.samplesPerEpoch]).toEqual([2, 16]);
    expect(await collect(loader)).toHaveLength(2);
  });
  it('shuffles each epoch anew, with every sample once', async () => {
    const [first, second] = [await epoch(0, { shuffle: true }), await epoch(1, { shuffle: true })];
    expect(first).not.toEqual(second);
    for (const one of [first, second])
      expect(sorted(one)).toEqual(numbers(20).targets.data.join().split(',').map(Number));
  });
  it('gives the same epoch for the same seed, another for another', async () => {
    const options = { shuffle: true, seed: 7, batchSize: 6 };
    expect(await epoch(3, options)).toEqual(await epoch(3, options));
    expect(await epoch(3, options)).not.toEqual(await epoch(3, { ...options, seed: 8 }));
  });
  it('iterates over one epoch after the other', async () => {
    const loader = new DataLoader(numbers(20), { shuffle: true });
    const targets = async (): Promise<number[][]> =>
      Promise.all((await collect(loader)).map(([, y]) => y.array1d()));
    expect([await targets(), await targets()]).toEqual([
      await epoch(0, { shuffle: true }),
      await epoch(1, { shuffle: true }),
    ]);
  });
  it('resumes in the middle of an epoch with the batches that an uninterrupted one has', async () => {
    const noise: Transform = (batch, random) => ({
      inputs: batch.inputs,
      targets: hostArrayFrom(Array.from(batch.targets.data, (x) => x + random.uniform())),
    });
    const options = { shuffle: true, batchSize: 3, transform: noise };
    const whole = await epoch(2, options);
    expect(await epoch(2, options, 4)).toEqual(whole.slice(4));
    expect(await epoch(2, options, 7)).toEqual([]);
  });
  it.each([0, 1, 5, 100])('gives the same batches with a prefetch of %s', async (prefetch) => {
    const options = { shuffle: true, batchSize: 3 };
    expect(await epoch(1, { ...options, prefetch })).toEqual(await epoch(1, options));
  });
  it('assembles batches ahead while the caller waits for something else', async () => {
    const asked: number[] = [];
    const dataset: Dataset = {
      length: 6,
      get: (i) => {
        asked.push(i);
        return { input: hostArrayFrom(i), target: hostArrayFrom(i) };
      },
    };
    const batches = new DataLoader(dataset, { batchSize: 1, prefetch: 2 }).epoch(0);
    await batches.next();
    expect(asked).toEqual([0]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked).toEqual([0, 1, 2]);
  });
  it('reports a sample that fails when its batch is asked for, not before', async () => {
    const dataset: Dataset = {
      length: 4,
      get: async (i) => {
        if (i === 2) throw new DataError('sample 2 is broken');
        return { input: hostArrayFrom(i), target: hostArrayFrom(i) };
      },
    };
    const batches = new DataLoader(dataset, { batchSize: 1 }).epoch(0);
    await batches.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await batches.next()).value?.targets.data[0]).toBe(1);
    await expect(batches.next()).rejects.toThrow('sample 2 is broken');
  });
  it('names sample and label when a label is not one of the classes', async () => {
    const dataset: Dataset = {
      length: 5,
      classes: 3,
      get: (i) => ({ input: hostArrayFrom(i), target: hostArrayFrom(i === 4 ? 3 : 0) }),
    };
    const loader = new DataLoader(dataset, { batchSize: 2 });
    await expect(collect(loader)).rejects.toThrow(
      /sample 4 has label 3, but the 3 classes are numbered 0 to 2/,
    );
  });
  it.each([0, -1, 2.5, NaN])('refuses a batch size of %s', (batchSize) => {
    expect(() => new DataLoader(numbers(4), { batchSize })).toThrow(ArgumentError);
    expect(() => new DataLoader(numbers(4), { batchSize })).toThrow(`batchSize is ${batchSize}`);
  });
  it('refuses an empty data set, and dropLast when nothing would be left', () => {
    expect(() => new DataLoader({ length: 0, get: () => numbers(1).get(0) })).toThrow(DataError);
    expect(() => new DataLoader(numbers(3), { batchSize: 4, dropLast: true })).toThrow(
      /3 samples do not fill/,
    );
  });
  it.each([-1, 0.5])('refuses epoch %s', async (n) => {
    await expect(collect(new DataLoader(numbers(4)).epoch(n))).rejects.toThrow(ArgumentError);
  });
});
