import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/core/errors.js';
import { tensor, type Tensor } from '../../src/tensor/index.js';
import {
  accuracy,
  classReport,
  f1,
  mae,
  precision,
  recall,
  rmse,
  topK,
  type Metric,
} from '../../src/train/index.js';
import { confusionCounts, resolveMetrics, toMatrix } from '../../src/train/metrics.js';

const sums = async (metric: Metric, outputs: Tensor, targets: Tensor): Promise<number[]> =>
  metric.sums(outputs, targets).array1d();
const value = async (metric: Metric, outputs: Tensor, targets: Tensor): Promise<number> =>
  metric.value(await sums(metric, outputs, targets));
const labels = (...values: number[]): Tensor => tensor(values, { dtype: 'int32' });

const scores = tensor([
  [3, 1, 2],
  [0, 5, 1],
  [1, 2, 3],
  [9, 8, 7],
]);

describe('accuracy', () => {
  it('is the share of right classes', async () => {
    expect(await value(accuracy(), scores, labels(0, 1, 1, 0))).toBe(0.75);
  });
  it('takes labels of any dtype, and probabilities', async () => {
    expect(await value(accuracy(), scores, tensor([0, 1, 1, 0], { dtype: 'uint8' }))).toBe(0.75);
    expect(await value(accuracy(), scores, tensor([0, 1, 1, 0]))).toBe(0.75);
    const wanted = tensor([
      [0.8, 0.1, 0.1],
      [0, 1, 0],
      [0, 0.6, 0.4],
      [0.1, 0.9, 0],
    ]);
    expect(await value(accuracy(), scores, wanted)).toBe(0.5);
  });
  it('leaves out samples whose label is negative', async () => {
    expect(await sums(accuracy(), scores, labels(0, -1, 1, -100))).toEqual([1, 2]);
  });
  it('counts each pixel of outputs with further axes', async () => {
    const maps = tensor([
      [
        [1, 0],
        [0, 1],
        [0, 0],
      ],
    ]);
    expect(await value(accuracy(), maps, tensor([[0, 2]], { dtype: 'int32' }))).toBe(0.5);
  });
  it('takes a single output as a logit, or with a threshold as a probability', async () => {
    const logits = tensor([[-1], [0.2], [0.8], [3]]);
    expect(await value(accuracy(), logits, tensor([[0], [0], [1], [1]]))).toBe(0.75);
    expect(await value(accuracy({ threshold: 0.5 }), logits, tensor([[0], [0], [1], [1]]))).toBe(1);
    expect(await value(accuracy(), tensor([-1, 2]), labels(0, 1))).toBe(1);
  });
  it.each([
    ['labels too many', scores, labels(0, 1)],
    ['classes too many', scores, tensor([[1, 0]])],
    ['targets that fit no single output', tensor([[1], [2]]), labels(0, 1, 0)],
  ])('refuses %s', (_, outputs, targets) => {
    expect(() => accuracy().sums(outputs, targets)).toThrow(ShapeError);
  });
});

describe('topK', () => {
  it('is the share of samples whose class is among the k best', async () => {
    const targets = labels(1, 2, 0, 2);
    expect(await value(topK(1), scores, targets)).toBe(0);
    expect(await value(topK(2), scores, targets)).toBe(0.25);
    expect(await value(topK(3), scores, targets)).toBe(1);
  });
  it('of 1 is the accuracy, equal scores included (fast-check)', async () => {
    const table = fc.array(fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 0, max: 2 }))), {
      minLength: 5,
      maxLength: 5,
    });
    const truth = fc.array(fc.nat(2), { minLength: 5, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(table, truth, async (rows, classes) => {
        const outputs = tensor(rows);
        expect(await sums(topK(1), outputs, labels(...classes))).toEqual(
          await sums(accuracy(), outputs, labels(...classes)),
        );
      }),
      { numRuns: 30 },
    );
  });
  it('refuses a k of 0, and a single output', () => {
    expect(() => topK(0)).toThrow(ArgumentError);
    expect(() => topK(2).sums(tensor([[1], [2]]), labels(0, 1))).toThrow(ShapeError);
  });
});

describe('mae and rmse', () => {
  it('are means over all elements', async () => {
    const [outputs, targets] = [
      tensor([
        [1, 2],
        [3, 4],
      ]),
      tensor([
        [1, 2],
        [3, 0],
      ]),
    ];
    expect(await value(mae(), outputs, targets)).toBe(1);
    expect(await value(rmse(), outputs, targets)).toBe(2);
  });
  it('refuse shapes that would broadcast', () => {
    expect(() => mae().sums(tensor([[1], [2]]), tensor([1, 2]))).toThrow(ShapeError);
  });
});

describe('confusion, precision, recall and F1', () => {
  const outputs = tensor([
    [1, 0, 0],
    [1, 0, 0],
    [0, 1, 0],
    [0, 1, 0],
    [0, 1, 0],
  ]);
  const targets = labels(0, 1, 1, 1, 0);
  it('count each actual class by predicted class', async () => {
    expect(toMatrix(await sums(confusionCounts(), outputs, targets))).toEqual([
      [1, 1, 0],
      [1, 2, 0],
      [0, 0, 0],
    ]);
  });
  it('are averaged over the classes that occur, or over the samples', async () => {
    expect(await value(precision(), outputs, targets)).toBeCloseTo((1 / 2 + 2 / 3) / 2, 12);
    expect(await value(recall(), outputs, targets)).toBeCloseTo((1 / 2 + 2 / 3) / 2, 12);
    expect(await value(f1(), outputs, targets)).toBeCloseTo((1 / 2 + 2 / 3) / 2, 12);
    expect(await value(f1({ average: 'micro' }), outputs, targets)).toBeCloseTo(3 / 5, 12);
  });
  it('are reported for each class, as scikit-learn does', () => {
    const {
      perClass,
      accuracy: right,
      macro,
      micro,
    } = classReport([
      [5, 2, 0],
      [1, 3, 1],
      [0, 0, 0],
    ]);
    expect(right).toBeCloseTo(8 / 12, 12);
    expect(perClass[0]).toEqual({ precision: 5 / 6, recall: 5 / 7, f1: 10 / 13, support: 7 });
    expect(perClass[2]).toEqual({ precision: 0, recall: 0, f1: 0, support: 0 });
    expect(macro.recall).toBeCloseTo((5 / 7 + 3 / 5 + 0) / 3, 12);
    expect(micro).toEqual({ precision: 8 / 12, recall: 8 / 12, f1: 8 / 12 });
  });
  it('need a square matrix', () => {
    expect(() => classReport([[1, 2]])).toThrow(ShapeError);
  });
});

describe('metrics by name', () => {
  it('are the ones of that name', () => {
    const names = ['accuracy', 'top5', 'precision', 'recall', 'f1', 'mae', 'rmse'];
    expect(resolveMetrics(names).map(({ name }) => name)).toEqual(names);
  });
  it.each(['acuracy', 'top0', 'toString', 'top'])("refuse '%s'", (name) => {
    expect(() => resolveMetrics([name])).toThrow(ArgumentError);
  });
  it('refuse one that stands there twice', () => {
    expect(() => resolveMetrics(['f1', f1({ average: 'micro' })])).toThrow(/'f1' is there twice/);
  });
});
