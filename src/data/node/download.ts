import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { makeFolder } from '../../core/node/atomic-file.js';
import { basename, dirname } from 'node:path';
import { DataError } from '../../core/errors.js';
import { errorCode } from './read-file.js';

/** How far a download is. */
export interface DownloadProgress {
  readonly file: string;
  readonly receivedBytes: number;
  /** The size of the whole file, when the server tells it. */
  readonly totalBytes: number | undefined;
}

/** A file to fetch and how to know that it is the right one. */
export interface RemoteFile {
  /** The same file in several places, tried in order. */
  readonly mirrors: readonly string[];
  /** Of the file as it is fetched, in hexadecimal. */
  readonly checksum: { readonly algorithm: 'sha256' | 'md5'; readonly value: string };
}

export interface DownloadOptions {
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Gives a mirror up when it sends nothing for this long; 30,000 when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Fetches a file into `path`. What arrives goes to `path.part`, so that a later call resumes where this one was cut
 * off; the file gets its name only when it is whole and its checksum is right, so that nobody ever reads half of it.
 *
 * @throws DataError if no mirror has the right file, saying what each one answered.
 */
export async function download(file: RemoteFile, path: string, options: DownloadOptions = {}): Promise<void> {
  const part = `${path}.part`;
  try {
    await makeFolder(dirname(path));
  } catch (error) {
    throw new DataError(
      `cannot make the folder ${dirname(path)}: ${reason(error)}`,
      'set TENSORLOOM_CACHE to a folder that can be written',
      { cause: error },
    );
  }
  const failures: string[] = [];
  for (const mirror of file.mirrors) {
    try {
      await fetchInto(mirror, part, basename(path), options);
      const found = await digest(part, file.checksum.algorithm);
      if (found !== file.checksum.value) {
        // Whatever was resumed or sent is wrong somewhere, so the next attempt must not build on it.
        await rm(part, { force: true });
        throw new DataError(
          `the ${file.checksum.algorithm} checksum is ${found}, expected ${file.checksum.value}`,
        );
      }
      await rename(part, path);
      return;
    } catch (error) {
      if (options.signal?.aborted === true)
        throw new DataError(
          `the download of ${basename(path)} was stopped; what arrived is kept and resumed next time`,
          '',
          { cause: error },
        );
      const code = errorCode(error);
      if (code === 'ENOSPC' || code === 'EACCES' || code === 'EROFS')
        throw new DataError(`cannot write ${part}: ${reason(error)}`, '', { cause: error });
      failures.push(`${mirror}: ${reason(error)}`);
    }
  }
  throw new DataError(`could not download ${basename(path)}:\n  ${failures.join('\n  ')}`);
}

async function fetchInto(url: string, part: string, name: string, options: DownloadOptions): Promise<void> {
  const { onProgress, timeoutMs = 30_000 } = options;
  const stalled = new AbortController();
  const signal =
    options.signal === undefined ? stalled.signal : AbortSignal.any([stalled.signal, options.signal]);
  const abort = (): void => stalled.abort(new DataError(`no answer for ${timeoutMs / 1000} s`));
  let timer = setTimeout(abort, timeoutMs);
  try {
    const kept = await sizeOfFile(part);
    // Some servers unpack .gz files on their way otherwise, and the checksum is of the packed file.
    const identity = { 'accept-encoding': 'identity' };
    const headers = kept > 0 ? { ...identity, range: `bytes=${kept}-` } : identity;
    let response = await fetch(url, { signal, headers });
    if (response.status === 416) {
      // The part is as long as the file or longer: either whole already, which the checksum tells, or worthless.
      await response.body?.cancel();
      if (response.headers.get('content-range') === `bytes */${kept}`) return;
      await rm(part, { force: true });
      response = await fetch(url, { signal, headers: identity });
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new DataError(`HTTP status ${response.status}`);
    }
    const resumed = response.status === 206 && rangeStart(response) === kept;
    if (response.status === 206 && !resumed) {
      await response.body.cancel();
      throw new DataError(
        `asked for bytes from ${kept}, got ${response.headers.get('content-range') ?? 'no range'}`,
      );
    }
    const before = resumed ? kept : 0;
    const length = Number(response.headers.get('content-length') ?? NaN);
    const encoded = response.headers.has('content-encoding');
    const totalBytes = Number.isFinite(length) && !encoded ? before + length : undefined;
    const out = await open(part, resumed ? 'a' : 'w');
    let receivedBytes = before;
    try {
      onProgress?.({ file: name, receivedBytes, totalBytes });
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        clearTimeout(timer);
        timer = setTimeout(abort, timeoutMs);
        await writeAll(out, chunk);
        receivedBytes += chunk.length;
        onProgress?.({ file: name, receivedBytes, totalBytes });
      }
      await out.sync();
    } finally {
      await out.close();
    }
    if (totalBytes !== undefined && receivedBytes !== totalBytes)
      throw new DataError(`the connection ended after ${receivedBytes} of ${totalBytes} bytes`);
  } finally {
    clearTimeout(timer);
  }
}

async function writeAll(
  out: { write(bytes: Uint8Array, offset: number): Promise<{ bytesWritten: number }> },
  chunk: Uint8Array,
): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await out.write(chunk, at)).bytesWritten;
}

function rangeStart(response: Response): number | undefined {
  const match = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return match === null ? undefined : Number(match[1]);
}

async function sizeOfFile(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

async function digest(path: string, algorithm: 'sha256' | 'md5'): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) hash.update(chunk);
  return hash.digest('hex');
}

/** The innermost reason: `fetch` itself only ever says "fetch failed". */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reason(error.cause);
  const code = errorCode(error);
  return error.message === '' && code !== undefined ? code : error.message;
}
