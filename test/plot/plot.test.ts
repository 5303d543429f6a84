import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/core/errors.js';
import { confusionChart, historyChart, svgToPng } from '../../src/plot/index.js';
import type { EpochRecord } from '../../src/train/history.js';

const record = (epoch: number, more: Partial<EpochRecord> = {}): EpochRecord => ({
  epoch,
  loss: 1 / epoch,
  seconds: 1,
  samplesPerSecond: 10,
  lr: 0.1,
  ...more,
});
const full = (epoch: number): EpochRecord =>
  record(epoch, { accuracy: 1 - 1 / (epoch + 1), valLoss: 1.1 / epoch, valAccuracy: 1 - 1.2 / (epoch + 1) });

const texts = (svg: string): string[] =>
  [...svg.matchAll(/<text[^>]*>([^<]+)<\/text>/g)].map((match) => match[1] ?? '');
const count = (list: readonly string[], wanted: string): number =>
  list.filter((text) => text === wanted).length;

describe('historyChart', () => {
  it('has a panel for loss and one for accuracy, each with both lines named', async () => {
    const labels = texts(await historyChart([full(1), full(2), full(3)]));
    for (const label of ['loss', 'accuracy']) expect(count(labels, label), label).toBe(1);
    for (const label of ['training', 'validation', 'epoch']) expect(count(labels, label), label).toBe(2);
  });
  it('has one panel and one line where nothing else was measured', async () => {
    const labels = texts(await historyChart([record(1), record(2)]));
    expect([count(labels, 'loss'), count(labels, 'accuracy'), count(labels, 'validation')]).toEqual([
      1, 0, 0,
    ]);
  });
  it('says what came out, under its title', async () => {
    const labels = texts(await historyChart([full(1), full(2)], { title: 'Digits & <more>' }));
    expect(labels).toContain('Digits &amp; &lt;more&gt;');
    expect(labels.join()).toContain(
      '2 epochs  ·  final loss 0.5000  ·  validation loss 0.5500  ·  validation accuracy 60.00%',
    );
  });
  it('numbers long runs sparsely', async () => {
    const labels = texts(await historyChart(Array.from({ length: 60 }, (_, i) => record(i + 1))));
    expect(labels).toContain('60');
    expect(labels).not.toContain('7');
  });
  it('leaves out values that are no numbers, and draws a single epoch and equal values', async () => {
    expect(await historyChart([record(1, { loss: Number.NaN }), record(2)])).not.toContain('NaN');
    expect(await historyChart([full(1)])).not.toContain('NaN');
    expect(await historyChart([record(1, { loss: 0 }), record(2, { loss: 0 })])).not.toContain('NaN');
  });
  it('refuses a run without epochs', async () => {
    await expect(historyChart([])).rejects.toThrow(ArgumentError);
  });
});

describe('confusionChart', () => {
  const matrix = [
    [9, 1],
    [0, 8],
  ];
  it('has the names of the classes along both axes, and the counts that are not 0', async () => {
    const labels = texts(await confusionChart(matrix, ['cat', 'dog']));
    expect([count(labels, 'cat'), count(labels, 'dog')]).toEqual([2, 2]);
    expect([count(labels, '9'), count(labels, '1'), count(labels, '8'), count(labels, '0')]).toEqual([
      1, 1, 1, 0,
    ]);
    expect(labels).toContain('predicted class');
    expect(labels).toContain('actual class');
  });
  it('says how many were right', async () => {
    expect(await confusionChart(matrix, ['cat', 'dog'])).toContain('17 of 18 right (94.4%)');
  });
  it('keeps classes of one name apart', async () => {
    expect(texts(await confusionChart(matrix, ['cat', 'cat']))).toContain('cat (1)');
  });
  it('stays readable for a hundred classes, and draws one that has no samples', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `class ${i}`);
    const svg = await confusionChart(
      names.map((_, i) => names.map((__, j) => (i === j ? i : 0))),
      names,
    );
    expect(Number(/width="(\d+)"/.exec(svg)?.[1])).toBeLessThan(1100);
    expect(svg).not.toContain('NaN');
  });
  it.each([
    ['too few rows', [[1, 0]]],
    ['rows too short', [[1], [0]]],
  ])('refuses %s', async (_, rows) => {
    await expect(confusionChart(rows, ['cat', 'dog'])).rejects.toThrow(ShapeError);
  });
});

describe('svgToPng', () => {
  const square = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"></svg>';
  it('draws on white, at twice the size unless told', async () => {
    const { width, height, data } = decode(await svgToPng(square));
    expect([width, height]).toEqual([80, 40]);
    expect(new Set(data)).toEqual(new Set([255]));
    expect(decode(await svgToPng(square, { scale: 1 })).width).toBe(40);
  });
  it('draws text with its own font', async () => {
    const text = square.replace('</svg>', '<text x="2" y="15" font-family="sans-serif">Wg</text></svg>');
    const { data } = decode(await svgToPng(text));
    expect([...data].filter((value, i) => i % 4 === 0 && value < 100).length).toBeGreaterThan(50);
  });
  it('refuses what is no picture, and scales that make none', async () => {
    await expect(svgToPng('<html></html>')).rejects.toThrow(ArgumentError);
    await expect(svgToPng(square, { scale: 0 })).rejects.toThrow(ArgumentError);
  });
});
