import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../../src/core/errors.js';
import { digits } from '../../src/data/index.js';
import { values } from './support.js';

const small = digits({ train: 1000, test: 200, seed: 5 });

describe('digits', () => {
  it('gives 10,000 and 2,000 uint8 pictures unless told otherwise', () => {
    const { training, test, inputShape, classes } = digits();
    expect([training.inputs.shape, training.inputs.dtype]).toEqual([[10_000, 1, 28, 28], 'uint8']);
    expect([test.length, inputShape, classes.length]).toEqual([2_000, [1, 28, 28], 10]);
  });
  it('draws 12,000 of them in less than 1.5 s', () => {
    const start = performance.now();
    digits({ seed: 1 });
    expect(performance.now() - start).toBeLessThan(1500);
  });
  it('draws the same for the same seed, others for another', () => {
    expect(digits({ train: 50, test: 10, seed: 5 }).training.inputs.data).toEqual(
      small.training.inputs.data.subarray(0, 50 * 784),
    );
    expect(digits({ train: 50, test: 10, seed: 6 }).training.inputs.data).not.toEqual(
      small.training.inputs.data.subarray(0, 50 * 784),
    );
  });
  it('draws other pictures for testing than for training', () => {
    expect(small.test.inputs.data.subarray(0, 784 * 10)).not.toEqual(
      small.training.inputs.data.subarray(0, 784 * 10),
    );
  });
  it('has each digit once in every ten samples, in changing order', () => {
    const rounds = Array.from({ length: 20 }, (_, i) =>
      values(small.test.targets).slice(10 * i, 10 * i + 10),
    );
    for (const round of rounds) expect(round.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(new Set(rounds.map(String)).size).toBeGreaterThan(15);
  });
  it('draws with plenty of ink, and keeps off the edge of the picture', () => {
    const { data } = small.training.inputs;
    for (let i = 0; i < 1000; i++) {
      const image = Array.from(data.subarray(i * 784, (i + 1) * 784));
      const inked = image.filter((value) => value > 127).length;
      expect(inked).toBeGreaterThan(15);
      expect(inked).toBeLessThan(350);
      const edge = Array.from({ length: 28 }, (_, k) => [
        image[k],
        image[756 + k],
        image[28 * k],
        image[28 * k + 27],
      ]);
      expect(Math.max(...edge.flat().map((value) => value ?? 0))).toBeLessThan(128);
    }
  });
  it('states the mean and standard deviation that its pictures have', () => {
    const { training, mean, std } = digits();
    let [sum, squares] = [0, 0];
    for (const value of training.inputs.data) {
      sum += value / 255;
      squares += (value / 255) ** 2;
    }
    const average = sum / training.inputs.data.length;
    const square = squares / training.inputs.data.length;
    expect(average).toBeCloseTo(mean[0] ?? 0, 2);
    expect(Math.sqrt(square - average ** 2)).toBeCloseTo(std[0] ?? 0, 2);
  });
  it('can be told apart: the nearest of 1,000 training pictures has the same digit eight times in ten', () => {
    const { training, test } = small;
    let right = 0;
    for (let i = 0; i < 100; i++) {
      let best = Infinity;
      let label = -1;
      for (let j = 0; j < training.length; j++) {
        let distance = 0;
        for (let p = 0; p < 784; p++)
          distance += ((test.inputs.data[i * 784 + p] ?? 0) - (training.inputs.data[j * 784 + p] ?? 0)) ** 2;
        if (distance < best) [best, label] = [distance, training.targets.data[j] ?? -1];
      }
      if (label === test.targets.data[i]) right++;
    }
    expect(right).toBeGreaterThanOrEqual(80);
  });
  it.each([{ train: 0 }, { test: -1 }, { train: 1.5 }, { seed: 0.5 }])('refuses %j', (options) => {
    expect(() => digits(options)).toThrow(ArgumentError);
  });
});
