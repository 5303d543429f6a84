import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DataError, FormatError } from '../../src/core/errors.js';
import { parseIdx, readIdx } from '../../src/data/index.js';
import { idxBytes, temporaryFile, temporaryFolder, values } from './support.js';

const ramp = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);
const file = idxBytes([2, 3, 4], ramp(24));

describe('parseIdx', () => {
  it('reads bytes without copying them', () => {
    const array = parseIdx(file);
    expect([array.shape, array.dtype, values(array)]).toEqual([[2, 3, 4], 'uint8', [...ramp(24)]]);
    expect(array.data.buffer).toBe(file.buffer);
  });
  it.each([
    ['signed bytes', 0x09, [0xff, 0x02], 'int8', [-1, 2]],
    ['shorts', 0x0b, [0xff, 0xfe, 0x01, 0x00], 'int32', [-2, 256]],
    ['ints', 0x0c, [0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff], 'int32', [256, -1]],
    ['floats', 0x0d, [0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0], 'float32', [1, -2]],
    ['doubles', 0x0e, [0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0], 'float64', [1.5, -1]],
  ])('reads big-endian %s', (_, type, bytes, dtype, expected) => {
    const array = parseIdx(idxBytes([2], Uint8Array.from(bytes), type));
    expect([array.dtype, array.shape, values(array)]).toEqual([dtype, [2], expected]);
  });
  it.each([
    ['nothing', [], /labels is not an IDX file.*found nothing/],
    ['a PNG', [0x89, 0x50, 0x4e, 0x47, 0x0d], /not an IDX file.*found 89 50 4e 47/],
    ['an unknown element type', [0, 0, 7, 1, 0, 0, 0, 0], /not an IDX file.*found 00 00 07 01/],
    ['no axes', [0, 0, 8, 0], /not an IDX file/],
    ['half a header', [0, 0, 8, 2, 0, 0, 0, 1], /truncated: its header of 2 axes needs 12 bytes, found 8/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseIdx(Uint8Array.from(bytes), 'labels')).toThrow(FormatError);
    expect(() => parseIdx(Uint8Array.from(bytes), 'labels')).toThrow(message);
  });
  it('refuses a truncated file, saying what was expected and found', () => {
    expect(() => parseIdx(file.subarray(0, 30), 'f')).toThrow(
      /f is truncated.*\[2, 3, 4\].*40 bytes in all, found 30/,
    );
  });
  it('refuses bytes after the end', () => {
    expect(() => parseIdx(Uint8Array.from([...file, 0]), 'f')).toThrow(/bytes after its end.*40.*found 41/);
  });
  it('refuses a header that asks for gigabytes without allocating them', () => {
    const huge = idxBytes([0xffffffff, 0xffffffff, 0xffff], new Uint8Array(8), 0x0e);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => parseIdx(huge, 'f')).toThrow(FormatError);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
  });
});

describe('readIdx', () => {
  it('reads a plain file and a compressed one, whatever their names', async () => {
    expect(values(await readIdx(await temporaryFile('plain.gz', file)))).toEqual([...ramp(24)]);
    expect(values(await readIdx(await temporaryFile('packed', gzipSync(file))))).toEqual([...ramp(24)]);
  });
  it('names a file that does not exist, or is a folder', async () => {
    const folder = await temporaryFolder();
    await expect(readIdx(`${folder}/none`)).rejects.toThrow(DataError);
    await expect(readIdx(`${folder}/none`)).rejects.toThrow(/cannot read .*none: it does not exist/);
    await expect(readIdx(folder)).rejects.toThrow(/it is a folder/);
  });
  it.each([
    [
      'compressed data that stops',
      gzipSync(file).subarray(0, 30),
      /truncated: its compressed data ends too early/,
    ],
    ['a header that stops', gzipSync(file).subarray(0, 11), FormatError],
    ['damaged compressed data', gzipSync(file).fill(0x55, 12, 30), /not a sound gzip file/],
    ['a compressed file of another format', gzipSync('hello world'), /not an IDX file.*found 68 65 6c 6c/],
    [
      'a compressed file with too little',
      gzipSync(file.subarray(0, 30)),
      /truncated.*40 bytes in all, found 30/,
    ],
    ['a compressed file with too much', gzipSync(new Uint8Array([...file, 1, 2])), /bytes after its end/],
    [
      'a small file that says it unpacks to gigabytes',
      gzipSync(idxBytes([60000, 1024, 1024], ramp(9))),
      /header asks for 62914560016 bytes, more than/,
    ],
  ])('refuses %s', async (_, bytes, expected) => {
    const path = await temporaryFile('file.gz', bytes);
    await expect(readIdx(path)).rejects.toThrow(FormatError);
    await expect(readIdx(path)).rejects.toThrow(expected);
    await expect(readIdx(path)).rejects.toThrow(path);
  });
  it('does not unpack a file that goes on for much longer than its header says', async () => {
    const path = await temporaryFile('bomb.gz', gzipSync(idxBytes([10], new Uint8Array(60e6))));
    const before = process.memoryUsage().arrayBuffers;
    await expect(readIdx(path)).rejects.toThrow(/unpacks to more than the 18 bytes/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30e6);
  });
});
