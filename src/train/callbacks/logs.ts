import type { Callback } from '../callback.js';
import type { EpochRecord } from '../history.js';

/**
 * Writes each epoch's record to a file as one line of JSON. A file of an earlier run is replaced; a resumed run goes on where its
 * checkpoint stands. Node only.
 *
 * @throws FileError, in training, if the file cannot be written.
 */
export function jsonlLogger(path: string): Callback {
  return logger('jsonlLogger', path, (record) => `${JSON.stringify(record)}\n`);
}

/**
 * Writes the epochs' records to a file of comma-separated values, one line each under a line of names. A file of an earlier run is
 * replaced; a resumed run goes on where its checkpoint stands. Node only.
 *
 * @throws FileError, in training, if the file cannot be written.
 */
export function csvLogger(path: string): Callback {
  return logger('csvLogger', path, (record, isFirst) => {
    const names = Object.keys(record);
    const line = names.map((name) => cell(record[name])).join(',');
    return isFirst ? `${names.map(cell).join(',')}\n${line}\n` : `${line}\n`;
  });
}

function logger(
  name: string,
  path: string,
  lineOf: (record: EpochRecord, isFirst: boolean) => string,
): Callback {
  return {
    name,
    onTrainBegin: async ({ history }) => {
      // What stands in the file beyond the checkpoint, perhaps with half a line, belongs to epochs that will come again.
      const { writeFileAtomic } = await import('../../core/node/atomic-file.js');
      await writeFileAtomic(path, history.map((record, i) => lineOf(record, i === 0)).join(''));
    },
    onEpochEnd: async ({ history }, record) => {
      const { appendToFile } = await import('../../core/node/atomic-file.js');
      await appendToFile(path, lineOf(record, history.length === 1));
    },
  };
}

/** A value as RFC 4180 wants it. */
function cell(value: string | number | undefined): string {
  const text = value === undefined ? '' : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
