/** The command line of the benchmark. */
import { parseArgs } from 'node:util';
import { TARGETS } from './ours.js';

export interface Options {
  readonly json: boolean;
  /** Names of rows; undefined for all that do not take minutes. */
  readonly only: readonly string[] | undefined;
  /** Devices to run on; undefined for those that have bars, as far as they are there. */
  readonly targets: readonly string[] | undefined;
  /** Names of peers to compare with; undefined for all. */
  readonly peers: readonly string[] | undefined;
  /** Instead of the threads that each row is meant for. */
  readonly threads: number | undefined;
}

export const usage = (names: readonly string[], peers: readonly string[]): string =>
  [
    'npm run bench -- [ROW …] [--target NAME,…] [--peers NAME,… | --no-peers] [--threads N] [--json]',
    '',
    `  ROW …            these rows: ${names.join(', ')}`,
    `  --target NAME,…  these devices; ${TARGETS.join(', ')} unless told`,
    `  --peers NAME,…   beside these only: ${peers.join(', ')}`,
    '  --no-peers       beside nobody',
    '  --threads N      on N threads instead of those that a row is meant for',
    '  --json           one JSON object a line instead of a table',
    '',
    'PYTHON names the Python whose torch and numpy are compared with.',
  ].join('\n');

/** The options, or what is wrong with them. */
export function parseOptions(
  args: readonly string[],
  names: readonly string[],
  peers: readonly string[],
): Options | string {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        only: { type: 'string' },
        target: { type: 'string' },
        peers: { type: 'string' },
        'no-peers': { type: 'boolean' },
        threads: { type: 'string' },
      },
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { values, positionals } = parsed;
  const only = [...positionals, ...(list(values.only) ?? [])];
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) return `there is no row '${unknown}'`;
  const chosen = values['no-peers'] === true ? [] : list(values.peers);
  const stranger = chosen?.find((name) => !peers.includes(name));
  if (stranger !== undefined) return `there is no peer '${stranger}'`;
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1))
    return `--threads: ${values.threads ?? ''} is not a number of threads`;
  return {
    json: values.json ?? false,
    only: only.length === 0 ? undefined : only,
    targets: list(values.target),
    peers: chosen,
    threads,
  };
}

const list = (text: string | undefined): string[] | undefined => text?.split(',').map((name) => name.trim());
