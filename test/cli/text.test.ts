import { describe, expect, it } from 'vitest';
import { confusionTable } from '../../src/cli/confusion-table.js';
import { formatBytes, formatLoss, formatPercent, formatSeconds, formatTable } from '../../src/cli/format.js';
import { nearestName } from '../../src/cli/nearest-name.js';

describe('nearestName', () => {
  const names = ['digits-cnn', 'mnist-cnn', 'mnist-cnn-small', 'mnist-mlp', 'xor'];
  it.each([
    ['mnist-cn', 'mnist-cnn'],
    ['minst-cnn', 'mnist-cnn'],
    ['MNIST-MLP', 'mnist-mlp'],
    ['xro', 'xor'],
    ['digits', 'digits-cnn'],
  ])('%s is meant as %s', (typed, meant) => {
    expect(nearestName(typed, names)).toBe(meant);
  });

  it.each(['banana', '', 'q'])("'%s' is meant as none", (typed) => {
    expect(nearestName(typed, names)).toBeUndefined();
  });
});

describe('numbers for people', () => {
  it.each([
    [3.14159, '3.1 s'],
    [42.4, '42 s'],
    [99.7, '1:40'],
    [125, '2:05'],
    [3725, '1:02:05'],
  ])('%d seconds are %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

  it.each([
    [0.03125, '0.0313'],
    [1.5e-7, '1.50e-7'],
    [0, '0.0000'],
    [NaN, 'NaN'],
  ])('a loss of %d is %s', (loss, text) => expect(formatLoss(loss)).toBe(text));

  it('shares are percentages with two decimals', () => expect(formatPercent(0.98765)).toBe('98.77%'));
  it('bytes have binary units', () => expect(formatBytes(3 * 2 ** 20)).toBe('3.0 MiB'));

  it('tables have a flush left first column', () => {
    expect(
      formatTable([
        ['a', '1'],
        ['long', '200'],
      ]),
    ).toBe('a       1\nlong  200');
  });
});

describe('confusionTable', () => {
  it('has a row for each actual class and the share that was found', () => {
    expect(
      confusionTable(
        [
          [9, 1],
          [0, 0],
        ],
        ['0', '1'],
      ),
    ).toBe(
      [
        'actual \\ predicted  0  1  found',
        '0                   9  1  90.0%',
        '1                   .  .      -',
      ].join('\n'),
    );
  });

  it('numbers the columns of long names', () => {
    const lines = confusionTable(
      [
        [1, 0],
        [0, 2],
      ],
      ['T-shirt/top', 'Trouser'],
    ).split('\n');
    expect(lines[0]).toMatch(/^actual \\ predicted +0 +1 +found$/);
    expect(lines[2]).toMatch(/^1 Trouser +\. +2 +100\.0%$/);
  });
});
