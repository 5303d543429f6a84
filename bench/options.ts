/** The command line of the benchmark. */
import { parseArgs } from 'node:util';

export interface Options {
  readonly json: boolean;
  /** Names of rows; undefined for all that do not take minutes. */
  readonly only: readonly string[] | undefined;
}

export const usage = (names: readonly string[]): string =>
  `npm run bench -- [--only NAME,…] [--json]\n\n  --only NAME,…  these rows: ${names.join(', ')}\n  --json         one JSON object a line instead of a table`;

/** The options, or what is wrong with them. */
export function parseOptions(args: readonly string[], names: readonly string[]): Options | string {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: { json: { type: 'boolean' }, only: { type: 'string' } },
    }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const only = values.only?.split(',').map((name) => name.trim());
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) return `there is no row '${unknown}'`;
  return { json: values.json ?? false, only };
}
