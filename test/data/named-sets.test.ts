import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DataError, FormatError } from '../../src/core/errors.js';
import { cifar10, fashionMnist, mnist, parseCifar10 } from '../../src/data/index.js';
import { cacheFolder } from '../../src/core/node/cache-folder.js';
import { idxBytes, sharedData, temporaryFolder, values } from './support.js';

const FILES = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
];

/** A folder with a miniature of MNIST: 6 training and 4 test images. */
async function miniature(rename = (name: string) => name, pack = false): Promise<string> {
  const folder = await temporaryFolder();
  const contents = [6, 4].flatMap((count) => [
    idxBytes([count, 28, 28], new Uint8Array(count * 784).fill(count)),
    idxBytes(
      [count],
      Uint8Array.from({ length: count }, (_, i) => i),
    ),
  ]);
  for (const [i, name] of FILES.entries()) {
    const content = contents[i] ?? new Uint8Array();
    await writeFile(join(folder, rename(name)), pack ? gzipSync(content) : content);
  }
  return folder;
}

const record = (label: number): number[] => [
  label,
  ...Array.from({ length: 3072 }, (_, i) => (i + label) % 256),
];

/** A tar archive of files. */
function tar(entries: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const blocks = Object.entries(entries).flatMap(([name, content]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(content.length.toString(8).padStart(11, '0'), 124);
    header.write('        0', 148);
    header.write(
      header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0') + '\0 ',
      148,
    );
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

afterEach(() => vi.unstubAllEnvs());

describe('mnist', () => {
  it.each([
    ['the original names', (name: string) => name, false],
    ['compressed', (name: string) => `${name}.gz`, true],
    ['unpacked but still named .gz', (name: string) => `${name}.gz`, false],
    ['a dot in the name', (name: string) => name.replace('-idx', '.idx'), false],
  ])('reads files with %s', async (_, name, pack) => {
    const { training, test, inputShape, classes } = await mnist({ dir: await miniature(name, pack) });
    expect([training.inputs.shape, training.inputs.dtype]).toEqual([[6, 1, 28, 28], 'uint8']);
    expect([values(test.targets), test.targets.dtype]).toEqual([[0, 1, 2, 3], 'int32']);
    expect([inputShape, classes.length]).toEqual([[1, 28, 28], 10]);
  });
  it('says which files a folder lacks, where they are to be had and where to put them', async () => {
    const dir = await temporaryFolder();
    const failure = mnist({ dir });
    await expect(failure).rejects.toThrow(DataError);
    await expect(failure).rejects.toThrow(
      `${dir} lacks train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz`,
    );
    await expect(failure).rejects.toThrow(/get https:\/\/\S+train-images-idx3-ubyte.gz .* into /);
  });
  it('looks into the cache folder, which the environment names', async () => {
    const cache = await temporaryFolder();
    vi.stubEnv('TENSORLOOM_CACHE', cache);
    expect(cacheFolder()).toBe(cache);
    await expect(mnist({ download: false })).rejects.toThrow(join(cache, 'mnist'));
    await rename(await miniature(), join(cache, 'mnist'));
    expect((await mnist({ download: false })).training.length).toBe(6);
  });
  it('refuses images and labels that are swapped', async () => {
    const dir = await miniature();
    await rename(join(dir, FILES[0] ?? ''), join(dir, 'x'));
    await rename(join(dir, FILES[1] ?? ''), join(dir, FILES[0] ?? ''));
    await rename(join(dir, 'x'), join(dir, FILES[1] ?? ''));
    await expect(mnist({ dir })).rejects.toThrow(/expected uint8 images \[n, 28, 28\], found uint8 \[6\]/);
  });
  it('refuses labels of another set', async () => {
    const dir = await miniature();
    await writeFile(join(dir, FILES[1] ?? ''), idxBytes([5], new Uint8Array(5)));
    await expect(mnist({ dir })).rejects.toThrow(/5 labels for the 6 images/);
  });
  it('refuses a label above 9', async () => {
    const dir = await miniature();
    await writeFile(join(dir, FILES[1] ?? ''), idxBytes([6], Uint8Array.of(0, 1, 2, 10, 4, 5)));
    await expect(mnist({ dir })).rejects.toThrow(/sample 3 has label 10/);
  });
});

describe('parseCifar10', () => {
  it('takes the records apart', () => {
    const { images, labels } = parseCifar10(Uint8Array.from([...record(3), ...record(9)]));
    expect([images.shape, values(labels)]).toEqual([
      [2, 3, 32, 32],
      [3, 9],
    ]);
    expect([...images.data.subarray(3070, 3075)]).toEqual([1, 2, 9, 10, 11]);
  });
  it.each([
    ['an empty file', [], /multiple of 3073 bytes, found 0/],
    ['a truncated file', record(1).slice(0, 3000), /b.bin is not.*found 3000/],
    ['a label above 9', [...record(1), ...record(77)], /record 1 has label 77/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseCifar10(Uint8Array.from(bytes), 'b.bin')).toThrow(FormatError);
    expect(() => parseCifar10(Uint8Array.from(bytes), 'b.bin')).toThrow(message);
  });
});

describe('cifar10', () => {
  it('takes those training batches that a folder has, packed or not', async () => {
    const dir = await temporaryFolder();
    await writeFile(join(dir, 'data_batch_2.bin.gz'), gzipSync(Uint8Array.from(record(2))));
    await writeFile(join(dir, 'data_batch_4.bin'), Uint8Array.from(record(4)));
    await writeFile(join(dir, 'test_batch.bin'), Uint8Array.from(record(0)));
    const { training, test, classes } = await cifar10({ dir });
    expect([values(training.targets), values(test.targets)]).toEqual([[2, 4], [0]]);
    expect([training.inputs.shape, classes[4]]).toEqual([[2, 3, 32, 32], 'deer']);
  });
  it('unpacks the original archive', async () => {
    const dir = await temporaryFolder();
    const names = ['data_batch_1', 'data_batch_2', 'test_batch'].map(
      (name) => `cifar-10-batches-bin/${name}.bin`,
    );
    const archive = tar({
      'cifar-10-batches-bin/readme.html': Buffer.from('hello'),
      ...Object.fromEntries(names.map((name, i) => [name, Uint8Array.from(record(i))])),
    });
    await writeFile(join(dir, 'cifar-10-binary.tar.gz'), gzipSync(archive));
    const { training, test } = await cifar10({ dir });
    expect([values(training.targets), values(test.targets)]).toEqual([[0, 1], [2]]);
    expect(existsSync(join(dir, 'cifar-10-batches-bin', 'readme.html'))).toBe(false);
  });
  it('refuses a damaged archive', async () => {
    const dir = await temporaryFolder();
    const archive = tar({ 'test_batch.bin': Uint8Array.from(record(1)) });
    await writeFile(join(dir, 'cifar-10-binary.tar.gz'), gzipSync(archive.subarray(0, 1000)));
    await expect(cifar10({ dir })).rejects.toThrow(
      /is truncated: test_batch.bin has 3073 bytes, of which 488 are there/,
    );
    await writeFile(join(dir, 'cifar-10-binary.tar.gz'), gzipSync(archive.fill(1, 10, 20)));
    await expect(cifar10({ dir })).rejects.toThrow(/header at byte 0 is damaged/);
  });
  it('says what an empty folder lacks', async () => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, 'other'));
    await expect(cifar10({ dir })).rejects.toThrow(/lacks test_batch.bin/);
    await expect(cifar10({ dir })).rejects.toThrow(/get https:\S+cifar-10-binary.tar.gz and put it/);
  });
});

describe('the real files', () => {
  it.skipIf(!existsSync(sharedData('mnist')))(
    'of MNIST have their known labels, mean and deviation',
    async () => {
      const { training, test, mean, std } = await mnist({ dir: sharedData('mnist') });
      expect([training.inputs.shape, test.inputs.shape]).toEqual([
        [60_000, 1, 28, 28],
        [10_000, 1, 28, 28],
      ]);
      expect(values(training.targets).slice(0, 8)).toEqual([5, 0, 4, 1, 9, 2, 1, 3]);
      expect(values(test.targets).slice(0, 8)).toEqual([7, 2, 1, 0, 4, 1, 4, 9]);
      let [sum, squares] = [0, 0];
      for (const value of training.inputs.data) {
        sum += value / 255;
        squares += (value / 255) ** 2;
      }
      const average = sum / training.inputs.data.length;
      expect(average).toBeCloseTo(mean[0] ?? 0, 4);
      expect(Math.sqrt(squares / training.inputs.data.length - average ** 2)).toBeCloseTo(std[0] ?? 0, 4);
    },
  );
  it.skipIf(!existsSync(sharedData('fashion-mnist')))(
    'of Fashion-MNIST have their known labels',
    async () => {
      const { training, test, classes } = await fashionMnist({ dir: sharedData('fashion-mnist') });
      expect([training.length, test.length, classes[9]]).toEqual([60_000, 10_000, 'Ankle boot']);
      expect(values(training.targets).slice(0, 8)).toEqual([9, 0, 0, 3, 0, 2, 7, 2]);
    },
  );
  it.skipIf(!existsSync(sharedData('cifar10')))('of CIFAR-10 have their known labels', async () => {
    const { training, test, classes } = await cifar10({ dir: sharedData('cifar10') });
    expect(
      values(training.targets)
        .slice(0, 5)
        .map((label) => classes[label]),
    ).toEqual(['frog', 'truck', 'truck', 'deer', 'automobile']);
    expect([training.length, test.length]).toEqual([10_000, 10_000]);
  });
});
