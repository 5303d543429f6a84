import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { inputPicture } from '../../src/cli/input-picture.js';

/** A grey PNG file of `width` by `height` pixels. */
async function png(width: number, height: number, pixel: (x: number, y: number) => number): Promise<string> {
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[y * width + x] = pixel(x, y);
  const path = join(await mkdtemp(join(tmpdir(), 'loom-picture-')), 'picture.png');
  await writeFile(path, encode({ width, height, data, channels: 1, depth: 8 }));
  return path;
}

const onDark = { background: 'dark', margin: 4 } as const;

describe('inputPicture', () => {
  it('takes a picture of the right kind as it is', async () => {
    const path = await png(28, 28, (x, y) => (x === 14 && y > 5 && y < 22 ? 250 : 0));
    const { input, changes } = await inputPicture(path, [1, 28, 28], onDark);
    expect(changes).toEqual([]);
    expect(input.shape).toEqual([1, 1, 28, 28]);
    expect(input.data[10 * 28 + 14]).toBe(250);
  });

  it('inverts a light background, and says so', async () => {
    const path = await png(28, 28, (x) => (x === 14 ? 0 : 255));
    const { input, changes } = await inputPicture(path, [1, 28, 28], onDark);
    expect(changes.join()).toContain('inverted');
    expect([input.data[0], input.data[14]]).toEqual([0, 255]);
  });

  it('leaves the background alone where any will do', async () => {
    const path = await png(28, 28, () => 255);
    const { changes } = await inputPicture(path, [1, 28, 28], { background: 'any' });
    expect(changes).toEqual([]);
  });

  it('puts a drawing of another size into the middle, with its margin', async () => {
    // A bar of 10x40 in a corner of a sheet of paper.
    const path = await png(200, 120, (x, y) => (x >= 150 && x < 160 && y >= 70 && y < 110 ? 20 : 240));
    const { input, changes } = await inputPicture(path, [1, 28, 28], onDark);
    expect(changes).toEqual([
      expect.stringContaining('inverted'),
      'moved to the middle',
      'resized from 200x120 to 28x28',
    ]);
    const rows = Array.from({ length: 28 }, (_, y) => Math.max(...input.data.subarray(y * 28, (y + 1) * 28)));
    const drawn = rows.flatMap((brightest, y) => (brightest > 100 ? [y] : []));
    expect([drawn[0], drawn.at(-1)]).toEqual([4, 23]);
    expect(input.data[14 * 28 + 14]).toBeGreaterThan(150);
  });

  it('resizes an empty picture without looking for a drawing', async () => {
    const path = await png(50, 50, () => 0);
    const { input, changes } = await inputPicture(path, [1, 28, 28], onDark);
    expect(changes).toEqual(['resized from 50x50 to 28x28']);
    expect(Math.max(...input.data)).toBe(0);
  });

  it('refuses a broken picture', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'loom-picture-')), 'broken.png');
    await writeFile(path, 'not a picture');
    await expect(inputPicture(path, [1, 28, 28], onDark)).rejects.toThrow(/neither a PNG nor a JPEG/);
  });
});
