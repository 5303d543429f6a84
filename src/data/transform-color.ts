import { ArgumentError, ShapeError } from '../core/errors.js';
import type { HostRandom } from '../core/threefry.js';
import { checkRange, picturesOf, withInputs } from './transform.js';
import type { Transform } from './transform.js';

/** Shares of red, green and blue in brightness (ITU-R BT.601). */
export const LUMA = [0.299, 0.587, 0.114] as const;

/** uint8 pictures as float32 from 0 to 1; float32 ones stay as they are. */
export function toFloat(): Transform {
  return (batch) => {
    const { data, full, dtype } = picturesOf(batch, 'toFloat');
    if (dtype === 'float32') return batch;
    const out = new Float32Array(data.length);
    for (let i = 0; i < out.length; i++) out[i] = (data[i] ?? 0) / full;
    return withInputs(batch, out, batch.inputs.shape);
  };
}

/**
 * `(x - mean) / std` for each channel, as float32. `mean` and `std` are for values from 0 to 1, to which uint8 pictures are
 * scaled first.
 *
 * @throws ArgumentError if a standard deviation is not positive.
 * @throws ShapeError if there are not as many numbers as channels.
 */
export function normalize(mean: readonly number[], std: readonly number[]): Transform {
  if (mean.length !== std.length || !std.every((value) => value > 0)) {
    throw new ArgumentError(
      `normalize: mean [${mean.join(', ')}] and std [${std.join(', ')}] must be equally many, std positive`,
    );
  }
  return (batch) => {
    const { data, count, channels, height, width, full } = picturesOf(batch, 'normalize');
    if (channels !== mean.length)
      throw new ShapeError(`normalize: ${mean.length} means for pictures of ${channels} channels`);
    const out = new Float32Array(data.length);
    const size = height * width;
    for (let plane = 0; plane < count * channels; plane++) {
      const scale = 1 / (full * (std[plane % channels] ?? 1));
      const offset = (mean[plane % channels] ?? 0) / (std[plane % channels] ?? 1);
      for (let i = plane * size; i < (plane + 1) * size; i++) out[i] = (data[i] ?? 0) * scale - offset;
    }
    return withInputs(batch, out, batch.inputs.shape);
  };
}

export interface ColorJitterOptions {
  /** Brightness is multiplied by up to 1 plus or minus this. */
  readonly brightness?: number;
  /** The distance from the picture's mean is multiplied by up to 1 plus or minus this. */
  readonly contrast?: number;
  /** The distance from grey is multiplied by up to 1 plus or minus this. */
  readonly saturation?: number;
  /** Colours turn around the grey axis by up to this part of the full circle, at most 0.5. */
  readonly hue?: number;
}

/**
 * Changes brightness, contrast, saturation and hue of each picture at random, in this order. Each is a linear map of the colour,
 * so a picture goes through one 3x4 matrix and is clipped once, at the end. Grey pictures take brightness and
 * contrast alone.
 *
 * @throws ArgumentError for a strength out of range.
 */
export function colorJitter(options: ColorJitterOptions): Transform {
  const { brightness = 0, contrast = 0, saturation = 0, hue = 0 } = options;
  checkRange('colorJitter', 'brightness', brightness, 0, 1);
  checkRange('colorJitter', 'contrast', contrast, 0, 1);
  checkRange('colorJitter', 'saturation', saturation, 0, 1);
  checkRange('colorJitter', 'hue', hue, 0, 0.5);
  return (batch, random) => {
    const pictures = picturesOf(batch, 'colorJitter');
    const { data, count, channels, height, width, full, dtype } = pictures;
    if (channels !== 1 && channels !== 3)
      throw new ShapeError(`colorJitter: expected 1 or 3 channels, got ${channels}`);
    const size = height * width;
    const out = dtype === 'uint8' ? new Uint8ClampedArray(data.length) : new Float32Array(data.length);
    for (let i = 0; i < count; i++) {
      const first = i * channels * size;
      const light = around(brightness, random);
      const contrastBy = around(contrast, random);
      const color = colorMatrix(around(saturation, random), hue * (2 * random.uniform() - 1));
      const grey = light * meanGrey(data, first, size, channels);
      const offset = (1 - contrastBy) * grey;
      const scale = light * contrastBy;
      if (channels === 1) {
        for (let p = first; p < first + size; p++) out[p] = clip(scale * (data[p] ?? 0) + offset, full);
        continue;
      }
      const [m0 = 0, m1 = 0, m2 = 0, m3 = 0, m4 = 0, m5 = 0, m6 = 0, m7 = 0, m8 = 0] = color.map(
        (m) => m * scale,
      );
      // The colour matrix keeps greys, so the contrast's offset passes through it unchanged.
      for (let p = first; p < first + size; p++) {
        const [r, g, b] = [data[p] ?? 0, data[p + size] ?? 0, data[p + 2 * size] ?? 0];
        out[p] = clip(m0 * r + m1 * g + m2 * b + offset, full);
        out[p + size] = clip(m3 * r + m4 * g + m5 * b + offset, full);
        out[p + 2 * size] = clip(m6 * r + m7 * g + m8 * b + offset, full);
      }
    }
    const result = out instanceof Float32Array ? out : new Uint8Array(out.buffer);
    return withInputs(batch, result, batch.inputs.shape);
  };
}

const clip = (value: number, full: number): number => (value < 0 ? 0 : value > full ? full : value);

const around = (strength: number, random: HostRandom): number => 1 + strength * (2 * random.uniform() - 1);

/** The mean brightness of one picture. */
function meanGrey(data: Uint8Array | Float32Array, first: number, size: number, channels: number): number {
  let grey = 0;
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0;
    const start = first + channel * size;
    for (let p = start; p < start + size; p++) sum += data[p] ?? 0;
    grey += (channels === 1 ? 1 : (LUMA[channel] ?? 0)) * (sum / size);
  }
  return grey;
}

/**
 * Saturation `s`, then a turn of the hue, as a row-major 3x3 matrix whose rows sum to 1. The turn happens about the grey
 * axis, by Rodrigues' formula: cos I + sin K + (1 - cos) / 3, where K is the cross product with (1, 1, 1) / sqrt(3).
 */
function colorMatrix(s: number, turn: number): number[] {
  const [cos, sin] = [Math.cos(2 * Math.PI * turn), Math.sin(2 * Math.PI * turn) / Math.sqrt(3)];
  const even = (1 - cos) / 3;
  const hue = [
    cos + even,
    even - sin,
    even + sin,
    even + sin,
    cos + even,
    even - sin,
    even - sin,
    even + sin,
    cos + even,
  ];
  return Array.from({ length: 9 }, (_, at) => {
    const [row, column] = [Math.floor(at / 3), at % 3];
    let sum = 0;
    for (let k = 0; k < 3; k++) {
      const saturated = (k === column ? s : 0) + (1 - s) * (LUMA[column] ?? 0);
      sum += (hue[3 * row + k] ?? 0) * saturated;
    }
    return sum;
  });
}
