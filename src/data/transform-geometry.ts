import { ArgumentError } from '../core/errors.js';
import { checkRange, picturesOf, withInputs } from './transform.js';
import type { Pictures, Transform } from './transform.js';

export interface RandomCropOptions {
  /** Pixels added on each side before the crop is taken; 0 when left out. */
  readonly padding?: number;
  /** Height and width of the crop; those of the picture when left out. */
  readonly size?: number | readonly [height: number, width: number];
  /** The value of the added pixels; 0 when left out. */
  readonly fill?: number;
}

/**
 * A part of each picture at a random place, after padding it. With `padding` alone, the picture moves by up to that many pixels and keeps
 * its size.
 *
 * @throws ArgumentError if the crop is larger than the padded picture.
 */
export function randomCrop(options: RandomCropOptions): Transform {
  const { padding = 0, size, fill = 0 } = options;
  checkWhole('randomCrop', 'padding', padding, 0);
  if (size !== undefined) for (const n of [size].flat()) checkWhole('randomCrop', 'size', n, 1);
  return (batch, random) => {
    const pictures = picturesOf(batch, 'randomCrop');
    const { count, channels, height, width } = pictures;
    const [cropHeight, cropWidth] =
      size === undefined ? [height, width] : typeof size === 'number' ? [size, size] : size;
    const [roomY, roomX] = [height + 2 * padding - cropHeight, width + 2 * padding - cropWidth];
    if (roomY < 0 || roomX < 0) {
      throw new ArgumentError(
        `randomCrop: a crop of ${cropHeight}x${cropWidth} does not fit into pictures of ${height}x${width} with a padding of ${padding}`,
      );
    }
    const sameSize = cropHeight === height && cropWidth === width;
    const out = like(pictures, count * channels * cropHeight * cropWidth);
    if (fill !== 0) out.fill(fill);
    for (let i = 0; i < count; i++) {
      const dy = random.integer(roomY + 1) - padding;
      const dx = random.integer(roomX + 1) - padding;
      for (let plane = i * channels; plane < (i + 1) * channels; plane++) {
        if (sameSize) shiftPlane(pictures, out, plane, dy, dx, fill);
        else cropPlane(pictures, out, plane, dy, dx, cropHeight, cropWidth);
      }
    }
    return withInputs(batch, out, [count, channels, cropHeight, cropWidth]);
  };
}

/** Mirrors each picture left to right with a probability of `p`. */
export function randomHorizontalFlip(p = 0.5): Transform {
  checkRange('randomHorizontalFlip', 'the probability', p, 0, 1);
  return (batch, random) => {
    const pictures = picturesOf(batch, 'randomHorizontalFlip');
    const { count, channels, height, width } = pictures;
    const out = pictures.data.slice();
    for (let i = 0; i < count; i++) {
      if (random.uniform() >= p) continue;
      const end = (i + 1) * channels * height * width;
      for (let row = i * channels * height * width; row < end; row += width) {
        for (let left = row, right = row + width - 1; left < right; left++, right--) {
          const kept = out[left] ?? 0;
          out[left] = out[right] ?? 0;
          out[right] = kept;
        }
      }
    }
    return withInputs(batch, out, batch.inputs.shape);
  };
}

/**
 * Turns each picture about its middle by up to `degrees` either way, with bilinear interpolation.
 *
 * @param fill the value of pixels that come from outside the picture.
 */
export function randomRotation(degrees: number, fill = 0): Transform {
  checkRange('randomRotation', 'degrees', degrees, 0, 180);
  return (batch, random) => {
    const pictures = picturesOf(batch, 'randomRotation');
    const { count, channels } = pictures;
    const out = like(pictures, pictures.data.length);
    for (let i = 0; i < count; i++) {
      const angle = (degrees * (2 * random.uniform() - 1) * Math.PI) / 180;
      for (let plane = i * channels; plane < (i + 1) * channels; plane++)
        rotatePlane(pictures, out, plane, angle, fill);
    }
    return withInputs(batch, out, batch.inputs.shape);
  };
}

/**
 * Blanks out a square of `size` pixels at a random place of each picture, which may reach over its edge (DeVries and Taylor 2017,
 * "Improved regularization of convolutional neural networks with cutout").
 */
export function cutout(size: number, fill = 0): Transform {
  checkWhole('cutout', 'size', size, 1);
  return (batch, random) => {
    const pictures = picturesOf(batch, 'cutout');
    const { count, channels, height, width } = pictures;
    const out = pictures.data.slice();
    for (let i = 0; i < count; i++) {
      const top = random.integer(height) - Math.floor(size / 2);
      const left = random.integer(width) - Math.floor(size / 2);
      const [x0, x1] = [Math.max(0, left), Math.min(width, left + size)];
      for (let plane = i * channels; plane < (i + 1) * channels; plane++) {
        for (let y = Math.max(0, top); y < Math.min(height, top + size); y++) {
          const row = (plane * height + y) * width;
          out.fill(fill, row + x0, row + x1);
        }
      }
    }
    return withInputs(batch, out, batch.inputs.shape);
  };
}

function like(pictures: Pictures, length: number): Uint8Array | Float32Array {
  return pictures.dtype === 'uint8' ? new Uint8Array(length) : new Float32Array(length);
}

/**
 * out[y][x] = in[y + dy][x + dx]. In row-major order that is one block move, after which only the columns that wrapped around
 * into the neighbouring row are wrong.
 */
function shiftPlane(
  { data, height, width }: Pictures,
  out: Uint8Array | Float32Array,
  plane: number,
  dy: number,
  dx: number,
  fill: number,
): void {
  if (Math.abs(dy) >= height || Math.abs(dx) >= width) {
    out.fill(fill, plane * height * width, (plane + 1) * height * width);
    return;
  }
  const first = plane * height * width;
  const end = first + height * width;
  const shift = dy * width + dx;
  const from = Math.max(first, first + shift);
  const to = Math.min(end, end + shift);
  out.set(data.subarray(from, to), from - shift);
  const [wrong, wrongEnd] = dx < 0 ? [0, -dx] : [width - dx, width];
  for (let row = first; row < end; row += width) for (let x = wrong; x < wrongEnd; x++) out[row + x] = fill;
}

function cropPlane(
  { data, height, width }: Pictures,
  out: Uint8Array | Float32Array,
  plane: number,
  dy: number,
  dx: number,
  cropHeight: number,
  cropWidth: number,
): void {
  const x0 = Math.max(0, -dx);
  const x1 = Math.min(cropWidth, width - dx);
  for (let y = Math.max(0, -dy); y < Math.min(cropHeight, height - dy); y++) {
    const from = (plane * height + y + dy) * width + dx;
    if (x1 > x0) out.set(data.subarray(from + x0, from + x1), (plane * cropHeight + y) * cropWidth + x0);
  }
}

function rotatePlane(
  { data, dtype, height, width }: Pictures,
  out: Uint8Array | Float32Array,
  plane: number,
  angle: number,
  fill: number,
): void {
  const first = plane * height * width;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [middleY, middleX] = [(height - 1) / 2, (width - 1) / 2];
  const rounding = dtype === 'uint8' ? 0.5 : 0;
  const at = (y: number, x: number): number =>
    y < 0 || x < 0 || y >= height || x >= width ? fill : (data[first + y * width + x] ?? fill);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fromX = cos * (x - middleX) - sin * (y - middleY) + middleX;
      const fromY = sin * (x - middleX) + cos * (y - middleY) + middleY;
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      const [u, v] = [fromX - left, fromY - top];
      const upper = (1 - u) * at(top, left) + u * at(top, left + 1);
      const lower = (1 - u) * at(top + 1, left) + u * at(top + 1, left + 1);
      out[first + y * width + x] = (1 - v) * upper + v * lower + rounding;
    }
  }
}

function checkWhole(operation: string, name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least)
    throw new ArgumentError(`${operation}: ${name} is ${value}; it must be an integer of at least ${least}`);
}
