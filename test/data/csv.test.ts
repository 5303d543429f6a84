import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ArgumentError, DataError, FormatError } from '../../src/core/errors.js';
import { parseCsv, readCsv } from '../../src/data/index.js';
import { temporaryFile, values } from './support.js';

const FLOWERS = `length,width,color,kind
1.5,2,red,rose
3,4e-1,white,lily
-2,.5,red,rose
`;

describe('parseCsv', () => {
  it('finds out which columns are numbers and which are categories', async () => {
    const table = await parseCsv(FLOWERS);
    expect(table.features).toEqual(['length', 'width', 'color=red', 'color=white']);
    expect(table.inputs.shape).toEqual([3, 4]);
    expect(values(table.inputs)).toEqual([1.5, 2, 1, 0, 3, 0.4, 0, 1, -2, 0.5, 1, 0].map(Math.fround));
    expect([values(table.targets), table.targets.dtype, table.classes]).toEqual([
      [1, 0, 1],
      'int32',
      ['lily', 'rose'],
    ]);
    expect(table.categories).toEqual({ color: ['red', 'white'], kind: ['lily', 'rose'] });
  });
  it('takes a number column as [n, 1] float32 targets, for regression', async () => {
    const table = await parseCsv(FLOWERS, { target: 'width', columns: { kind: 'ignore' } });
    expect([table.targets.shape, table.targets.dtype, table.classes]).toEqual([[3, 1], 'float32', undefined]);
    expect(table.features).toEqual(['length', 'color=red', 'color=white']);
  });
  it('takes several target columns', async () => {
    const table = await parseCsv(FLOWERS, { target: ['width', 0] });
    expect([table.targets.shape, values(table.targets)]).toEqual([
      [3, 2],
      [2, 1.5, 0.4, 3, 0.5, -2].map(Math.fround),
    ]);
  });
  it('takes numbers as class labels when told so, in the order of the numbers', async () => {
    const table = await parseCsv('x,y\n1,10\n2,9\n3,10\n', { columns: { y: 'category' } });
    expect([table.classes, values(table.targets)]).toEqual([
      ['9', '10'],
      [1, 0, 1],
    ]);
  });
  it('reads tables without a header and with another delimiter', async () => {
    const table = await parseCsv('1;2;a\n3;4;b\n', { header: false, delimiter: ';' });
    expect([table.features, values(table.inputs), table.classes]).toEqual([
      ['0', '1'],
      [1, 2, 3, 4],
      ['a', 'b'],
    ]);
  });
  it('reads quotes, blanks around values, empty lines, Windows line ends and a byte order mark', async () => {
    const table = await parseCsv('\ufeffa,b\r\n"1", "x, y"\r\n\r\n 2 ,z\r\n');
    expect([values(table.inputs), table.classes]).toEqual([
      [1, 2],
      ['x, y', 'z'],
    ]);
  });
  it.each([
    ['a missing value', 'a,b\n1,2\n,4\n', {}, /t, line 3: column 'a' has no value/],
    ['a missing target', 'a,b\n1,2\n3,NA\n', {}, /line 3: column 'b' has no value \('NA'\)/],
    [
      'a missing target that would have to be filled in',
      'a,b\n1,?\n3,4\n',
      { missing: 'fill' },
      /cannot be filled in/,
    ],
    [
      'a word in a column of numbers',
      'a,b\n1,2\nx,4\n',
      { columns: { a: 'number' } },
      /line 3: column 'a' has 'x'/,
    ],
    ['nothing but missing values', 'a,b\nNA,2\n', { missing: 'drop' }, /no row is left/],
    ['several targets that are not numbers', FLOWERS, { target: ['kind', 'width'] }, /'kind' is a category/],
  ] as const)('refuses %s, with its line', async (_, text, options, message) => {
    const failure = parseCsv(text, { file: 't', ...options });
    await expect(failure).rejects.toThrow(DataError);
    await expect(failure).rejects.toThrow(message);
  });
  it('refuses one odd word among many numbers rather than making a category of them all', async () => {
    const rows = Array.from({ length: 20 }, (_, i) => `${i === 13 ? '1.o' : i},${i}`);
    await expect(parseCsv(['a,b', ...rows].join('\n'))).rejects.toThrow(
      /line 15: column 'a' has '1.o' where a number/,
    );
  });
  it('drops rows with missing values on request', async () => {
    const table = await parseCsv('a,b\n1,2\n,4\n5,NA\n7,8\n', { missing: 'drop' });
    expect([values(table.inputs), values(table.targets)]).toEqual([
      [1, 7],
      [2, 8],
    ]);
  });
  it('fills in the mean of numbers and the most frequent word on request', async () => {
    const table = await parseCsv('a,c,y\n1,u,1\n,v,2\n5,?,3\n3,v,4\n', { missing: 'fill' });
    expect(table.features).toEqual(['a', 'c=u', 'c=v']);
    expect(values(table.inputs)).toEqual([1, 1, 0, 3, 0, 1, 5, 0, 1, 3, 0, 1]);
  });
  it.each([
    ['no text', '', /has no rows/],
    ['a header alone', 'a,b\n', /no rows below its header/],
    ['a row that is too long', 'a,b\n1,2\n1,2,3\n', /expect 2, got 3 on line 3/],
    ['an open quote', 'a,b\n1,"2\n', /opening quote at line 2/],
    ['two columns of one name', 'a,a,b\n1,2,3\n', /line 1: two columns are named 'a'/],
    ['one column', 'a\n1\n', /leave none for the inputs/],
  ])('refuses %s', async (_, text, message) => {
    await expect(parseCsv(text)).rejects.toThrow(FormatError);
    await expect(parseCsv(text)).rejects.toThrow(message);
  });
  it('names the columns there are when one is not', async () => {
    const failure = parseCsv(FLOWERS, { target: 'colour' });
    await expect(failure).rejects.toThrow(ArgumentError);
    await expect(failure).rejects.toThrow(/no column 'colour'\n.*length, width, color, kind/);
    await expect(parseCsv(FLOWERS, { target: 4 })).rejects.toThrow(/no column 4/);
    await expect(parseCsv(FLOWERS, { columns: { width: 'ignore' }, target: 'width' })).rejects.toThrow(
      /is ignored/,
    );
    await expect(parseCsv(FLOWERS, { columns: { wdth: 'number' } })).rejects.toThrow(/no column 'wdth'/);
  });
});

describe('readCsv', () => {
  it('reads a file, packed or not', async () => {
    for (const content of [FLOWERS, gzipSync(FLOWERS)])
      expect((await readCsv(await temporaryFile('flowers.csv', content))).length).toBe(3);
  });
  it('names the file in messages', async () => {
    const path = await temporaryFile('t.csv', 'a,b\n,1\n');
    await expect(readCsv(path)).rejects.toThrow(`${path}, line 2`);
  });
});
