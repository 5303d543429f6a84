import { FormatError } from '../core/errors.js';
import type { HostArray } from './host-array.js';

const SIDE = 32;
const PIXELS = 3 * SIDE * SIDE;
/** One label byte and the pixels. */
const RECORD = 1 + PIXELS;

/**
 * The images and labels of a CIFAR-10 file in its binary version: records of 3,073 bytes, a label and then 32x32 pixels
 * red, green, blue, plane by plane.
 *
 * @param file names the file in messages.
 * @throws FormatError if the length is no multiple of a record or a label is above 9.
 */
export function parseCifar10(bytes: Uint8Array, file = 'the file'): { images: HostArray; labels: HostArray } {
  const count = bytes.length / RECORD;
  if (count === 0 || !Number.isInteger(count)) {
    throw new FormatError(
      `${file} is not a CIFAR-10 binary file, or is truncated: expected a multiple of ${RECORD} bytes, found ${bytes.length}`,
      'this reads the binary version (data_batch_1.bin), not the Python or Matlab one',
    );
  }
  const images = new Uint8Array(count * PIXELS);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const label = bytes[i * RECORD] ?? 0;
    if (label > 9) {
      throw new FormatError(
        `${file} is not a CIFAR-10 binary file: record ${i} has label ${label}, expected 0 to 9`,
        'this reads CIFAR-10, not CIFAR-100',
      );
    }
    labels[i] = label;
    images.set(bytes.subarray(i * RECORD + 1, (i + 1) * RECORD), i * PIXELS);
  }
  return {
    images: { data: images, shape: [count, 3, SIDE, SIDE], dtype: 'uint8' },
    labels: { data: labels, shape: [count], dtype: 'int32' },
  };
}
