import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Batch, HostArray } from '../../src/data/index.js';

/** Real data sets, where a checkout has them beside it. */
export const sharedData = (name: string): string =>
  fileURLToPath(new URL(`../../../shared/data/${name}`, import.meta.url));

/** A folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tensorloom-data-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A file in a temporary folder. */
export async function temporaryFile(name: string, content: Uint8Array | string): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  return path;
}

/** The elements as plain numbers. */
export const values = ({ data }: HostArray): number[] => Array.from(data);

/** Everything an async iterable gives. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

/** The targets of batches, one list for each. */
export const targetsOf = (batches: readonly Batch[]): number[][] =>
  batches.map(({ targets }) => values(targets));

/** An IDX file of bytes. */
export function idxBytes(shape: readonly number[], content: Uint8Array, type = 8): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + content.length);
  bytes.set([0, 0, type, shape.length]);
  const view = new DataView(bytes.buffer);
  shape.forEach((n, axis) => view.setUint32(4 + 4 * axis, n));
  bytes.set(content, 4 + 4 * shape.length);
  return bytes;
}
