import { readImage } from '../data/readers.js';
import { resizeImage } from '../data/resize.js';
import type { HostArray } from '../data/host-array.js';
import { ArgumentError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import type { PictureFormat } from '../recipes/recipe.js';

/** A picture made ready for a model, and what had to be done to it. */
export interface InputPicture {
  /** `[1, channels, height, width]`, uint8. */
  readonly input: HostArray;
  /** In words, for the person whose picture it is. */
  readonly changes: readonly string[];
}

/**
 * Reads a PNG or JPEG file and turns it into what a model was trained on: grey or colour, its size, and, for models of bright
 * drawings on a dark background, the background dark and the drawing in the middle.
 *
 * @throws DataError if the file cannot be read.
 * @throws FormatError if it is no PNG or JPEG picture, or damaged.
 */
export async function inputPicture(
  path: string,
  inputShape: readonly number[],
  format: PictureFormat,
): Promise<InputPicture> {
  const [channels, height, width] = inputShape;
  if ((channels !== 1 && channels !== 3) || height === undefined || width === undefined) {
    throw new ArgumentError(
      `the model takes inputs of shape ${formatShape(inputShape)}, which is no picture`,
    );
  }
  const changes: string[] = [];
  let picture = await readImage(path, { channels });
  const [, oldHeight = 0, oldWidth = 0] = picture.shape;
  if (format.background === 'dark' && edgeBrightness(picture) > 127) {
    picture = { ...picture, data: picture.data.map((value: number) => 255 - value) };
    changes.push('inverted, since its background is light and the model knows bright on dark');
  }
  if (oldHeight !== height || oldWidth !== width) {
    const framed =
      format.background === 'dark' ? frameDrawing(picture, format.margin ?? 0, height) : undefined;
    if (framed !== undefined) changes.push('moved to the middle');
    picture = resizeImage(framed ?? picture, height, width);
    changes.push(`resized from ${oldWidth}x${oldHeight} to ${width}x${height}`);
  }
  return { input: { ...picture, shape: [1, channels, height, width] }, changes };
}

/** The mean brightness along the edge. */
function edgeBrightness({ data, shape }: HostArray): number {
  const [channels = 0, height = 0, width = 0] = shape;
  let [sum, count] = [0, 0];
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      const step = y === 0 || y === height - 1 ? 1 : Math.max(1, width - 1);
      for (let x = 0; x < width; x += step) {
        sum += data[(channel * height + y) * width + x] ?? 0;
        count++;
      }
    }
  }
  return sum / count;
}

/** Pixels this bright, relative to the brightest, belong to a drawing. */
const DRAWN = 0.35;

/**
 * A square picture with the drawing of a grey one in its middle, placed as MNIST's digits were (LeCun et al. 1998): the longer side of
 * its box leaves `margin` of `side` pixels free at both ends, and its centre of mass is in the middle. The background becomes black, the
 * brightest ink white. Undefined for an empty picture.
 */
function frameDrawing(picture: HostArray, margin: number, side: number): HostArray | undefined {
  const { data, shape, dtype } = picture;
  const [channels = 0, height = 0, width = 0] = shape;
  if (channels !== 1) return undefined;
  const background = edgeBrightness(picture);
  let brightest = 0;
  for (const value of data) brightest = Math.max(brightest, value);
  if (brightest - background < 16) return undefined;
  const ink = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= width || y >= height
      ? 0
      : Math.max(0, ((data[y * width + x] ?? 0) - background) / (brightest - background));

  let [left, right, top, bottom] = [width, 0, height, 0];
  let [mass, momentX, momentY] = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const weight = ink(x, y);
      if (weight < DRAWN) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
      mass += weight;
      momentX += weight * (x + 0.5);
      momentY += weight * (y + 0.5);
    }
  }
  const longer = Math.max(right - left, bottom - top) + 1;
  const size = Math.round((longer * side) / (side - 2 * margin));
  const x0 = Math.round(momentX / mass - size / 2);
  const y0 = Math.round(momentY / mass - size / 2);
  const out = new Uint8Array(size * size);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) out[y * size + x] = Math.round(255 * ink(x + x0, y + y0));
  return { data: out, shape: [1, size, size], dtype };
}
