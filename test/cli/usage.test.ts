import { describe, expect, it } from 'vitest';
import { all } from '../../src/recipes/index.js';
import { jsonLines, loom } from './support.js';

describe('wrong usage: exit code 2, one line and a hint on stderr, nothing on stdout', () => {
  it.each<[string, string, RegExp, RegExp]>([
    ['an unknown command', 'trian', /unknown command 'trian'/, /did you mean train\?/],
    ['an unknown recipe', 'train mnist-cn', /unknown recipe 'mnist-cn'/, /did you mean mnist-cnn\?/],
    ['a recipe like no other', 'train banana', /unknown recipe 'banana'/, /digits-cnn, mnist-cnn/],
    ['a recipe file that is not there', 'train ./nothing.mjs', /cannot load the recipe/, /check the path/],
    ['an unknown option', 'train --epoch 3', /unknown option '--epoch'/, /did you mean --epochs\?/],
    ['a missing value', 'train --epochs', /argument missing/, /--help/],
    ['a batch size of 0', 'train --batch-size 0', /--batch-size is '0'/, /--batch-size 64/],
    ['half a batch size', 'train --batch-size 1.5', /--batch-size is '1\.5'/, /whole|for example/],
    ['a learning rate that is no number', 'train --lr NaN', /--lr is 'NaN'/, /--lr 0\.001/],
    ['a negative learning rate', 'train --lr -1', /--lr is '-1'/, /--lr 0\.001/],
    ['negative epochs', 'train --epochs -3', /--epochs is '-3'/, /--epochs 5/],
    ['a limit of 0', 'train --limit 0', /--limit is '0'/, /--limit 1000/],
    ['a seed that is no number', 'train --seed x', /--seed is 'x'/, /--seed 1/],
    ['no threads', 'train --threads 0', /--threads is '0'/, /--threads 2/],
    ['an unknown optimizer', 'train --optimizer adm', /unknown optimizer 'adm'/, /did you mean adam\?/],
    ['an unknown device', 'train --device refrence', /unknown device 'refrence'/, /did you mean reference\?/],
    ['too many arguments', 'train xor mnist-cnn', /too many arguments/, /--help/],
    ['no model to predict with', 'predict --image x.png', /--model <dir>/, /--help/],
    [
      'an unknown recipe to profile',
      'profile mnist-cn',
      /unknown recipe 'mnist-cn'/,
      /did you mean mnist-cnn\?/,
    ],
    ['nothing to choose from', 'profile xor --repeats 0', /--repeats is '0'/, /--repeats 20/],
    ['a profile of no kernels', 'profile xor --device reference', /'reference' has no kernels/, /--device/],
    ['no picture to predict', 'predict --model x', /--image <file>/, /--help/],
  ])('%s', async (_, args, message, hint) => {
    const { code, stdout, stderr } = await loom(...args.split(' '));
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr.split('\n')).toHaveLength(3);
    expect(stderr.split('\n')[1]).toMatch(hint);
    expect(stderr.split('\n')[1]).toMatch(/^ {2}hint: /);
  });

  it('shows no stack trace unless asked', async () => {
    expect((await loom('train', 'banana')).stderr).not.toMatch(/\n +at /);
    expect((await loom('train', 'banana', '--debug')).stderr).toMatch(/\n +at /);
  });
});

describe('what needs no training', () => {
  it.each([[[]], [['--help']]])('loom %j prints help on stdout', async (args) => {
    const { code, stdout, stderr } = await loom(...args);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/Usage: loom[^]*train[^]*predict[^]*evaluate[^]*profile[^]*info[^]*recipes/);
  });

  it('loom train --help names every option', async () => {
    const { stdout } = await loom('train', '--help');
    const options = 'data epochs batch-size lr optimizer seed threads device limit out json resume debug';
    for (const option of options.split(' ')) expect(stdout).toContain(`--${option}`);
  });

  it('loom profile --help names every option', async () => {
    const { stdout } = await loom('profile', '--help');
    for (const option of 'data batch-size seed repeats threads device out json debug'.split(' '))
      expect(stdout).toContain(`--${option}`);
  });

  it('loom --version prints the version', async () => {
    expect((await loom('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('loom recipes lists all of them', async () => {
    const { code, stdout } = await loom('recipes');
    expect(code).toBe(0);
    for (const { name } of all) expect(stdout).toContain(name);
    expect(jsonLines((await loom('recipes', '--json')).stdout).map(({ name }) => name)).toEqual(
      all.map(({ name }) => name),
    );
  });

  it.each(all.map(({ name }) => name))('loom recipes %s prints it as a file to copy', async (name) => {
    const { code, stdout } = await loom('recipes', name);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^import \{ data, nn, optim(, train)? \} from 'tensorloom';\n/);
    expect(stdout).toContain(`name: '${name}'`);
    expect(stdout).not.toMatch(/\.\.\/|import type|: Recipe/);
  });

  it('loom info tells about the machine', async () => {
    const { code, stdout } = await loom('info');
    expect(code).toBe(0);
    for (const word of ['Node', 'cores', 'threads', 'SIMD', 'FMA', 'heap']) expect(stdout).toContain(word);
    const [info] = jsonLines((await loom('info', '--json')).stdout);
    expect(info).toMatchObject({ node: process.versions.node, simd: true });
  });
});
