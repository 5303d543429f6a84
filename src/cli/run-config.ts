import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../core/errors.js';
import { writeFileAtomic } from '../core/node/atomic-file.js';

/** What a run was, as its folder's config.json tells: enough to use its model, and to go on with it. */
export interface RunConfig {
  /** The recipe's name, or the path of the file that exports it. */
  readonly recipe: string;
  readonly epochs: number;
  readonly batchSize: number;
  /** The name of an optimizer that was asked for; the recipe's own when absent. */
  readonly optimizer?: string;
  readonly lr: number;
  readonly seed: number;
  /** The number of training samples that was asked for; all when absent. */
  readonly limit?: number;
  /** The folder of the data; the cache, or none at all, when absent. */
  readonly data?: string;
  readonly device: string;
  readonly threads?: number;
  /** Present if kernels were chosen by measuring: a run that goes on does the same. */
  readonly tune?: boolean;
  readonly inputShape: readonly number[];
  readonly classes?: readonly string[];
  readonly parameters: number;
  /** The version of tensorloom that trained it. */
  readonly version: string;
}

export const CONFIG_FILE = 'config.json';

export async function writeConfig(folder: string, config: RunConfig): Promise<void> {
  await writeFileAtomic(join(folder, CONFIG_FILE), `${JSON.stringify(config, undefined, 2)}\n`);
}

/**
 * The configuration of the run in a folder.
 *
 * @throws CheckpointError if the folder has none, or a damaged one.
 */
export async function readConfig(folder: string): Promise<RunConfig> {
  const path = join(folder, CONFIG_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new CheckpointError(
      `${folder} is not the folder of a training run: it has no readable ${CONFIG_FILE}`,
      "give the folder that 'loom train' named, such as runs/digits-cnn-…",
      { cause: error },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CheckpointError(`${path} is not sound JSON`, 'train again, or restore the file', {
      cause: error,
    });
  }
  const wrong = wrongEntry(value);
  if (wrong !== undefined)
    throw new CheckpointError(
      `${path}: '${wrong}' is missing or of the wrong kind`,
      'train again, or restore the file',
    );
  return value as RunConfig;
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const listOf =
  (isElement: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(isElement);
const optional =
  (isRight: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === undefined || isRight(value);

const ENTRIES: { readonly [Key in keyof Required<RunConfig>]: (value: unknown) => boolean } = {
  recipe: isText,
  epochs: isCount,
  batchSize: isCount,
  optimizer: optional(isText),
  lr: isNumber,
  seed: isNumber,
  limit: optional(isCount),
  data: optional(isText),
  device: isText,
  threads: optional(isCount),
  tune: optional((value) => typeof value === 'boolean'),
  inputShape: listOf(isCount),
  classes: optional(listOf(isText)),
  parameters: isCount,
  version: isText,
};

function wrongEntry(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'recipe';
  const record = value as Readonly<Record<string, unknown>>;
  return Object.entries(ENTRIES).find(([name, isRight]) => !isRight(record[name]))?.[0];
}
