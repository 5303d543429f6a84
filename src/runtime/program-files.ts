/** Programs as files, made by one process and taken by others. Node only. */
import type { EncodedModule } from './code-generator.js';
import type { ProgramPlan } from './program-plan.js';

/** What is made faster than this is made again. */
const WORTH_MILLISECONDS = 10;
/** The files that were not used for the longest go first. */
const MOST_BYTES = 256 * 1024 * 1024;
const MOST_FILES = 2048;
const FORMAT = 'tensorloom program 1\n';
const DIGEST_BYTES = 32;
/** Write permission for the group and for others. */
const WRITABLE_BY_OTHERS = 0o022;

/** A program as it lies in a file. */
export interface KeptProgram {
  readonly plan: ProgramPlan;
  readonly code: EncodedModule;
}

/** A file of the folder. */
export interface ProgramFile {
  readonly path: string;
  readonly bytes: number;
  /** In milliseconds since 1970. */
  readonly usedAt: number;
}

interface Header {
  readonly name: string;
  readonly plan: ProgramPlan;
  readonly entries: readonly (readonly [string, number])[];
}

/**
 * A folder of programs. A file's name is a digest of all that the program depends on: the build of this package, what the code was generated for, and the
 * graph. Who can write such a file decides what this process executes: files count only if they belong to the user of the process and nobody else may
 * write to them. A file that is damaged counts as missing and is replaced; a folder that cannot be written to only means that all is made anew.
 */
export class ProgramFiles {
  readonly folder: string;
  private readonly build: string;
  private readonly limit: number;
  private writing: Promise<void> = Promise.resolve();

  constructor(folder: string, build: string, limit = MOST_BYTES) {
    this.folder = folder;
    this.build = build;
    this.limit = limit;
  }

  /** The program that was kept for a generator of this identity and a graph of this key. */
  get(generator: string, key: string): KeptProgram | undefined {
    const name = this.nameOf(generator, key);
    const path = this.pathOf(name);
    const file = readOwn(path);
    const kept = file === undefined ? undefined : decode(file, name);
    if (kept !== undefined) touch(path);
    return kept;
  }

  /** Keeps a program that took so long to make, if that is worth it; the file follows soon. */
  put(generator: string, key: string, program: KeptProgram, milliseconds: number): void {
    if (milliseconds < WORTH_MILLISECONDS) return;
    this.writing = this.writing.then(() => this.write(this.nameOf(generator, key), program));
  }

  /** What is there, the last used first. */
  list(): ProgramFile[] {
    const fs = process.getBuiltinModule('node:fs');
    let names: string[];
    try {
      names = fs.readdirSync(this.folder);
    } catch {
      return [];
    }
    const files = names.flatMap((name) => {
      const path = this.pathOf(name);
      const found = fs.statSync(path, { throwIfNoEntry: false });
      return found?.isFile() === true ? [{ path, bytes: found.size, usedAt: found.mtimeMs }] : [];
    });
    return files.sort((a, b) => b.usedAt - a.usedAt);
  }

  /** Fulfilled when everything so far has been written, or cannot be. */
  saved(): Promise<void> {
    return this.writing;
  }

  private async write(name: string, program: KeptProgram): Promise<void> {
    try {
      const { makeFolder, writeFileAtomic } = await import('../core/node/atomic-file.js');
      await makeFolder(this.folder);
      await writeFileAtomic(this.pathOf(name), encode(name, program), { mode: 0o600 });
      this.prune();
    } catch {
      // Nothing is lost but the time to make it again.
    }
  }

  /** Removes the files that were not used for the longest, while there are too many. */
  private prune(): void {
    const fs = process.getBuiltinModule('node:fs');
    let bytes = 0;
    for (const [i, file] of this.list().entries()) {
      bytes += file.bytes;
      if (bytes > this.limit || i >= MOST_FILES) fs.rmSync(file.path, { force: true });
    }
  }

  private nameOf(generator: string, key: string): string {
    return sha256(JSON.stringify([this.build, generator, key])).toString('hex');
  }

  private pathOf(name: string): string {
    return process.getBuiltinModule('node:path').join(this.folder, name);
  }
}

const sha256 = (data: string | Uint8Array): Buffer =>
  process.getBuiltinModule('node:crypto').createHash('sha256').update(data).digest();

/** The file's bytes; undefined if there is none that only the user of this process can have written. */
function readOwn(path: string): Uint8Array | undefined {
  const fs = process.getBuiltinModule('node:fs');
  let file;
  try {
    const { O_RDONLY, O_NONBLOCK } = fs.constants;
    // A pipe in the file's place must not make the process wait. Not all systems have the flag.
    file = fs.openSync(path, O_RDONLY | ((O_NONBLOCK as number | undefined) ?? 0));
  } catch {
    return undefined;
  }
  try {
    // Of the open file, so that nobody can put another one in its place between the question and the reading.
    const found = fs.fstatSync(file);
    if (!found.isFile()) return undefined;
    const { uid, mode } = found;
    const user = process.geteuid?.();
    // Where there are no such users and modes, as on Windows, the user's folders are the user's own.
    if (user !== undefined && (uid !== user || (mode & WRITABLE_BY_OTHERS) !== 0)) return undefined;
    return fs.readFileSync(file);
  } catch {
    return undefined;
  } finally {
    fs.closeSync(file);
  }
}

/** Tells when a file was last used. */
function touch(path: string): void {
  const now = new Date();
  process.getBuiltinModule('node:fs').utimes(path, now, now, () => undefined);
}

function encode(name: string, { plan, code }: KeptProgram): Uint8Array {
  const header: Header = { name, plan, entries: [...code.entries] };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const content = Buffer.concat([length, text, code.bytes]);
  return Buffer.concat([Buffer.from(FORMAT), sha256(content), content]);
}

function decode(file: Uint8Array, name: string): KeptProgram | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const start = FORMAT.length + DIGEST_BYTES;
  if (bytes.length < start + 4 || bytes.toString('latin1', 0, FORMAT.length) !== FORMAT) return undefined;
  const content = bytes.subarray(start);
  if (!sha256(content).equals(bytes.subarray(FORMAT.length, start))) return undefined;
  // Whole, and therefore as it was written.
  const end = 4 + content.readUInt32LE(0);
  const header = JSON.parse(content.toString('utf8', 4, end)) as Header;
  if (header.name !== name) return undefined;
  return { plan: header.plan, code: { bytes: content.subarray(end), entries: new Map(header.entries) } };
}
