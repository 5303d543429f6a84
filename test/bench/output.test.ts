import { describe, expect, test } from 'vitest';
import { limitBar, peerBar } from '../../bench/bars.js';
import { summarize, type Timing } from '../../bench/measure.js';
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
  work: { flops: 1e9, bytes: 1e6, bound: 'flops' },
  limit: { bound: '128-bit FMA', median: 7, min: 6 },
  bars: [],
  peers: new Map<string, Timing | string>([
    ['pytorch', { median: 25, min: 24, count: 5 }],
    ['tfjs-wasm', 'Kernel not registered'],
  ]),
  note: '',
};

const cells = (line: string | undefined): string[] | undefined => line?.trim().split(/ {2,}/);

describe('what the benchmark prints', () => {
  test('the rows have the names that issues and notes refer to', () => {
    expect(rows.map((row) => row.name)).toEqual([
      ...['sgemm-256', 'sgemm-512', 'sgemm-1024', 'sgemm-2048'],
      ...['mnist-mlp', 'mnist-cnn', 'lenet-cifar', 'conv-bn'],
      ...['elementwise', 'softmax', 'infer-cnn'],
      ...[
        'compile-cnn',
        'compile-cnn-kept',
        'compile-resnet18',
        'compile-resnet18-kept',
        'start-up',
        'heap',
        'epoch-cnn',
      ],
    ]);
  });

  test('a line of JSON has our median, the limit, and how much faster we are; null where a peer cannot', () => {
    expect(JSON.parse(toJson(result))).toEqual({
      name: 'mnist-cnn',
      target: 'wasm',
      threads: 2,
      ms: 10,
      limit: 7,
      bound: '128-bit FMA',
      flops: 1e9,
      bytes: 1e6,
      ofLimit: 0.7,
      ratio: { pytorch: 2.5, 'tfjs-wasm': null },
      min: 8,
    });
  });

  test('a line of JSON says which bars are met; null where nobody was asked', () => {
    const bars = [limitBar(0.8), peerBar(2, 'pytorch'), peerBar(1, 'jax-js')];
    expect(JSON.parse(toJson({ ...result, bars }))).toMatchObject({
      bars: [
        { bar: '80% of limit', figure: '70% of limit', met: false },
        { bar: '2x pytorch', figure: '2.50x pytorch', met: true },
        { bar: '1x jax-js', figure: 'jax-js not measured', met: null },
      ],
    });
  });

  test('a row that failed says so', () => {
    const failed = JSON.parse(toJson({ ...result, ours: undefined, failure: 'no memory' })) as unknown;
    expect(failed).toMatchObject({ ms: null, failure: 'no memory', ratio: { pytorch: null } });
  });

  test('the table shows times, ratios and the share of the limit', () => {
    const [header, line, ...notes] = formatTable([result], ['pytorch', 'tfjs-wasm']).split('\n');
    const peerColumns = ['pytorch', 'ratio', 'tfjs-wasm', 'ratio'];
    expect(cells(header)).toEqual([
      ...['row', 'target', 'threads', 'ours ms', '(min)', 'limit', 'of limit', '(best)', 'bars'],
      ...peerColumns,
    ]);
    expect(cells(line)).toEqual([
      ...['mnist-cnn', 'wasm', '2', '10.0', '(8.00)', '7.00', '70%', '(75%)'],
      ...['25.0', '2.50x', 'cannot'],
    ]);
    expect(notes).toEqual([
      '',
      'limit by 128-bit FMA: mnist-cnn (wasm)',
      '',
      'mnist-cnn, tfjs-wasm: Kernel not registered',
    ]);
  });

  test('the table marks a row that is below a bar, and says by how much', () => {
    const low = { ...result, bars: [limitBar(0.6), peerBar(3, 'pytorch')] };
    const [, line, , note] = formatTable([low], []).split('\n');
    expect(cells(line)?.at(-1)).toBe('BELOW');
    expect(note).toBe('below its bar: mnist-cnn on wasm must reach 3x pytorch; it has 2.50x pytorch');
  });

  test.each([
    ['met', [limitBar(0.6)], result],
    ['?', [peerBar(1, 'jax-js')], result],
    ['FAILED', [limitBar(0.6)], { ...result, ours: undefined }],
  ] as const)('the verdict %s', (verdict, bars, base) => {
    const [, line] = formatTable([{ ...base, bars }], []).split('\n');
    expect(cells(line)?.at(-1)).toBe(verdict);
  });

  test('peers without a figure have no column', () => {
    expect(formatTable([result], ['onnxruntime'])).not.toContain('onnxruntime');
  });
});

describe('figures', () => {
  test('the median of an even number of times lies between the middle two', () => {
    expect(summarize([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, count: 4 });
  });
});
