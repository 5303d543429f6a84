import { describe, expect, test } from 'vitest';
import { limitOf } from '../../bench/limits.js';
import { summarize, type Timing } from '../../bench/measure.js';
import { parseOptions } from '../../bench/options.js';
import { toJson, type Result } from '../../bench/result.js';
import { rows } from '../../bench/rows/index.js';
import { formatTable } from '../../bench/table.js';

const result: Result = {
  name: 'mnist-cnn',
  target: 'wasm',
  threads: 2,
  unit: 'ms',
  failure: undefined,
  ours: { median: 10, min: 8, count: 5 },
  limit: 7,
  peers: new Map<string, Timing | string>([
    ['pytorch', { median: 25, min: 24, count: 5 }],
    ['tfjs-wasm', 'Kernel not registered'],
  ]),
  note: '',
};

describe('what the benchmark prints', () => {
  test('the rows have the names that issues and notes refer to', () => {
    expect(rows.map((row) => row.name)).toEqual([
      ...['sgemm-256', 'sgemm-512', 'sgemm-1024'],
      ...['mnist-mlp', 'mnist-cnn', 'lenet-cifar'],
      ...['elementwise', 'softmax', 'infer-cnn'],
      ...['compile-cnn', 'start-up', 'heap', 'epoch-cnn'],
    ]);
  });

  test('a line of JSON has our median, the limit, and how much faster we are; null where a peer cannot', () => {
    expect(JSON.parse(toJson(result))).toEqual({
      name: 'mnist-cnn',
      target: 'wasm',
      threads: 2,
      ms: 10,
      limit: 7,
      ratio: { pytorch: 2.5, 'tfjs-wasm': null },
      min: 8,
    });
  });

  test('a row that failed says so', () => {
    const failed = JSON.parse(toJson({ ...result, ours: undefined, failure: 'no memory' })) as unknown;
    expect(failed).toMatchObject({ ms: null, failure: 'no memory', ratio: { pytorch: null } });
  });

  test('the table shows times, ratios and the share of the limit', () => {
    const [header, line, , note] = formatTable([result], ['pytorch', 'tfjs-wasm']).split('\n');
    expect(header?.trim().split(/ {2,}/)).toEqual([
      'row',
      'target',
      'threads',
      'ours ms',
      '(min)',
      'limit',
      'of limit',
      'pytorch',
      'ratio',
      'tfjs-wasm',
      'ratio',
    ]);
    expect(line?.trim().split(/ {2,}/)).toEqual([
      'mnist-cnn',
      'wasm',
      '2',
      '10.0',
      '(8.00)',
      '7.00',
      '70%',
      '25.0',
      '2.50x',
      'cannot',
    ]);
    expect(note).toBe('mnist-cnn, tfjs-wasm: Kernel not registered');
  });
});

describe('figures', () => {
  test('the median of an even number of times lies between the middle two', () => {
    expect(summarize([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, count: 4 });
  });

  test('the limit is the slower of arithmetic and memory', () => {
    const ceiling = { gigaflops: 100, gigabytes: 10 };
    expect(limitOf({ flops: 1e9, bytes: 1e6 }, ceiling)).toBe(10);
    expect(limitOf({ flops: 1e9, bytes: 1e9 }, ceiling)).toBe(100);
  });
});

describe('the command line', () => {
  const names = ['a', 'b'];

  test('rows are picked by name', () => {
    expect(parseOptions(['--only', 'a, b', '--json'], names)).toEqual({ json: true, only: ['a', 'b'] });
    expect(parseOptions([], names)).toEqual({ json: false, only: undefined });
  });

  test('an unknown row or option is named', () => {
    expect(parseOptions(['--only', 'a,c'], names)).toBe("there is no row 'c'");
    expect(parseOptions(['--quick'], names)).toContain('--quick');
  });
});
