import type { DecodedPng } from 'fast-png';
import { ArgumentError, FormatError } from '../core/errors.js';
import type { HostArray } from './host-array.js';
import { cropToShape, resizeImage } from './resize.js';
import { LUMA } from './transform-color.js';

export interface ImageOptions {
  /** 1 for grey, 3 for red, green, blue; 3 when left out. */
  readonly channels?: 1 | 3;
  /** Height and width, or one number for both; the picture's own size when left out. */
  readonly size?: number | readonly [height: number, width: number];
  /**
   * What happens to a picture of another shape than `size`: `stretch` changes its proportions, `crop` cuts off what is too much on both
   * sides. `stretch` when left out.
   */
  readonly fit?: 'stretch' | 'crop';
}

/** Pictures of more pixels than this are refused before memory is allocated for them. */
const MOST_PIXELS = 100e6;

/** Pixels as a decoder gives them: channels interleaved; 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha. */
interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/**
 * A PNG or JPEG picture (told by its first bytes) as `[channels, height, width]` uint8. Transparent parts are laid over white,
 * as a viewer shows them.
 *
 * @param file names the picture in messages.
 * @throws FormatError if the bytes are no PNG or JPEG picture, or damaged.
 */
export async function decodeImage(
  bytes: Uint8Array,
  file = 'the picture',
  options: ImageOptions = {},
): Promise<HostArray> {
  checkImageOptions(options);
  const { channels = 3, size, fit = 'stretch' } = options;
  const image = toPlanes(await decodePixels(bytes, file), channels);
  if (size === undefined) return image;
  const [height, width] = typeof size === 'number' ? [size, size] : size;
  return resizeImage(fit === 'crop' ? cropToShape(image, height, width) : image, height, width);
}

/** Throws unless the options make sense. */
export function checkImageOptions({ channels = 3, size = 1 }: ImageOptions): void {
  // Plain JavaScript may pass any number.
  if (![1, 3].includes(channels))
    throw new ArgumentError(`channels is ${channels}; it must be 1 (grey) or 3 (colour)`);
  for (const n of [size].flat()) {
    if (!Number.isInteger(n) || n < 1)
      throw new ArgumentError(`size is ${String(size)}; heights and widths are integers of at least 1`);
  }
}

async function decodePixels(bytes: Uint8Array, file: string): Promise<Pixels> {
  const isPng = startsWith(bytes, [0x89, 0x50, 0x4e, 0x47]);
  if (!isPng && !startsWith(bytes, [0xff, 0xd8])) {
    const found = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new FormatError(
      `${file} is neither a PNG nor a JPEG picture: it begins with ${found === '' ? 'nothing' : found}`,
      'convert it to PNG',
    );
  }
  try {
    return isPng ? await decodePng(bytes) : await decodeJpeg(bytes);
  } catch (error) {
    // A decoder's message may end where another error's was to follow.
    const why = (error instanceof Error ? error.message : String(error)).trim().replace(/:$/, '');
    throw new FormatError(
      `${file} is not a sound ${isPng ? 'PNG' : 'JPEG'} picture: ${why}`,
      'write or fetch the file again',
      { cause: error },
    );
  }
}

async function decodePng(bytes: Uint8Array): Promise<Pixels> {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 33) throw new Error('it ends within its header');
  const [width, height] = [header.getUint32(16), header.getUint32(20)];
  if (width * height === 0 || width * height > MOST_PIXELS)
    throw new Error(`its header says ${width}x${height} pixels; between 1 and ${MOST_PIXELS} can be read`);
  // The decoder is content with whatever it got when the file stops between two blocks.
  if (!hasEnd(bytes)) throw new Error('it ends too early');
  const { convertIndexedToRgb, decode } = await import('fast-png');
  const png = decode(bytes, { checkCrc: true });
  if (png.palette !== undefined) {
    const channels = png.palette[0]?.length ?? 3;
    return { width, height, channels, data: convertIndexedToRgb(png) };
  }
  return { width, height, channels: png.channels, data: toBytes(png) };
}

/** Whether a PNG file has its last chunk. */
function hasEnd(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at))
    if (view.getUint32(at + 4) === 0x49454e44) return true;
  return false;
}

/** Samples of 1, 2, 4 or 16 bits as bytes of the same brightness. */
function toBytes({ data, depth, width, height }: DecodedPng): Uint8Array {
  if (depth === 8) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  if (depth === 16) return Uint8Array.from(data, (value) => value >> 8);
  // Fewer than 8 bits happen with one channel only; each row begins at a new byte.
  const out = new Uint8Array(width * height);
  const rowBytes = Math.ceil((width * depth) / 8);
  const most = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const byte = data[y * rowBytes + ((x * depth) >> 3)] ?? 0;
      const value = (byte >> (8 - depth - ((x * depth) & 7))) & most;
      out[y * width + x] = (value * 255) / most;
    }
  }
  return out;
}

async function decodeJpeg(bytes: Uint8Array): Promise<Pixels> {
  const { default: jpeg } = await import('jpeg-js');
  const { width, height, data } = jpeg.decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: MOST_PIXELS / 1e6,
    maxMemoryUsageInMB: 2048,
  });
  return { width, height, channels: 3, data };
}

/** Channels one after the other, as many as wanted. */
function toPlanes({ data, width, height, channels }: Pixels, wanted: 1 | 3): HostArray {
  const size = width * height;
  const out = new Uint8ClampedArray(wanted * size);
  const hasColor = channels >= 3;
  const alphaAt = channels === 2 || channels === 4 ? channels - 1 : -1;
  for (let i = 0; i < size; i++) {
    const at = i * channels;
    const alpha = alphaAt < 0 ? 1 : (data[at + alphaAt] ?? 0) / 255;
    const over = (channel: number): number => alpha * (data[at + channel] ?? 0) + (1 - alpha) * 255;
    if (wanted === 1) {
      out[i] = hasColor ? LUMA[0] * over(0) + LUMA[1] * over(1) + LUMA[2] * over(2) : over(0);
    } else {
      out[i] = over(0);
      out[size + i] = over(hasColor ? 1 : 0);
      out[2 * size + i] = over(hasColor ? 2 : 0);
    }
  }
  return { data: new Uint8Array(out.buffer), shape: [wanted, height, width], dtype: 'uint8' };
}

function startsWith(bytes: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, i) => bytes[i] === byte);
}
