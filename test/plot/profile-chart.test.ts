import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../../src/core/errors.js';
import { profileChart, svgToPng } from '../../src/plot/index.js';
import { condense } from '../../src/plot/profile-spans.js';
import { kernel, measured } from '../support/profile.js';

const texts = (svg: string): string[] =>
  [...svg.matchAll(/<text[^>]*>([^<]+)<\/text>/g)].map((match) => match[1] ?? '');
const titles = (svg: string): string[] =>
  [...svg.matchAll(/<title>([^<]*)<\/title>/g)].map((match) => match[1] ?? '');

describe('profileChart', () => {
  it('has a row for each thread, with a labelled bar for each span', async () => {
    const labels = texts(await profileChart(measured));
    for (const label of ['thread 0', 'thread 1', 'ms since the run began']) expect(labels).toContain(label);
    expect(labels.filter((label) => label === '0 dot+where')).toHaveLength(2 + 1);
    expect(labels).toContain('1.80 ms');
  });

  it('has a line for each kernel, the dearest first, and one for the time without', async () => {
    const lines = texts(await profileChart(measured)).filter((label) => label.includes('%)'));
    expect(lines).toEqual([
      '2.00 ms (50.0%), 2.00 GFLOP/s, 50% of ceiling',
      '1.00 ms (25.0%), 5.00 GB/s, 50% of ceiling',
      '1.00 ms (25.0%)',
    ]);
  });

  it('says in a line what came out', async () => {
    const labels = texts(await profileChart(measured, { title: 'A step' }));
    expect(labels[0]).toBe('A step');
    expect(labels[1]).toBe(
      '4.00 ms on 2 threads (wasm)  ·  2 kernels  ·  1.00 GFLOP/s  ·  1.00 ms if every kernel were at its ceiling  ·  ' +
        '25.0% without a kernel  ·  ceilings: 80.0 GFLOP/s, 10.0 to 160 GB/s',
    );
  });

  it('explains the colours that occur, and no others', async () => {
    const labels = texts(await profileChart(measured));
    expect(labels).toContain('matrix product, convolution');
    expect(labels).not.toContain('scatter');
  });

  it('tells about bars and lines that are pointed at', async () => {
    const found = titles(await profileChart(measured));
    expect(found).toContainEqual(
      expect.stringMatching(/^thread 1, 0\.60 ms to 2\.40 ms \(1\.80 ms\)\n0 dot/),
    );
    expect(found).toContainEqual(expect.stringContaining('4.00 MB read, 1.00 MB written: 5.00 GB/s'));
  });

  it('gives short runs in microseconds', async () => {
    const spans = [{ kernel: 0, thread: 0, begin: 0.01, end: 0.04 }];
    const labels = texts(await profileChart({ ...measured, milliseconds: 0.05, spans }));
    expect(labels).toContain('µs since the run began');
    expect(labels).toContain('30.0 µs');
  });

  it('keeps many kernels to a page, and many spans to what can be seen', async () => {
    const kernels = Array.from({ length: 60 }, (_, i) => kernel(`op${i}`));
    const spans = Array.from({ length: 50_000 }, (_, i) => ({
      kernel: i % 60,
      thread: i % 2,
      begin: (4 * i) / 50_000,
      end: (4 * (i + 1)) / 50_000,
    }));
    const svg = await profileChart({ ...measured, kernels, spans });
    expect(texts(svg)).toContain('44 others');
    expect(svg.length).toBeLessThan(3e6);
    expect(Number(/height="(\d+)"/.exec(svg)?.[1])).toBeLessThan(1000);
  });

  it('draws kernels that took no time, and a run without spans', async () => {
    const none = kernel('nothing', { milliseconds: 0, ceilingMilliseconds: 0, ofCeiling: 0 });
    const svg = await profileChart({ ...measured, kernels: [none], spans: [] });
    expect(svg).not.toContain('NaN');
  });

  it('is a picture', async () => {
    const { width } = decode(await svgToPng(await profileChart(measured), { scale: 1 }));
    expect(width).toBe(1120);
  });

  it('refuses a profile of nothing', async () => {
    await expect(profileChart({ ...measured, kernels: [] })).rejects.toThrow(ArgumentError);
  });
});

describe('condense', () => {
  const span = (thread: number, begin: number, end: number, number = 0): (typeof measured.spans)[number] => ({
    kernel: number,
    thread,
    begin,
    end,
  });

  it('leaves spans alone that are long enough', () => {
    const spans = [span(0, 0, 1), span(0, 1, 2), span(1, 0, 2)];
    expect(condense(spans, 0.5)).toEqual(spans.map((each) => ({ ...each, kernels: 1 })));
  });

  it('joins short neighbours of a thread under the longest of them', () => {
    const spans = [span(0, 0, 0.1, 1), span(0, 0.1, 0.3, 2), span(0, 0.35, 0.4, 3), span(0, 5, 5.1, 4)];
    expect(condense(spans, 1)).toEqual([
      { kernel: 2, thread: 0, begin: 0, end: 0.4, kernels: 3 },
      { kernel: 4, thread: 0, begin: 5, end: 5.1, kernels: 1 },
    ]);
  });
});
