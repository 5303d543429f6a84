import fc from 'fast-check';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DTYPES, allocate, type DType } from '../../src/core/dtype.js';
import {
  ArgumentError,
  DataError,
  FileError,
  FormatError,
  ShapeError,
  TensorloomError,
} from '../../src/core/errors.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  loadSafetensors,
  parseSafetensors,
  saveSafetensors,
  type StoredArray,
} from '../../src/interop/index.js';
import { tensor } from '../../src/tensor/index.js';
import { sharedData, temporaryFile, temporaryFolder } from '../data/support.js';

/** A file with the given header, written as it stands. */
function file(header: unknown, body: Uint8Array = new Uint8Array()): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(body, 8 + text.length);
  return bytes;
}

const entry = (dtype: string, shape: unknown, begin: unknown, end: unknown): unknown => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** A few elements of a dtype, the extremes among them. */
function samples(dtype: DType): StoredArray {
  const data = allocate(dtype, 6);
  data.set(dtype === 'bool' ? [0, 1, 1, 0, 0, 1] : [0, 1, 2, 3, 100, dtype === 'int8' ? -128 : 255]);
  return { data, shape: [2, 3], dtype };
}

describe('safetensors: what is written is read', () => {
  it.each(DTYPES)('%s', (dtype) => {
    const array = samples(dtype);
    expect(decodeSafetensors(encodeSafetensors([['x', array]])).tensors.get('x')).toEqual(array);
  });
  it('all dtypes in one file, each aligned for its element size, the header for eight bytes', () => {
    const arrays = DTYPES.map((dtype) => [dtype, { ...samples(dtype), shape: [6] }] as const);
    const bytes = encodeSafetensors(arrays);
    expect(new DataView(bytes.buffer).getBigUint64(0, true) % 8n).toBe(0n);
    const { tensors } = decodeSafetensors(bytes);
    for (const [name, { data }] of arrays) {
      expect(tensors.get(name)?.data).toEqual(data);
      expect(tensors.get(name)?.data.buffer).toBe(bytes.buffer);
    }
  });
  it('scalars, empty tensors, and names that JavaScript finds special', () => {
    const scalar: StoredArray = { data: new Float32Array([7]), shape: [], dtype: 'float32' };
    const empty: StoredArray = { data: new Int32Array(), shape: [3, 0], dtype: 'int32' };
    const { tensors } = decodeSafetensors(
      encodeSafetensors([
        ['__proto__', scalar],
        ['constructor', empty],
        ['ж"\\\n', scalar],
      ]),
    );
    expect([...tensors.keys()].sort()).toEqual(['__proto__', 'constructor', 'ж"\\\n']);
    expect(tensors.get('__proto__')).toEqual(scalar);
    expect(tensors.get('constructor')).toEqual(empty);
  });
  it('metadata', () => {
    const metadata = { format: 'pt', note: 'a "quoted" line\n' };
    expect(decodeSafetensors(encodeSafetensors([], metadata)).metadata).toEqual(metadata);
  });
  it('any arrays (fast-check)', () => {
    const arrays = fc.dictionary(
      fc.string().filter((name) => name !== '__metadata__'),
      fc
        .float32Array({ maxLength: 9 })
        .map((data): StoredArray => ({ data, shape: [data.length], dtype: 'float32' })),
    );
    fc.assert(
      fc.property(arrays, (record) => {
        const { tensors } = decodeSafetensors(encodeSafetensors(Object.entries(record)));
        expect(new Map(tensors)).toEqual(new Map(Object.entries(record)));
      }),
    );
  });
});

describe('safetensors: dtypes that are widened', () => {
  it('I64 becomes int32', () => {
    const body = bytesOf(BigInt64Array.of(1n, -(2n ** 31n), 2n ** 31n - 1n));
    const { tensors } = decodeSafetensors(file({ n: entry('I64', [3], 0, 24) }, body));
    expect(tensors.get('n')).toEqual({
      data: Int32Array.of(1, -(2 ** 31), 2 ** 31 - 1),
      shape: [3],
      dtype: 'int32',
    });
  });
  it('I16 and U16 become int32', () => {
    const header = { a: entry('I16', [1], 0, 2), b: entry('U16', [1], 2, 4) };
    const { tensors } = decodeSafetensors(file(header, Uint8Array.of(255, 255, 255, 255)));
    expect([tensors.get('a')?.data, tensors.get('b')?.data]).toEqual([
      Int32Array.of(-1),
      Int32Array.of(65535),
    ]);
  });
  it.each([2n ** 31n, -(2n ** 31n) - 1n, 2n ** 53n])('refuses an I64 of %s', (value) => {
    const bytes = file({ n: entry('I64', [2], 0, 16) }, bytesOf(BigInt64Array.of(0n, value)));
    expect(() => decodeSafetensors(bytes, 'w.safetensors')).toThrow(
      new RegExp(`w.safetensors: tensor 'n' is I64, and element 1 is ${value}`),
    );
  });
});

describe('safetensors: hostile files', () => {
  const eight = new Uint8Array(8);
  const pair = (first: unknown, second: unknown): unknown => ({ a: first, b: second });
  const broken: [what: string, bytes: Uint8Array, message: RegExp][] = [
    ['an empty file', new Uint8Array(), /0 bytes, fewer than the 8/],
    [
      'a header length beyond the end',
      Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 123),
      /claims 9 bytes, but 1 bytes follow/,
    ],
    ['a header length of 2^64 - 1', new Uint8Array(16).fill(255), /claims 18446744073709551615 bytes/],
    ['a header that is not JSON', file('{"a":'), /header is not JSON/],
    ['a header that is not UTF-8', file('{}').with(9, 0xff), /header is not JSON/],
    ['a header that is a list', file([]), /not a JSON object/],
    ['a name that stands twice', file('{"a":1,"a":2}'), /names 'a' twice/],
    ['a name that stands twice, escaped once', file('{"a":1,"\\u0061":2}'), /names 'a' twice/],
    ['a field that stands twice', file('{"x":{"dtype":"U8","dtype":"I8"}}'), /names 'dtype' twice/],
    ['an entry that is no object', file({ x: 3 }), /tensor 'x' has a description that is not an object: 3/],
    [
      'an unknown dtype',
      file({ x: entry('F8_E4M3', [8], 0, 8) }, eight),
      /tensor 'x' has dtype "F8_E4M3"; known are/,
    ],
    ['a dtype named like a method', file({ x: entry('toString', [8], 0, 8) }, eight), /dtype "toString"/],
    ['a negative size', file({ x: entry('U8', [-8], 0, 8) }, eight), /'x' has shape \[-8\]/],
    ['a fractional size', file({ x: entry('U8', [0.5], 0, 8) }, eight), /'x' has shape \[0.5\]/],
    ['a shape that is a number', file({ x: entry('U8', 8, 0, 8) }, eight), /'x' has shape 8/],
    [
      'offsets that are strings',
      file({ x: entry('U8', [8], '0', 8) }, eight),
      /'x' has data_offsets \["0",8\]/,
    ],
    ['missing offsets', file({ x: { dtype: 'U8', shape: [8] } }, eight), /'x' has data_offsets nothing/],
    [
      'a range that is too short',
      file({ x: entry('F32', [3], 0, 8) }, eight),
      /span 8 bytes where F32 of shape \[3\] takes 12/,
    ],
    ['a size that overflows', file({ x: entry('F64', [2 ** 40, 2 ** 40], 0, 8) }, eight), /takes 9\.67/],
    ['a range that ends before it begins', file({ x: entry('U8', [], 8, 0) }, eight), /span -8 bytes/],
    [
      'a range beyond the end',
      file({ x: entry('U8', [99], 0, 99) }, eight),
      /'x' has data_offsets \[0, 99\], but only 8 bytes/,
    ],
    [
      'overlapping ranges',
      file(pair(entry('U8', [8], 0, 8), entry('U8', [4], 4, 8)), eight),
      /'b' has data_offsets \[4, 8\], which overlap/,
    ],
    [
      'a gap',
      file(pair(entry('U8', [2], 0, 2), entry('U8', [4], 4, 8)), eight),
      /'b' has data_offsets \[4, 8\], which leave a gap/,
    ],
    [
      'bytes after the last tensor',
      file({ x: entry('U8', [4], 0, 4) }, eight),
      /8 bytes follow the header, but its tensors take 4/,
    ],
    ['metadata that are no object', file({ __metadata__: 'x' }), /__metadata__ is not an object/],
    [
      'metadata that are no text',
      file({ __metadata__: { epoch: 3 } }),
      /__metadata__.epoch is not a string: 3/,
    ],
    [
      'a truth value of 7',
      file({ x: entry('BOOL', [8], 0, 8) }, eight.with(3, 7)),
      /'x' is BOOL, but element 3 is the byte 7/,
    ],
  ];
  it.each(broken)('%s', (_, bytes, message) => {
    const read = (): unknown => decodeSafetensors(bytes, 'weights.safetensors');
    expect(read).toThrow(FormatError);
    expect(read).toThrow(message);
    expect(read).toThrow(/weights\.safetensors/);
  });
  it('any bytes give tensors or an error of ours, never another (fast-check)', () => {
    const sound = encodeSafetensors([
      ['first', samples('float64')],
      ['second', samples('bool')],
      ['third', samples('float16')],
    ]);
    const change = fc.tuple(fc.nat(sound.length - 1), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.nat(sound.length),
        (changes, length) => {
          const bytes = sound.slice(0, length % 3 === 0 ? sound.length : length);
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          try {
            decodeSafetensors(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(TensorloomError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
  it('any header text gives an error of ours (fast-check)', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          decodeSafetensors(file(text));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});

describe('safetensors: what cannot be written', () => {
  const one: StoredArray = { data: new Float32Array(1), shape: [1], dtype: 'float32' };
  it('a tensor with the name that the format reserves', () => {
    expect(() => encodeSafetensors([['__metadata__', one]])).toThrow(ArgumentError);
  });
  it('two tensors of one name', () => {
    expect(() =>
      encodeSafetensors([
        ['x', one],
        ['x', one],
      ]),
    ).toThrow(/two tensors named 'x'/);
  });
  it('elements that do not fill the shape', () => {
    expect(() => encodeSafetensors([['x', { ...one, shape: [2] }]])).toThrow(ShapeError);
  });
});

describe('safetensors files', () => {
  it('hold tensors of all dtypes', async () => {
    const path = join(await temporaryFolder(), 'all.safetensors');
    const tensors = Object.fromEntries(DTYPES.map((dtype) => [dtype, tensor([0, 1, 1], { dtype })]));
    await saveSafetensors(path, tensors, { format: 'pt' });
    const loaded = await loadSafetensors(path);
    expect(loaded.metadata).toEqual({ format: 'pt' });
    for (const dtype of DTYPES) {
      expect(loaded.tensors.get(dtype)?.dtype).toBe(dtype);
      expect(await loaded.tensors.get(dtype)?.array()).toEqual(await tensor([0, 1, 1], { dtype }).array());
    }
  });
  it('take the place of an earlier file, and leave nothing else', async () => {
    const path = await temporaryFile('w.safetensors', 'old');
    await saveSafetensors(path, { x: tensor([1]) });
    expect((await loadSafetensors(path)).tensors.size).toBe(1);
    expect(await readdir(join(path, '..'))).toEqual(['w.safetensors']);
  });
  it('are reported by name when they are damaged or missing', async () => {
    const path = await temporaryFile('w.safetensors', 'not a safetensors file');
    await expect(loadSafetensors(path)).rejects.toThrow(/w\.safetensors is not a sound safetensors file/);
    await expect(loadSafetensors(`${path}.missing`)).rejects.toThrow(DataError);
  });
  it('cannot be written to a folder that is not there', async () => {
    const path = join(await temporaryFolder(), 'missing', 'w.safetensors');
    await expect(saveSafetensors(path, {})).rejects.toThrow(FileError);
    await expect(saveSafetensors(path, {})).rejects.toThrow(/the folder that it belongs to does not exist/);
  });
  it('leave an earlier file as it was when a tensor cannot be computed', async () => {
    const path = await temporaryFile('w.safetensors', 'old');
    await expect(saveSafetensors(path, { __metadata__: tensor([1]) })).rejects.toThrow(ArgumentError);
    expect(await readFile(path, 'utf8')).toBe('old');
  });
  const real = sharedData('model-weights/silero-vad/silero_vad_16k.safetensors');
  it.runIf(existsSync(real))('of other programs: a voice-activity detector', async () => {
    const { tensors } = await loadSafetensors(real);
    expect(tensors.size).toBe(15);
    expect(tensors.get('stft_conv.weight')?.shape).toEqual([258, 1, 256]);
    expect(tensors.get('lstm_cell.weight_ih')?.shape).toEqual([512, 128]);
    const values = (await tensors.get('conv1.weight')?.data()) ?? new Float32Array([Number.NaN]);
    expect(values.every((x) => Number.isFinite(x) && Math.abs(x) < 100)).toBe(true);
    const copy = join(await temporaryFolder(), 'copy.safetensors');
    await writeFile(copy, encodeSafetensors(decodeSafetensors(await readFile(real)).tensors));
    expect(decodeSafetensors(await readFile(copy)).tensors).toEqual(
      decodeSafetensors(await readFile(real)).tensors,
    );
  });
  it('are read from bytes at any address', () => {
    const sound = encodeSafetensors([['x', samples('float64')]]);
    const shifted = new Uint8Array(sound.length + 1);
    shifted.set(sound, 1);
    expect(parseSafetensors(shifted.subarray(1)).tensors.get('x')?.shape).toEqual([2, 3]);
  });
});
