import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readBytes } from '../../src/data/node/read-file.js';
import { digits } from '../../src/data/digits.js';
import { setDevice } from '../../src/runtime/devices.js';
import { freshFolder, jsonLines, loom, type Outcome } from './support.js';

/** A quick run that others look at. */
let folder = '';
let trained: Outcome;
const quick = ['--limit', '640', '--epochs', '2', '--seed', '3', '--lr', '0.005'];

beforeAll(async () => {
  folder = join(await freshFolder(), 'run');
  trained = await loom('train', 'digits-cnn', ...quick, '--json', '--out', folder);
});

// A device that one command was told stays for the next ones in this process.
afterEach(() => {
  setDevice('auto');
});

describe('loom train', () => {
  it('prints one JSON object for each epoch and one at the end, and nothing else', () => {
    expect([trained.code, trained.stderr]).toEqual([0, '']);
    const [first, second, end, ...more] = jsonLines(trained.stdout);
    expect(more).toEqual([]);
    const number: unknown = expect.any(Number);
    const epoch = {
      event: 'epoch',
      epochs: 2,
      loss: number,
      accuracy: number,
      valLoss: number,
      valAccuracy: number,
    };
    const speed = { seconds: number, samplesPerSecond: number };
    expect(first).toEqual({ ...epoch, ...speed, epoch: 1 });
    expect(second).toEqual({ ...epoch, ...speed, epoch: 2 });
    expect(end).toEqual({
      event: 'end',
      testLoss: number,
      testAccuracy: number,
      seconds: number,
      out: folder,
    });
    expect(Number(second?.loss)).toBeLessThan(Number(first?.loss));
    expect(end?.testLoss).toBeCloseTo(Number(second?.valLoss), 6);
  });

  it('writes the files of a run', async () => {
    expect((await readdir(folder)).sort()).toEqual([
      'checkpoint.safetensors',
      'config.json',
      'confusion.svg',
      'history.png',
      'history.svg',
      'metrics.jsonl',
      'model.safetensors',
    ]);
    const lines = trained.stdout.split('\n').slice(0, 2);
    expect((await readFile(join(folder, 'metrics.jsonl'), 'utf8')).split('\n').slice(0, 2)).toEqual(lines);
    expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))).toMatchObject({
      recipe: 'digits-cnn',
      epochs: 2,
      batchSize: 64,
      lr: 0.005,
      seed: 3,
      limit: 640,
      classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
      inputShape: [1, 28, 28],
    });
    expect(await readFile(join(folder, 'history.svg'), 'utf8')).toMatch(/^<svg/);
    expect(await readFile(join(folder, 'confusion.svg'), 'utf8')).toMatch(/^<svg/);
    expect([...(await readBytes(join(folder, 'history.png'))).subarray(1, 4)]).toEqual([80, 78, 71]);
  });

  it('gives the same numbers for the same seed, and others for another', async () => {
    const losses = async (seed: string): Promise<unknown[]> => {
      const args = [
        'train',
        'xor',
        '--epochs',
        '2',
        '--seed',
        seed,
        '--json',
        '--out',
        join(await freshFolder(), 'x'),
      ];
      return jsonLines((await loom(...args)).stdout).map((line) => line.loss ?? line.testLoss);
    };
    const once = await losses('1');
    expect(await losses('1')).toEqual(once);
    expect(await losses('2')).not.toEqual(once);
  });

  it('solves xor', async () => {
    const { stdout } = await loom('train', 'xor', '--json', '--out', join(await freshFolder(), 'xor'));
    expect(jsonLines(stdout).at(-1)).toMatchObject({ event: 'end', testAccuracy: 1 });
  });

  it('prints plain lines and a confusion matrix for people', async () => {
    const out = join(await freshFolder(), 'xor');
    const { code, stdout } = await loom('train', 'xor', '--epochs', '3', '--out', out);
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^Training xor: .*gradient descent\.$/);
    expect(
      lines.filter((line) => /^epoch [123]\/3 {2}loss .* accuracy .* samples\/s$/.test(line)),
    ).toHaveLength(3);
    expect(stdout).toMatch(/actual \\ predicted +0 +1 +found/);
    expect(stdout).toMatch(/Test accuracy \d+\.\d\d%, test loss/);
    expect(stdout).toContain(`Written to ${out}: config.json, metrics.jsonl, model.safetensors`);
    expect(stdout).not.toContain('\u001b');
  });

  it.each(['adam', 'momentum', 'lion'])('takes another optimizer: %s', async (optimizer) => {
    const out = join(await freshFolder(), 'xor');
    const { code } = await loom(
      'train',
      'xor',
      '--epochs',
      '1',
      '--optimizer',
      optimizer,
      '--json',
      '--out',
      out,
    );
    expect(code).toBe(0);
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toMatchObject({ optimizer });
  });

  it('computes on the reference device, to the same loss', async () => {
    const on = async (...device: string[]): Promise<number> => {
      const args = ['train', 'xor', '--epochs', '1', '--limit', '40', '--json', ...device];
      const { stdout } = await loom(...args, '--out', join(await freshFolder(), 'xor'));
      return Number(jsonLines(stdout)[0]?.loss);
    };
    const reference = await on('--device', 'reference');
    expect(await on('--device', 'wasm')).toBeCloseTo(reference, 5);
  });

  it('goes on with a finished run when it is to have more epochs', async () => {
    const all = join(await freshFolder(), 'all');
    const parts = join(await freshFolder(), 'parts');
    const straight = await loom('train', 'xor', '--epochs', '4', '--json', '--out', all);
    await loom('train', 'xor', '--epochs', '2', '--json', '--out', parts);
    const rest = await loom('train', 'xor', '--epochs', '4', '--json', '--resume', parts);
    const losses = (stdout: string): unknown[] =>
      jsonLines(stdout).map(({ loss, testLoss }) => loss ?? testLoss);
    expect(losses(rest.stdout)).toEqual(losses(straight.stdout).slice(2));
    const metrics = await readFile(join(parts, 'metrics.jsonl'), 'utf8');
    expect(jsonLines(metrics).map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
  });
});

describe('loom predict', () => {
  /** A digit that the run has not seen, as a PNG file, and its label. */
  async function picture(light: boolean): Promise<{ path: string; label: number }> {
    const { test } = digits({ train: 1, test: 1, seed: 3 });
    const { input, target } = test.get(0);
    const data = Uint8Array.from(input.data, (value) => (light ? 255 - value : value));
    const path = join(await freshFolder(), 'digit.png');
    await writeFile(path, encode({ width: 28, height: 28, data, channels: 1, depth: 8 }));
    return { path, label: target.data[0] ?? -1 };
  }

  it('names the three most likely classes', async () => {
    const { path } = await picture(false);
    const { code, stdout } = await loom('predict', '--model', folder, '--image', path);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^(\d +\d+\.\d\d%\n){3}$/);
  });

  it('gives the same answer for ink on paper, and says what it did', async () => {
    const [dark, light] = [await picture(false), await picture(true)];
    const asJson = async (path: string): Promise<Record<string, unknown> | undefined> =>
      jsonLines((await loom('predict', '--model', folder, '--image', path, '--json')).stdout)[0];
    const [first, second] = [await asJson(dark.path), await asJson(light.path)];
    expect(second?.top).toEqual(first?.top);
    expect(first?.changes).toEqual([]);
    expect(second?.changes).toEqual([expect.stringContaining('inverted')]);
    const top = first?.top as { class: string; probability: number }[];
    expect(top.map(({ probability }) => probability)).toEqual(
      top.map(({ probability }) => probability).sort((a, b) => b - a),
    );
    expect(first?.class).toBe(top[0]?.class);
  });
});

describe('loom evaluate', () => {
  it('measures what the run measured', async () => {
    const { code, stdout } = await loom('evaluate', '--model', folder, '--json');
    expect(code).toBe(0);
    const end = jsonLines(trained.stdout).at(-1);
    expect(jsonLines(stdout)[0]).toMatchObject({
      samples: 2000,
      testAccuracy: end?.testAccuracy,
      testLoss: end?.testLoss,
    });
    expect((await loom('evaluate', '--model', folder)).stdout).toMatch(/found[^]*Test accuracy/);
  });
});

describe('bad input: exit code 1, a clear line on stderr, nothing on stdout', () => {
  async function failure(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await loom(...args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).not.toMatch(/\n +at /);
    return stderr;
  }

  it('a data folder that does not exist', async () => {
    expect(await failure('train', 'mnist-cnn', '--data', '/no/such/folder')).toContain(
      '/no/such/folder does not exist',
    );
  });

  it('a data folder without the files', async () => {
    const dir = await freshFolder();
    expect(await failure('train', 'mnist-cnn', '--data', dir)).toContain('lacks train-images-idx3-ubyte.gz');
  });

  it('a file as the data folder', async () => {
    const path = join(await freshFolder(), 'file');
    await writeFile(path, '');
    expect(await failure('train', 'mnist-cnn', '--data', path)).toContain('is not a folder');
  });

  it('data that are cut off', async () => {
    const dir = await freshFolder();
    const image = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 28, 0, 0, 0, 28, 1, 2, 3);
    for (const name of ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'])
      await writeFile(join(dir, `${name}-ubyte`), image);
    expect(await failure('train', 'mnist-mlp', '--data', dir)).toMatch(/truncated|too short|ends|bytes/);
  });

  it('an output folder that cannot be made', async () => {
    const file = join(await freshFolder(), 'file');
    await writeFile(file, '');
    expect(await failure('train', 'xor', '--json', '--out', join(file, 'run'))).toMatch(
      /cannot make the folder/,
    );
  });

  it('a folder to resume that is no run', async () => {
    expect(await failure('train', '--resume', await freshFolder())).toContain(
      'is not the folder of a training run',
    );
  });

  it('a run without a checkpoint', async () => {
    const dir = join(await freshFolder(), 'run');
    await mkdir(dir);
    await writeFile(join(dir, 'config.json'), await readFile(join(folder, 'config.json')));
    expect(await failure('train', '--resume', dir)).toContain('no checkpoint.safetensors to resume from');
  });

  it('a damaged checkpoint', async () => {
    const dir = join(await freshFolder(), 'run');
    await loom('train', 'xor', '--epochs', '1', '--json', '--out', dir);
    await truncate(join(dir, 'checkpoint.safetensors'), 300);
    expect(await failure('train', '--json', '--resume', dir)).toContain('checkpoint.safetensors');
  });

  it('the checkpoint of another model', async () => {
    const dir = join(await freshFolder(), 'run');
    await loom('train', 'xor', '--epochs', '1', '--json', '--out', dir);
    await writeFile(
      join(dir, 'checkpoint.safetensors'),
      await readFile(join(folder, 'checkpoint.safetensors')),
    );
    expect(await failure('train', '--json', '--resume', dir)).toMatch(
      /checkpoint\.safetensors.*(adam|does not belong)/,
    );
  });

  it('the weights of another model', async () => {
    const dir = join(await freshFolder(), 'run');
    await loom('train', 'xor', '--epochs', '1', '--json', '--out', dir);
    await writeFile(join(dir, 'model.safetensors'), await readFile(join(folder, 'model.safetensors')));
    expect(await failure('evaluate', '--model', dir)).toContain('holds the weights of another model');
  });

  it('a broken configuration', async () => {
    const dir = await freshFolder();
    await writeFile(join(dir, 'config.json'), '{"recipe": 3}');
    expect(await failure('evaluate', '--model', dir)).toContain("'recipe' is missing or of the wrong kind");
  });

  it('a broken picture', async () => {
    const path = join(await freshFolder(), 'x.png');
    await writeFile(path, 'hello');
    expect(await failure('predict', '--model', folder, '--image', path)).toContain(
      'neither a PNG nor a JPEG',
    );
  });

  it('a picture that is not there', async () => {
    expect(await failure('predict', '--model', folder, '--image', '/no/x.png')).toContain(
      'it does not exist',
    );
  });
});

describe('a resumed run keeps what decides its numbers', () => {
  it.each([
    ['another seed', ['--seed', '4'], /--seed is 4, but .* started with 3/],
    ['another batch size', ['--batch-size', '32'], /--batch-size is 32, but .* started with 64/],
    ['another limit', ['--limit', '100'], /--limit is 100, but .* started with 640/],
    ['another optimizer', ['--optimizer', 'lion'], /--optimizer is lion, but .* started without it/],
  ])('%s is wrong usage', async (_, options, message) => {
    const { code, stderr } = await loom('train', '--resume', folder, ...options);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('another recipe is wrong usage', async () => {
    const { code, stderr } = await loom('train', 'xor', '--resume', folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/the recipe is xor, but .* started with digits-cnn/);
  });
});
