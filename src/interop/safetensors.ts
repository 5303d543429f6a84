import type { DType, TypedArray } from '../core/dtype.js';
import { decodeSafetensors, encodeSafetensors } from '../core/safetensors.js';
import type { SafetensorsContent, StoredArray } from '../core/safetensors.js';
import type { Shape } from '../core/shape.js';
import { tensor } from '../tensor/creation.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';

/**
 * Writes named tensors to a safetensors file, which other frameworks read as well. The file is there whole or not at all. Node
 * only.
 *
 * @param tensors any dtypes and shapes.
 * @param metadata free text by name, kept in the file's header.
 * @throws FileError if the file cannot be written.
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { interop, tensor } from 'tensorloom';
 *
 * const path = `${await mkdtemp(`${tmpdir()}/loom-`)}/weights.safetensors`;
 * await interop.saveSafetensors(path, { weight: tensor([[1, 2], [3, 4]]) }, { origin: 'by hand' });
 * const { tensors, metadata } = await interop.loadSafetensors(path);
 * await tensors.get('weight')?.array(); // => [[1, 2], [3, 4]]
 * metadata['origin']; // => 'by hand'
 * ```
 */
export async function saveSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor | StoredArray>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { writeFileAtomic } = await import('../core/node/atomic-file.js');
  const arrays: [string, StoredArray][] = [];
  for (const [name, value] of Object.entries(tensors)) {
    arrays.push([name, isTensor(value) ? await toHost(value) : value]);
  }
  await writeFileAtomic(path, encodeSafetensors(arrays, metadata));
}

/**
 * Reads a safetensors file. I64, I16 and U16 become int32. Node only; {@link parseSafetensors} takes bytes.
 *
 * @throws DataError if the file cannot be read.
 * @throws FormatError if it is no safetensors file or damaged, naming the field that is wrong.
 */
export async function loadSafetensors(path: string): Promise<SafetensorsContent<Tensor>> {
  const { readBytes } = await import('../data/node/read-file.js');
  return parseSafetensors(await readBytes(path), path);
}

/**
 * The tensors in the bytes of a safetensors file.
 *
 * @param file names the file in messages.
 * @throws FormatError if they are no safetensors file or damaged, naming the field that is wrong.
 */
export function parseSafetensors(bytes: Uint8Array, file?: string): SafetensorsContent<Tensor> {
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  return {
    metadata,
    tensors: new Map(
      [...tensors].map(([name, { data, shape, dtype }]) => [name, tensor(data, { shape, dtype })]),
    ),
  };
}

async function toHost(value: Tensor): Promise<{ data: TypedArray; shape: Shape; dtype: DType }> {
  return { data: await value.data(), shape: value.shape, dtype: value.dtype };
}
