/** Whether and where this process keeps programs for others. */
import { ArgumentError } from '../core/errors.js';
import { cacheFolder } from '../core/node/cache-folder.js';
import { ProgramFiles } from './program-files.js';

let enabled = true;
let shared: ProgramFiles | undefined;
let build: { readonly id: string | undefined } | undefined;

/**
 * Decides whether programs are kept for later processes, as they are at first: what has taken more than a hundredth of a second to make goes into the folder
 * `programs` of the data cache (`TENSORLOOM_CACHE`), and the next process that needs the same program on the same machine takes it from there. Results are
 * the same. With `TENSORLOOM_PROGRAM_CACHE=off` in the environment nothing is kept or taken, and neither outside Node.
 *
 * @example
 * ```ts
 * setProgramCache(false);
 * await ones([3]).sum().item(); // => 3
 * setProgramCache(true);
 * ```
 */
export function setProgramCache(on: boolean): void {
  enabled = on;
}

/** Where programs of this process are kept; undefined where they are not. */
export function keptPrograms(): ProgramFiles | undefined {
  const { process } = globalThis as { process?: NodeJS.Process };
  if (!enabled || process === undefined || isOff(process.env.TENSORLOOM_PROGRAM_CACHE)) return undefined;
  const { id } = (build ??= { id: buildId() });
  if (id === undefined) return undefined;
  const folder = process.getBuiltinModule('node:path').join(cacheFolder(), 'programs');
  if (shared?.folder !== folder) shared = new ProgramFiles(folder, id);
  return shared;
}

function isOff(wish: string | undefined): boolean {
  switch (wish) {
    case undefined:
    case '':
    case 'on':
      return false;
    case 'off':
      return true;
    default:
      throw new ArgumentError(`TENSORLOOM_PROGRAM_CACHE is '${wish}'`, 'use on or off, or leave it unset');
  }
}

/** What the build of this package has written down of itself, a digest of its files. Sources that run without having been built have none. */
function buildId(): string | undefined {
  // In two steps, as bundlers would take it for a file that a page needs.
  const here = import.meta.url;
  try {
    return process.getBuiltinModule('node:fs').readFileSync(new URL('../build-id', here), 'utf8').trim();
  } catch {
    return undefined;
  }
}
