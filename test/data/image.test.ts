import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { encode as encodePng } from 'fast-png';
import jpeg from 'jpeg-js';
import { describe, expect, it } from 'vitest';
import { ArgumentError, DataError, FormatError } from '../../src/core/errors.js';
import {
  DataLoader,
  decodeImage,
  hostArray,
  imageFolder,
  readImage,
  resizeImage,
} from '../../src/data/index.js';
import { collect, temporaryFile, temporaryFolder, targetsOf, values } from './support.js';

const png = (width: number, height: number, channels: number, data: readonly number[]): Uint8Array =>
  encodePng({ width, height, channels, data: Uint8Array.from(data) });

const grey = png(2, 2, 1, [0, 50, 100, 255]);

/** A JPEG of one colour. */
const jpegOf = (color: readonly number[], side = 16): Uint8Array =>
  jpeg.encode(
    {
      width: side,
      height: side,
      data: Uint8Array.from({ length: side * side * 4 }, (_, i) => color[i % 4] ?? 255),
    },
    95,
  ).data;

/** A PNG of any colour type and depth, its rows given as packed bytes. */
function rawPng(
  width: number,
  depth: number,
  colorType: number,
  rows: readonly (readonly number[])[],
  palette: readonly number[] = [],
): Uint8Array {
  const chunk = (type: string, body: Uint8Array): Buffer => {
    const named = Buffer.concat([Buffer.from(type), body]);
    const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(body.length);
    crc.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, crc]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(rows.length, 4);
  header.set([depth, colorType, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    ...(palette.length > 0 ? [chunk('PLTE', Uint8Array.from(palette))] : []),
    chunk('IDAT', deflateSync(Uint8Array.from(rows.flatMap((row) => [0, ...row])))),
    chunk('IEND', new Uint8Array()),
  ]);
}

/** A file tree. */
async function folderOf(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

describe('decodeImage', () => {
  it('gives planes of colours', async () => {
    const image = await decodeImage(png(2, 1, 3, [10, 20, 30, 40, 50, 60]));
    expect([image.shape, image.dtype, values(image)]).toEqual([[3, 1, 2], 'uint8', [10, 40, 20, 50, 30, 60]]);
  });
  it('gives grey as one plane, or as three equal ones', async () => {
    expect(values(await decodeImage(grey, 'f', { channels: 1 }))).toEqual([0, 50, 100, 255]);
    expect((await decodeImage(grey)).shape).toEqual([3, 2, 2]);
  });
  it('weighs colours by their brightness when they become grey', async () => {
    const rgb = png(3, 1, 3, [255, 0, 0, 0, 255, 0, 0, 0, 255]);
    expect(values(await decodeImage(rgb, 'f', { channels: 1 }))).toEqual([76, 150, 29]);
  });
  it('lays transparent parts over white', async () => {
    const image = await decodeImage(png(2, 1, 4, [0, 0, 0, 0, 0, 100, 200, 255]));
    expect(values(image)).toEqual([255, 0, 255, 100, 255, 200]);
    expect(values(await decodeImage(png(1, 1, 2, [0, 51]), 'f', { channels: 1 }))).toEqual([204]);
  });
  it('reads 16 bits as 8', async () => {
    const deep = encodePng({
      width: 2,
      height: 1,
      channels: 1,
      depth: 16,
      data: Uint16Array.of(0xffff, 0x8012),
    });
    expect(values(await decodeImage(deep, 'f', { channels: 1 }))).toEqual([255, 128]);
  });
  it.each([
    [1, [[0b10100000], [0b01000000]], [255, 0, 255, 0, 255, 0]],
    [2, [[0b00011000], [0b11111100]], [0, 85, 170, 255, 255, 255]],
    [
      4,
      [
        [0x0f, 0x10],
        [0x80, 0x20],
      ],
      [0, 255, 17, 136, 0, 34],
    ],
  ])('reads grey of %i bits, whose rows begin at whole bytes', async (depth, rows, expected) => {
    expect(values(await decodeImage(rawPng(3, depth, 0, rows), 'f', { channels: 1 }))).toEqual(expected);
  });
  it('reads colours from a palette', async () => {
    const image = await decodeImage(rawPng(3, 2, 3, [[0b00011000]], [1, 2, 3, 10, 20, 30, 100, 200, 250]));
    expect(values(image)).toEqual([1, 10, 100, 2, 20, 200, 3, 30, 250]);
  });
  it('reads JPEG', async () => {
    const image = await decodeImage(jpegOf([200, 100, 50, 255]));
    expect(image.shape).toEqual([3, 16, 16]);
    [200, 100, 50].forEach((value, i) =>
      expect(Math.abs((image.data[i * 256 + 40] ?? 0) - value)).toBeLessThan(6),
    );
  });
  it('brings pictures to a size, stretched or cropped', async () => {
    const wide = png(4, 2, 1, [0, 100, 100, 0, 0, 100, 100, 0]);
    const stretched = await decodeImage(wide, 'f', { channels: 1, size: [1, 2] });
    expect([stretched.shape, values(stretched)]).toEqual([
      [1, 1, 2],
      [57, 57],
    ]);
    const cropped = await decodeImage(wide, 'f', { channels: 1, size: 2, fit: 'crop' });
    expect([cropped.shape, values(cropped)]).toEqual([
      [1, 2, 2],
      [100, 100, 100, 100],
    ]);
  });
  it.each([
    ['nothing', new Uint8Array(), /a.png is neither a PNG nor a JPEG.*begins with nothing/],
    ['text', Buffer.from('hello'), /begins with 68 65 6c 6c/],
    ['a PNG that stops in its header', grey.subarray(0, 20), /not a sound PNG.*within its header/],
    ['a PNG that stops', grey.subarray(0, grey.length - 15), /not a sound PNG.*too early/],
    ['a PNG with damaged data', Uint8Array.from(grey).fill(0x33, 45, 49), /not a sound PNG.*[^:\s]\n/],
    ['a JPEG that stops', jpegOf([1, 2, 3, 255]).subarray(0, 300), /not a sound JPEG/],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(decodeImage(bytes, 'a.png')).rejects.toThrow(FormatError);
    await expect(decodeImage(bytes, 'a.png')).rejects.toThrow(message);
  });
  it('refuses a PNG that says it is enormous, before allocating', async () => {
    const huge = Uint8Array.from(grey);
    new DataView(huge.buffer).setUint32(16, 200_000);
    new DataView(huge.buffer).setUint32(20, 200_000);
    await expect(decodeImage(huge)).rejects.toThrow(/200000x200000 pixels/);
  });
  it.each([{ channels: 2 as 1 }, { size: 0 }, { size: [4, 2.5] as const }])('refuses %j', async (options) => {
    await expect(decodeImage(grey, 'f', options)).rejects.toThrow(ArgumentError);
  });
});

describe('resizeImage', () => {
  const picture = (height: number, width: number, data: readonly number[]) =>
    hostArray(Uint8Array.from(data), [1, height, width]);

  it('interpolates when a picture grows', () => {
    expect(values(resizeImage(picture(1, 2, [0, 100]), 1, 4))).toEqual([0, 25, 75, 100]);
  });
  it('averages when it shrinks, so that a fine pattern becomes grey', () => {
    const stripes = picture(
      8,
      8,
      Array.from({ length: 64 }, (_, i) => (i % 2) * 200),
    );
    const middle = values(resizeImage(stripes, 2, 2));
    for (const value of middle) expect(Math.abs(value - 100)).toBeLessThan(10);
  });
  it('keeps one colour one colour', () => {
    expect(new Set(values(resizeImage(picture(7, 5, new Array(35).fill(93)), 11, 3)))).toEqual(new Set([93]));
  });
});

describe('readImage', () => {
  it('reads a file', async () => {
    expect((await readImage(await temporaryFile('a.png', grey), { channels: 1, size: 28 })).shape).toEqual([
      1, 28, 28,
    ]);
  });
  it('names a file that is not there', async () => {
    await expect(readImage('/none/a.png')).rejects.toThrow(/cannot read \/none\/a.png: it does not exist/);
  });
});

describe('imageFolder', () => {
  const white = png(4, 4, 1, new Array(16).fill(255));

  it('takes the sub-folders as classes, the pictures at any depth, and leaves other files', async () => {
    const dir = await folderOf({
      'cats/b.png': grey,
      'cats/a.JPG': jpegOf([9, 9, 9, 255]),
      'cats/notes.txt': 'x',
      'dogs/old/c.jpeg': jpegOf([9, 9, 9, 255]),
      '.hidden/d.png': grey,
      'readme.md': 'x',
    });
    const folder = await imageFolder(dir, { size: 8, channels: 1 });
    expect([folder.classes, folder.length]).toEqual([['cats', 'dogs'], 3]);
    expect(folder.files).toEqual([
      join('cats', 'a.JPG'),
      join('cats', 'b.png'),
      join('dogs', 'old', 'c.jpeg'),
    ]);
    const batches = await collect(new DataLoader(folder, { batchSize: 2 }).epoch(0));
    expect(batches.map(({ inputs }) => [inputs.shape, inputs.dtype])).toEqual([
      [[2, 1, 8, 8], 'uint8'],
      [[1, 1, 8, 8], 'uint8'],
    ]);
    expect(targetsOf(batches)).toEqual([[0, 0], [1]]);
  });
  it('takes the classes in the order given', async () => {
    const dir = await folderOf({ 'a/1.png': grey, 'b/1.png': grey, 'c/1.png': grey });
    const folder = await imageFolder(dir, { classes: ['c', 'a'] });
    expect(folder.files).toEqual([join('c', '1.png'), join('a', '1.png')]);
    await expect(imageFolder(dir, { classes: ['d'] })).rejects.toThrow(/no sub-folder 'd'\n.*a, b, c/);
  });
  it('reads a file once when it keeps pictures', async () => {
    const dir = await folderOf({ 'a/1.png': grey });
    const folder = await imageFolder(dir, { channels: 1, cache: true });
    const first = await folder.get(0);
    await writeFile(join(dir, 'a/1.png'), white);
    expect(values((await folder.get(0)).input)).toEqual(values(first.input));
    const fresh = await imageFolder(dir, { channels: 1 });
    expect((await fresh.get(0)).input.shape).toEqual([1, 4, 4]);
  });
  it('names the picture that differs in size, and the one that is damaged, when they are read', async () => {
    const dir = await folderOf({ 'a/1.png': grey, 'a/2.png': white, 'b/3.png': 'not a picture' });
    const folder = await imageFolder(dir, { channels: 1 });
    await expect(collect(new DataLoader(folder, { batchSize: 2 }))).rejects.toThrow(
      /input of sample 1 is uint8 \[1, 4, 4\], that of sample 0 uint8 \[1, 2, 2\]/,
    );
    const damaged = collect(new DataLoader(folder, { batchSize: 1 }));
    await expect(damaged).rejects.toThrow(join(dir, 'b', '3.png'));
  });
  it.each([
    ['a folder without sub-folders', { 'a.png': grey }, /has no sub-folders with pictures/],
    ['a class without pictures', { 'a/1.png': grey, 'b/x.txt': '' }, /class folder .*b has no pictures/],
    ['an empty folder', {}, /has no sub-folders with pictures/],
  ])('refuses %s', async (_, files, message) => {
    const dir = await folderOf(files);
    await expect(imageFolder(dir)).rejects.toThrow(DataError);
    await expect(imageFolder(dir)).rejects.toThrow(message);
  });
  it('refuses a folder that does not exist, and a file', async () => {
    const dir = await folderOf({ 'a.png': grey });
    await expect(imageFolder(join(dir, 'none'))).rejects.toThrow(/it does not exist/);
    await expect(imageFolder(join(dir, 'a.png'))).rejects.toThrow(/it is not a folder/);
  });
});
