import { ArgumentError, DataError, FormatError } from '../core/errors.js';
import { ArrayDataset } from './dataset.js';
import { readTable } from './csv-table.js';
import type { Cell, Column, Table } from './csv-table.js';
import type { HostArray } from './host-array.js';

/** What a column holds: numbers, one of a few words, or nothing that matters. */
export type ColumnType = 'number' | 'category' | 'ignore';

export interface CsvOptions {
  /** The column or columns to predict, by name or number from 0; the last column when left out. */
  readonly target?: string | number | readonly (string | number)[];
  /** Types of columns by name (or number as text, without a header); found out from the values where left out. */
  readonly columns?: Readonly<Record<string, ColumnType>>;
  /** Whether the first line has the names of the columns; true when left out. */
  readonly header?: boolean;
  /** What stands between values; a comma when left out. */
  readonly delimiter?: string;
  /** Values that mean that there is none. */
  readonly missingValues?: readonly string[];
  /**
   * What happens to rows with missing values: `error`, `drop` the row, or `fill` in the column's mean (numbers) or most frequent word. A
   * row without its target can only be dropped. `error` when left out.
   */
  readonly missing?: 'error' | 'drop' | 'fill';
  /** Names the table in messages. */
  readonly file?: string;
}

/** A table as samples: what each number of an input stands for, too. */
export class CsvDataset extends ArrayDataset {
  /** The name of each input number: a column's, or `column=word` for one word of a category. */
  readonly features: readonly string[];
  /** The words of each category column, in the order of their codes. */
  readonly categories: Readonly<Record<string, readonly string[]>>;

  constructor(
    inputs: HostArray,
    targets: HostArray,
    features: readonly string[],
    categories: Readonly<Record<string, readonly string[]>>,
    classes?: readonly string[],
  ) {
    super(inputs, targets, classes === undefined ? {} : { classes });
    this.features = features;
    this.categories = categories;
  }
}

const MISSING = ['', 'NA', 'N/A', 'NaN', 'nan', 'null', '?'] as const;

/** A column of which this share is numbers was surely meant to be numbers throughout. */
const MOSTLY = 0.9;

/**
 * A table of comma-separated values as a data set: inputs `[n, features]` float32, where a category takes one
 * feature for each of its words (one-hot). Targets are int32 class labels `[n]` if the target column is a category, else numbers
 * `[n, targets]` float32.
 *
 * @throws DataError if a value is missing or of the wrong type, naming line and column.
 * @throws FormatError if the text is no table, naming the line.
 * @throws ArgumentError for a column that does not exist.
 * @example
 * ```ts
 * import { data } from 'tensorloom';
 *
 * const flowers = await data.parseCsv('length,width,kind\n1.5,2,rose\n3,4,tulip\n', { target: 'kind' });
 * flowers.inputs.shape; // => [2, 2]
 * flowers.classes; // => ['rose', 'tulip']
 * ```
 */
export async function parseCsv(text: string, options: CsvOptions = {}): Promise<CsvDataset> {
  const { file = 'the table', missing = 'error' } = options;
  const absent = new Set<string>(options.missingValues ?? MISSING);
  const table = await readTable(text, file, options.delimiter ?? ',', options.header ?? true);
  const targets = targetColumns(table, options.target ?? table.columns.length - 1, file);
  for (const name of Object.keys(options.columns ?? {})) findColumn(table, name, file);
  const used = table.columns.filter((column) => options.columns?.[column.name] !== 'ignore');
  const ignored = targets.find((column) => !used.includes(column));
  if (ignored !== undefined)
    throw new ArgumentError(`${file}: the target column '${ignored.name}' is ignored`);

  const kept = rowsToKeep(used, targets, absent, missing, file);
  const encoded = new Map(
    used.map((column) => {
      const cells = kept.map((row) => column.cells[row] ?? { text: '', line: 0 });
      return [column, encode(column.name, cells, options.columns?.[column.name], absent, file)];
    }),
  );
  const blocks = used
    .filter((column) => !targets.includes(column))
    .map((column) => ({
      name: column.name,
      values: encoded.get(column) ?? { kind: 'number' as const, numbers: new Float64Array() },
    }));
  const features = blocks.flatMap(({ name, values }) =>
    values.kind === 'number' ? [name] : values.words.map((word) => `${name}=${word}`),
  );
  const categories = Object.fromEntries(
    [...encoded].flatMap(([{ name }, values]) => (values.kind === 'category' ? [[name, values.words]] : [])),
  );
  const inputs = inputArray(
    kept.length,
    features.length,
    blocks.map(({ values }) => values),
  );
  const [labels] = targets.map((column) => encoded.get(column));
  if (targets.length === 1 && labels?.kind === 'category') {
    const codes: HostArray = { data: labels.codes, shape: [kept.length], dtype: 'int32' };
    return new CsvDataset(inputs, codes, features, categories, labels.words);
  }
  const numbers = targets.map((column) => {
    const values = encoded.get(column);
    if (values?.kind === 'number') return values;
    throw new DataError(
      `${file}: with several targets all must be numbers, but '${column.name}' is a category`,
    );
  });
  return new CsvDataset(inputs, inputArray(kept.length, numbers.length, numbers), features, categories);
}

type Encoded =
  | { readonly kind: 'number'; readonly numbers: Float64Array }
  | { readonly kind: 'category'; readonly words: readonly string[]; readonly codes: Int32Array };

function encode(
  name: string,
  cells: readonly Cell[],
  type: ColumnType | undefined,
  absent: ReadonlySet<string>,
  file: string,
): Encoded {
  const present = cells.filter((cell) => !absent.has(cell.text));
  const odd = present.find((cell) => !isNumber(cell.text));
  const share = present.filter((cell) => isNumber(cell.text)).length / Math.max(present.length, 1);
  if (odd !== undefined && (type === 'number' || (type === undefined && share >= MOSTLY))) {
    throw new DataError(
      `${file}, line ${odd.line}: column '${name}' has '${odd.text}' where a number should be`,
      `correct the value, or pass columns: { '${name}': 'category' } or missingValues`,
    );
  }
  if (type === 'number' || (type === undefined && odd === undefined)) {
    const mean = present.reduce((sum, cell) => sum + Number(cell.text), 0) / Math.max(present.length, 1);
    const numbers = Float64Array.from(cells, (cell) => (absent.has(cell.text) ? mean : Number(cell.text)));
    return { kind: 'number', numbers };
  }
  const counts = new Map<string, number>();
  for (const { text } of present) counts.set(text, (counts.get(text) ?? 0) + 1);
  // Labels such as 2 and 10 keep the order of their numbers.
  const order = new Intl.Collator('en', { numeric: true });
  const words = [...counts.keys()].sort((a, b) => order.compare(a, b) || (a < b ? -1 : 1));
  const code = new Map(words.map((word, i) => [word, i]));
  const frequent = words.reduce(
    (best, word, i) => ((counts.get(word) ?? 0) > (counts.get(words[best] ?? '') ?? 0) ? i : best),
    0,
  );
  return {
    kind: 'category',
    words,
    codes: Int32Array.from(cells, (cell) => code.get(cell.text) ?? frequent),
  };
}

/** Whether a text is a finite number in decimal notation. */
function isNumber(text: string): boolean {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text));
}

function rowsToKeep(
  used: readonly Column[],
  targets: readonly Column[],
  absent: ReadonlySet<string>,
  missing: 'error' | 'drop' | 'fill',
  file: string,
): number[] {
  const dropped = new Set<number>();
  for (const column of used) {
    const isTarget = targets.includes(column);
    for (const [row, cell] of column.cells.entries()) {
      if (!absent.has(cell.text)) continue;
      if (missing === 'error' || (isTarget && missing !== 'drop')) {
        throw new DataError(
          `${file}, line ${cell.line}: column '${column.name}' has no value${cell.text === '' ? '' : ` ('${cell.text}')`}`,
          isTarget
            ? "a target cannot be filled in; pass missing: 'drop' to leave such rows out"
            : "pass missing: 'drop' to leave such rows out or 'fill' to fill in the column's mean",
        );
      }
      if (missing === 'drop') dropped.add(row);
    }
  }
  const count = used[0]?.cells.length ?? 0;
  const kept = Array.from({ length: count }, (_, row) => row).filter((row) => !dropped.has(row));
  if (kept.length === 0) throw new DataError(`${file}: no row is left, each one has a missing value`);
  return kept;
}

function inputArray(rows: number, width: number, blocks: readonly Encoded[]): HostArray {
  const data = new Float32Array(rows * width);
  let at = 0;
  for (const block of blocks) {
    if (block.kind === 'number') {
      block.numbers.forEach((value, row) => (data[row * width + at] = value));
      at += 1;
    } else {
      const first = at;
      block.codes.forEach((code, row) => (data[row * width + first + code] = 1));
      at += block.words.length;
    }
  }
  return { data, shape: [rows, width], dtype: 'float32' };
}

function targetColumns(
  table: Table,
  target: string | number | readonly (string | number)[],
  file: string,
): Column[] {
  const wanted: readonly (string | number)[] =
    typeof target === 'string' || typeof target === 'number' ? [target] : target;
  if (wanted.length === 0) throw new ArgumentError(`${file}: name at least one target column`);
  if (table.columns.length <= wanted.length)
    throw new FormatError(
      `${file}: ${table.columns.length} columns leave none for the inputs`,
      'is the delimiter right?',
    );
  return wanted.map((key) => findColumn(table, key, file));
}

function findColumn(table: Table, key: string | number, file: string): Column {
  const column =
    typeof key === 'number' ? table.columns[key] : table.columns.find(({ name }) => name === key);
  if (column === undefined) {
    const names = table.columns.map(({ name }) => name);
    throw new ArgumentError(
      `${file} has no column ${typeof key === 'number' ? key : `'${key}'`}`,
      `its ${names.length} columns are ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`,
    );
  }
  return column;
}
