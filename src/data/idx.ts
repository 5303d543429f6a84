import { bytesPerElement } from '../core/dtype.js';
import type { DType } from '../core/dtype.js';
import { FormatError } from '../core/errors.js';
import { formatShape, sizeOf } from '../core/shape.js';
import { emptyHostArray } from './host-array.js';
import type { HostArray } from './host-array.js';

/** The element types of the format, by the third byte of the file; 16-bit integers are held as int32. */
const TYPES: Readonly<Record<number, { dtype: DType; bytes: number; name: string }>> = {
  0x08: { dtype: 'uint8', bytes: 1, name: 'unsigned byte' },
  0x09: { dtype: 'int8', bytes: 1, name: 'signed byte' },
  0x0b: { dtype: 'int32', bytes: 2, name: 'short' },
  0x0c: { dtype: 'int32', bytes: 4, name: 'int' },
  0x0d: { dtype: 'float32', bytes: 4, name: 'float' },
  0x0e: { dtype: 'float64', bytes: 8, name: 'double' },
};

/** What the first bytes of an IDX file say. */
export interface IdxHeader {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** The third byte of the file. */
  readonly type: number;
  /** Where the elements begin. */
  readonly dataOffset: number;
  /** The size that the whole file must have. */
  readonly fileBytes: number;
}

/**
 * Reads the header of an IDX file: two zero bytes, the element type, the number of axes, their sizes as big-endian
 * 32-bit integers (LeCun's description at the MNIST page).
 *
 * @throws FormatError naming `file`, what was expected and what was found.
 */
export function parseIdxHeader(bytes: Uint8Array, file: string): IdxHeader {
  const found = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const type = TYPES[bytes[2] ?? 0];
  const rank = bytes[3] ?? 0;
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || type === undefined || rank === 0) {
    throw new FormatError(
      `${file} is not an IDX file: expected it to begin with 00 00, an element type (08 to 0e) and a number of axes, found ${found === '' ? 'nothing' : found}`,
      'check that this is the file you meant and that it was not changed on its way',
    );
  }
  const dataOffset = 4 + 4 * rank;
  if (bytes.length < dataOffset) {
    throw new FormatError(
      `${file} is truncated: its header of ${rank} axes needs ${dataOffset} bytes, found ${bytes.length}`,
      'fetch the file again',
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const fileBytes = dataOffset + sizeOf(shape) * type.bytes;
  return { shape, dtype: type.dtype, type: bytes[2] ?? 0, dataOffset, fileBytes };
}

/** Throws unless an IDX file of `length` bytes is as long as its header says. */
function checkIdxLength(header: IdxHeader, length: number, file: string): void {
  if (length === header.fileBytes) return;
  const what = length < header.fileBytes ? 'is truncated' : 'has bytes after its end';
  throw new FormatError(
    `${file} ${what}: its header says ${formatShape(header.shape)} of ${TYPES[header.type]?.name ?? 'unknown'}, ${header.fileBytes} bytes in all, found ${length}`,
    'fetch the file again',
  );
}

/**
 * The contents of an IDX file, uncompressed. Byte elements are a view of `bytes`, others a copy in the machine's byte order.
 *
 * @param file names the file in messages.
 * @throws FormatError if the bytes are no IDX file or of the wrong length; nothing is allocated before that is known.
 * @example
 * ```ts
 * import { data } from 'tensorloom';
 *
 * const labels = data.parseIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 3), 'labels');
 * labels.shape; // => [2]
 * ```
 */
export function parseIdx(bytes: Uint8Array, file = 'the file'): HostArray {
  const header = parseIdxHeader(bytes, file);
  checkIdxLength(header, bytes.length, file);
  const { shape, dtype, dataOffset } = header;
  if (header.type === 0x08) return { data: bytes.subarray(dataOffset), shape, dtype };
  const result = emptyHostArray(dtype, shape);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const step = header.type === 0x0b ? 2 : bytesPerElement(dtype);
  for (let i = 0; i < result.data.length; i++)
    result.data[i] = element(view, header.type, dataOffset + i * step);
  return result;
}

function element(view: DataView, type: number, at: number): number {
  switch (type) {
    case 0x09:
      return view.getInt8(at);
    case 0x0b:
      return view.getInt16(at);
    case 0x0c:
      return view.getInt32(at);
    case 0x0d:
      return view.getFloat32(at);
    default:
      return view.getFloat64(at);
  }
}
