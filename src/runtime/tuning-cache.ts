/** What tuning has found out, kept in a file where there are files. */
import { cacheFolder } from '../core/node/cache-folder.js';

/** The kernels of one machine that the file keeps; those that were measured first go first. */
const MOST_CHOICES = 4096;
const FORMAT = 'tensorloom tuning';
/** To be raised when code gets faster in ways that its estimates do not tell, so that all is measured again. */
const VERSION = 1;

/** Names of candidates by the kernel's key, by machine. */
type Choices = Map<string, Map<string, string>>;

/**
 * Remembers what was chosen for which kernel on which machine. A file that is missing, damaged or of another version counts as empty, and is replaced
 * when there is something to save; a folder that cannot be written to only means that the next process measures again.
 */
export class TuningCache {
  /** Where it is kept; undefined: in this process only. */
  readonly path: string | undefined;
  private known: Choices | undefined;
  private writing: Promise<void> = Promise.resolve();
  private waiting = false;

  constructor(path: string | undefined) {
    this.path = path;
  }

  /** How many choices there are, of all machines. */
  get size(): number {
    return [...this.choices().values()].reduce((sum, { size }) => sum + size, 0);
  }

  get(machine: string, key: string): string | undefined {
    return this.choices().get(machine)?.get(key);
  }

  /** Remembers a choice; the file follows soon. */
  set(machine: string, key: string, name: string): void {
    put(this.choices(), machine, key, name);
    if (this.path === undefined || this.waiting) return;
    this.waiting = true;
    // Once for all the kernels of a program, which is compiled without a pause.
    this.writing = this.writing.then(() => this.write(this.path ?? ''));
  }

  /** Fulfilled when everything so far has been saved, or cannot be. */
  saved(): Promise<void> {
    return this.writing;
  }

  private choices(): Choices {
    return (this.known ??=
      this.path === undefined ? new Map<string, Map<string, string>>() : read(this.path));
  }

  private async write(path: string): Promise<void> {
    this.waiting = false;
    const { makeFolder, writeFileAtomic } = await import('../core/node/atomic-file.js');
    const folder = process.getBuiltinModule('node:path').dirname(path);
    // Other processes may have added theirs meanwhile.
    const all = read(path);
    for (const [machine, choices] of this.choices())
      for (const [key, name] of choices) put(all, machine, key, name);
    try {
      await makeFolder(folder);
      await writeFileAtomic(path, textOf(all));
    } catch {
      // Nothing is lost but the time to measure again.
    }
  }
}

/** The file's place on this machine; undefined outside Node. */
export function tuningPath(): string | undefined {
  const { process } = globalThis as { process?: NodeJS.Process };
  return process?.getBuiltinModule('node:path').join(cacheFolder(), 'tuning.json');
}

function put(all: Choices, machine: string, key: string, name: string): void {
  let choices = all.get(machine);
  if (choices === undefined) all.set(machine, (choices = new Map<string, string>()));
  choices.delete(key);
  choices.set(key, name);
  const [oldest] = choices.keys();
  if (choices.size > MOST_CHOICES && oldest !== undefined) choices.delete(oldest);
}

function textOf(all: Choices): string {
  const machines = Object.fromEntries([...all].map(([machine, each]) => [machine, Object.fromEntries(each)]));
  return `${JSON.stringify({ format: FORMAT, version: VERSION, machines }, undefined, 1)}\n`;
}

function read(path: string): Choices {
  const all: Choices = new Map<string, Map<string, string>>();
  let value: unknown;
  try {
    value = JSON.parse(process.getBuiltinModule('node:fs').readFileSync(path, 'utf8'));
  } catch {
    return all;
  }
  if (!isRecord(value) || value.format !== FORMAT || value.version !== VERSION || !isRecord(value.machines))
    return all;
  for (const [machine, choices] of Object.entries(value.machines)) {
    if (!isRecord(choices)) continue;
    for (const [key, name] of Object.entries(choices))
      if (typeof name === 'string') put(all, machine, key, name);
  }
  return all;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
