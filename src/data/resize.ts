import { ShapeError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import type { HostArray } from './host-array.js';

/**
 * A picture `[channels, height, width]` of uint8 in another size, by bilinear interpolation. When it gets smaller, every old pixel counts
 * (the filter widens with the scale, as in Pillow's `BILINEAR`), so that fine patterns do not turn into false ones.
 */
export function resizeImage(image: HostArray, height: number, width: number): HostArray {
  const [channels, oldHeight, oldWidth] = sizesOf(image);
  if (height === oldHeight && width === oldWidth) return image;
  const columns = filterOf(oldWidth, width);
  const rows = filterOf(oldHeight, height);
  const wide = new Float32Array(channels * oldHeight * width);
  for (let line = 0; line < channels * oldHeight; line++) {
    for (let x = 0; x < width; x++) {
      const { start, weights } = columns[x] ?? NOTHING;
      let sum = 0;
      for (let k = 0; k < weights.length; k++)
        sum += (weights[k] ?? 0) * (image.data[line * oldWidth + start + k] ?? 0);
      wide[line * width + x] = sum;
    }
  }
  const out = new Uint8ClampedArray(channels * height * width);
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      const { start, weights } = rows[y] ?? NOTHING;
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++)
          sum += (weights[k] ?? 0) * (wide[(channel * oldHeight + start + k) * width + x] ?? 0);
        out[(channel * height + y) * width + x] = sum;
      }
    }
  }
  return { data: new Uint8Array(out.buffer), shape: [channels, height, width], dtype: 'uint8' };
}

/** The largest middle part of a picture with the proportions of `height` to `width`. */
export function cropToShape(image: HostArray, height: number, width: number): HostArray {
  const [channels, oldHeight, oldWidth] = sizesOf(image);
  const newHeight = Math.max(1, Math.min(oldHeight, Math.round((oldWidth * height) / width)));
  const newWidth = Math.max(1, Math.min(oldWidth, Math.round((oldHeight * width) / height)));
  const top = Math.floor((oldHeight - newHeight) / 2);
  const left = Math.floor((oldWidth - newWidth) / 2);
  const out = new Uint8Array(channels * newHeight * newWidth);
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < newHeight; y++) {
      const from = (channel * oldHeight + top + y) * oldWidth + left;
      out.set(image.data.subarray(from, from + newWidth), (channel * newHeight + y) * newWidth);
    }
  }
  return { data: out, shape: [channels, newHeight, newWidth], dtype: 'uint8' };
}

/** The old pixels that one new pixel is made of, and how much each counts. */
interface Taps {
  readonly start: number;
  readonly weights: Float64Array;
}

const NOTHING: Taps = { start: 0, weights: new Float64Array() };

function filterOf(from: number, to: number): Taps[] {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const middle = (i + 0.5) * scale;
    const start = Math.max(0, Math.floor(middle - support));
    const end = Math.min(from, Math.ceil(middle + support));
    const weights = Float64Array.from({ length: end - start }, (__, k) =>
      Math.max(0, 1 - Math.abs(start + k + 0.5 - middle) / support),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { start, weights: weights.map((weight) => weight / sum) };
  });
}

function sizesOf({ shape, dtype }: HostArray): [channels: number, height: number, width: number] {
  const [channels, height, width] = shape;
  if (
    channels === undefined ||
    height === undefined ||
    width === undefined ||
    shape.length !== 3 ||
    dtype !== 'uint8'
  ) {
    throw new ShapeError(
      `expected a uint8 picture [channels, height, width], got ${dtype} ${formatShape(shape)}`,
    );
  }
  return [channels, height, width];
}
