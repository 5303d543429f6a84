import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { makeFolder, unwritable, writeFileAtomic } from '../core/node/atomic-file.js';
import type { EpochRecord } from '../train/history.js';
import { epochEvent } from './json-reporter.js';
import { writeConfig, type RunConfig } from './run-config.js';

/** The files of a run's folder, beside config.json. */
export const RUN_FILES = {
  metrics: 'metrics.jsonl',
  model: 'model.safetensors',
  checkpoint: 'checkpoint.safetensors',
  historySvg: 'history.svg',
  historyPng: 'history.png',
  confusion: 'confusion.svg',
} as const;

/** Where a run's files go when nobody says: `runs/digits-cnn-20261121-061500`. */
export function defaultFolder(recipe: string, now: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const base = join('runs', `${recipe.replaceAll(/[^\w.-]+/g, '-')}-${day}-${time}`);
  let folder = base;
  for (let n = 2; existsSync(folder); n++) folder = `${base}-${n}`;
  return folder;
}

/**
 * Makes the folder of a run and puts its configuration there; what an earlier run left would only mislead.
 *
 * @throws FileError if the folder cannot be made or written to.
 */
export async function prepareFolder(folder: string, config: RunConfig, resumes: boolean): Promise<void> {
  await makeFolder(folder);
  await writeConfig(folder, config);
  if (resumes) return;
  for (const name of Object.values(RUN_FILES)) {
    const path = join(folder, name);
    try {
      await rm(path, { force: true });
    } catch (error) {
      throw unwritable(path, error);
    }
  }
}

/** Writes metrics.jsonl: one line for each epoch, as `--json` prints them. */
export async function writeMetrics(
  folder: string,
  history: readonly EpochRecord[],
  epochs: number,
): Promise<void> {
  const lines = history.map((record) => `${JSON.stringify(epochEvent(record, epochs))}\n`);
  await writeFileAtomic(join(folder, RUN_FILES.metrics), lines.join(''));
}

/** A path as short as it can be written from here. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') || short === '' ? path : short;
}
