/**
 * The safetensors format (https://huggingface.co/docs/safetensors): eight bytes with the length of the header, little
 * endian; the header, JSON, which names each tensor with its dtype, shape and byte range; then the elements, little endian
 * and row-major, without gaps.
 */
import { bytesPerElement, viewBytes, type DType, type TypedArray } from './dtype.js';
import { ArgumentError, FormatError, ShapeError } from './errors.js';
import { duplicateKey } from './json-keys.js';
import { checkShape, formatShape, sizeOf, type Shape } from './shape.js';
import { isRecord } from './tree.js';

/** Elements on the host, row-major, as they stand in a file. */
export interface StoredArray {
  readonly data: TypedArray;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What a safetensors file holds. */
export interface SafetensorsContent<Value = StoredArray> {
  /** In the order of the file. */
  readonly tensors: ReadonlyMap<string, Value>;
  /** Free text by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The longest header that the format's own implementation accepts. */
const LONGEST_HEADER = 100_000_000;
const METADATA = '__metadata__';

const TAGS: Readonly<Record<DType, string>> = {
  float32: 'F32',
  float64: 'F64',
  int32: 'I32',
  uint32: 'U32',
  bool: 'BOOL',
  uint8: 'U8',
  int8: 'I8',
  float16: 'F16',
  bfloat16: 'BF16',
};

/** How the elements of a dtype of the format become ours. */
interface Reader {
  readonly bytes: number;
  readonly dtype: DType;
  readonly read: (bytes: Uint8Array, where: string) => TypedArray;
}

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ...Object.entries(TAGS).map(([dtype, tag]) => [tag, plainReader(dtype as DType)] as const),
  ['BOOL', { bytes: 1, dtype: 'bool', read: readBool }],
  ['I16', { bytes: 2, dtype: 'int32', read: (bytes) => Int32Array.from(new Int16Array(aligned(bytes, 2))) }],
  ['U16', { bytes: 2, dtype: 'int32', read: (bytes) => Int32Array.from(new Uint16Array(aligned(bytes, 2))) }],
  ['I64', { bytes: 8, dtype: 'int32', read: readInt64 }],
]);

/**
 * The bytes of a safetensors file. The elements begin at a multiple of eight bytes.
 *
 * @throws ShapeError if an array does not have as many elements as its shape says.
 * @throws ArgumentError for a tensor named `__metadata__`, which the format reserves.
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [name: string, array: StoredArray]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  // Wide elements first, as the format's own implementation does, so that every array is aligned for its dtype.
  const sorted = [...tensors].sort(([, a], [, b]) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype));
  const entries = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) entries.set(METADATA, metadata);
  let end = 0;
  for (const [name, { data, shape, dtype }] of sorted) {
    checkShape(shape, name);
    if (data.length !== sizeOf(shape))
      throw new ShapeError(`'${name}': ${data.length} elements do not fill shape ${formatShape(shape)}`);
    if (name === METADATA || entries.has(name))
      throw new ArgumentError(
        `a safetensors file cannot hold ${name === METADATA ? `a tensor named '${name}'` : `two tensors named '${name}'`}`,
        'rename it',
      );
    const start = end;
    end += data.byteLength;
    entries.set(name, { dtype: TAGS[dtype], shape, data_offsets: [start, end] });
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerLength = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, 8, 8 + headerLength);
  bytes.set(text, 8);
  let at = 8 + headerLength;
  for (const [, { data }] of sorted) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * What the bytes of a safetensors file hold. Everything the header says is checked before memory is taken for it. I64, I16 and
 * U16 become int32; elements are not copied where they lie aligned.
 *
 * @param file names the file in messages.
 * @throws FormatError if the bytes are no safetensors file or damaged, naming the field that is wrong, or if a tensor has a
 * dtype that this library does not have, or an I64 element does not fit into int32.
 */
export function decodeSafetensors(bytes: Uint8Array, file = 'the safetensors data'): SafetensorsContent {
  const { header, start } = readHeader(bytes, file);
  const { [METADATA]: metadata, ...named } = header;
  const entries = Object.entries(named).map(([name, value]) => checkEntry(name, value, file));
  checkRanges(entries, bytes.length - start, file);
  const tensors = new Map<string, StoredArray>();
  for (const { name, reader, shape, range } of entries) {
    const raw = bytes.subarray(start + range[0], start + range[1]);
    const data = reader.read(raw, `${file}: tensor '${name}'`);
    tensors.set(name, { data, shape, dtype: reader.dtype });
  }
  return { tensors, metadata: checkMetadata(metadata, file) };
}

function readHeader(bytes: Uint8Array, file: string): { header: Record<string, unknown>; start: number } {
  if (bytes.length < 8)
    throw broken(file, `it has ${bytes.length} bytes, fewer than the 8 that hold the header's length`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(LONGEST_HEADER) || Number(length) > bytes.length - 8)
    throw broken(
      file,
      `its header claims ${length} bytes, but ${bytes.length - 8} bytes follow (and no header is longer than ${LONGEST_HEADER})`,
    );
  const start = 8 + Number(length);
  let header: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, start));
    header = JSON.parse(text);
    const double = duplicateKey(text);
    if (double !== undefined) throw broken(file, `its header names '${double}' twice`);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw broken(file, 'its header is not JSON', error);
  }
  if (!isRecord(header)) throw broken(file, 'its header is not a JSON object');
  return { header, start };
}

interface Entry {
  readonly name: string;
  readonly reader: Reader;
  readonly shape: Shape;
  readonly range: readonly [begin: number, end: number];
}

function checkEntry(name: string, value: unknown, file: string): Entry {
  const bad = (what: string): FormatError => broken(file, `tensor '${name}' has ${what}`);
  if (!isRecord(value)) throw bad(`a description that is not an object: ${shorten(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  const reader = typeof dtype === 'string' ? READERS.get(dtype) : undefined;
  if (reader === undefined) throw bad(`dtype ${shorten(dtype)}; known are ${[...READERS.keys()].join(', ')}`);
  if (!isCounts(shape)) throw bad(`shape ${shorten(shape)}, which is not a list of sizes`);
  if (!isCounts(offsets) || offsets.length !== 2)
    throw bad(`data_offsets ${shorten(offsets)}, which are not [begin, end]`);
  const [begin = 0, end = 0] = offsets;
  const size = sizeOf(shape) * reader.bytes;
  if (!Number.isSafeInteger(size) || end - begin !== size)
    throw bad(
      `data_offsets [${begin}, ${end}], which span ${end - begin} bytes where ${String(dtype)} of shape ${formatShape(shape)} takes ${size}`,
    );
  return { name, reader, shape, range: [begin, end] };
}

/** The ranges must follow one another from the first byte to the last: no overlap, no gap, nothing outside. */
function checkRanges(entries: readonly Entry[], length: number, file: string): void {
  let expected = 0;
  const sorted = entries.toSorted((a, b) => a.range[0] - b.range[0] || a.range[1] - b.range[1]);
  for (const { name, range } of sorted) {
    const [begin, end] = range;
    if (begin !== expected)
      throw broken(
        file,
        `tensor '${name}' has data_offsets [${begin}, ${end}], which ${begin < expected ? 'overlap another tensor' : 'leave a gap'}: byte ${expected} comes next`,
      );
    if (end > length)
      throw broken(
        file,
        `tensor '${name}' has data_offsets [${begin}, ${end}], but only ${length} bytes follow the header`,
      );
    expected = end;
  }
  if (expected !== length)
    throw broken(file, `${length} bytes follow the header, but its tensors take ${expected}`);
}

function checkMetadata(value: unknown, file: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value)) throw broken(file, `${METADATA} is not an object: ${shorten(value)}`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw broken(file, `${METADATA}.${key} is not a string: ${shorten(text)}`);
  }
  return value as Record<string, string>;
}

function plainReader(dtype: DType): Reader {
  const size = bytesPerElement(dtype);
  return {
    bytes: size,
    dtype,
    read: (bytes) => {
      const whole = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
      return viewBytes(dtype, whole.buffer, whole.byteOffset, whole.length / size);
    },
  };
}

function readBool(bytes: Uint8Array, where: string): TypedArray {
  const wrong = bytes.findIndex((byte) => byte > 1);
  if (wrong >= 0)
    throw new FormatError(
      `${where} is BOOL, but element ${wrong} is the byte ${bytes[wrong]}, neither 0 nor 1`,
    );
  return bytes;
}

function readInt64(bytes: Uint8Array, where: string): TypedArray {
  const wide = new BigInt64Array(aligned(bytes, 8));
  return Int32Array.from(wide, (value, i) => {
    if (BigInt.asIntN(32, value) !== value)
      throw new FormatError(
        `${where} is I64, and element ${i} is ${value}, which does not fit into int32`,
        'this library has no 64-bit integers; store the tensor as F64 or I32',
      );
    return Number(value);
  });
}

/** A buffer of exactly these bytes; its length is a multiple of `size` since the header was checked. */
function aligned(bytes: Uint8Array, size: number): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.length - (bytes.length % size));
  new Uint8Array(copy).set(bytes);
  return copy;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && Number(n) >= 0);
}

/** A value from a file as messages show it: never pages of it. */
function shorten(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function broken(file: string, what: string, cause?: unknown): FormatError {
  return new FormatError(
    `${file} is not a sound safetensors file: ${what}`,
    'fetch or write the file again',
    cause === undefined ? undefined : { cause },
  );
}
