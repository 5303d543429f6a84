import { FormatError } from '../core/errors.js';

/** A value as it stands in the text, and the line where its row ends. */
export interface Cell {
  readonly text: string;
  readonly line: number;
}

export interface Column {
  readonly name: string;
  readonly cells: readonly Cell[];
}

export interface Table {
  readonly columns: readonly Column[];
}

/**
 * The columns of a table of separated values (RFC 4180). Without a header they are named by their numbers, from 0.
 *
 * @throws FormatError if rows differ in length, a quote is left open, names repeat or there are no rows; with the line.
 */
export async function readTable(
  text: string,
  file: string,
  delimiter: string,
  header: boolean,
): Promise<Table> {
  const { CsvError, parse } = await import('csv-parse/sync');
  let rows: { record: string[]; info: { lines: number } }[];
  try {
    rows = parse(text, {
      info: true,
      bom: true,
      skip_empty_lines: true,
      trim: true,
      delimiter,
    }) as unknown as typeof rows;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new FormatError(`${file} is not a sound table: ${error.message}`, 'is the delimiter right?', {
      cause: error,
    });
  }
  const [first] = rows;
  const body = header ? rows.slice(1) : rows;
  if (first === undefined || body.length === 0)
    throw new FormatError(`${file} has no rows${header && first !== undefined ? ' below its header' : ''}`);
  const names = first.record.map((name, i) => (header ? name : String(i)));
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined)
    throw new FormatError(
      `${file}, line ${first.info.lines}: two columns are named '${repeated}'`,
      'pass header: false if the first line has no names',
    );
  const columns = names.map((name, i) => ({
    name,
    cells: body.map(({ record, info }) => ({ text: record[i] ?? '', line: info.lines })),
  }));
  return { columns };
}
