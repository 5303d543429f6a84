import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { DataError } from '../../src/core/errors.js';
import { download } from '../../src/data/node/download.js';
import type { DownloadProgress } from '../../src/data/node/download.js';
import { findFiles } from '../../src/data/node/find-files.js';
import { temporaryFolder } from './support.js';

const CONTENT = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >> 3));
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const checksum = { algorithm: 'sha256', value: SHA256 } as const;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on this machine that answers each path its own way; its address, and the requests it saw. */
async function serve(answers: Readonly<Record<string, Answer>>): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.url ?? ''} ${request.headers.range ?? 'whole'}`);
    const answer = answers[request.url ?? ''];
    if (answer === undefined) response.writeHead(404).end('no such file');
    else answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, seen };
}

/** The whole file, or the part asked for. */
const whole: Answer = ({ headers }, response) => {
  const from = Number(/bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
  if (from >= CONTENT.length) {
    response.writeHead(416, { 'content-range': `bytes */${CONTENT.length}` }).end();
    return;
  }
  const part = CONTENT.subarray(from);
  const range = { 'content-range': `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}` };
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': part.length, ...(from > 0 ? range : {}) });
  response.end(part);
};

/** Half of the file, then the connection breaks. */
const half: Answer = (_, response) => {
  response.writeHead(200, { 'content-length': CONTENT.length });
  response.write(CONTENT.subarray(0, 150_000), () => setTimeout(() => response.destroy(), 30));
};

const target = async (): Promise<string> => join(await temporaryFolder(), 'deeper', 'file.bin');

describe('download', () => {
  it('fetches a file, reports progress, and leaves nothing else behind', async () => {
    const { url } = await serve({ '/f': whole });
    const path = await target();
    const progress: DownloadProgress[] = [];
    await download({ mirrors: [`${url}/f`], checksum }, path, { onProgress: (p) => progress.push(p) });
    expect(CONTENT.equals(await readFile(path))).toBe(true);
    expect(existsSync(`${path}.part`)).toBe(false);
    expect(progress.at(-1)).toEqual({ file: 'file.bin', receivedBytes: 300_000, totalBytes: 300_000 });
    expect(progress[0]?.receivedBytes).toBe(0);
  });
  it('asks for the file as it is stored, since servers may unpack it on its way', async () => {
    let asked: string | undefined;
    const { url } = await serve({
      '/f': (request, response) => {
        asked = String(request.headers['accept-encoding']);
        whole(request, response);
      },
    });
    await download({ mirrors: [`${url}/f`], checksum }, await target());
    expect(asked).toBe('identity');
  });
  it('goes on to the next mirror after a 404, a refused connection or a wrong checksum', async () => {
    const wrong: Answer = (_, response) => response.end('something else');
    const { url, seen } = await serve({ '/wrong': wrong, '/f': whole });
    const path = await target();
    const mirrors = [`${url}/none`, 'http://127.0.0.1:1/f', `${url}/wrong`, `${url}/f`];
    await download({ mirrors, checksum }, path);
    expect(CONTENT.equals(await readFile(path))).toBe(true);
    expect(seen).toEqual(['/none whole', '/wrong whole', '/f whole']);
  });
  it('resumes what a broken connection left, also from another mirror', async () => {
    const { url, seen } = await serve({ '/half': half, '/f': whole });
    const path = await target();
    await download({ mirrors: [`${url}/half`, `${url}/f`], checksum }, path);
    expect(CONTENT.equals(await readFile(path))).toBe(true);
    expect(seen).toEqual(['/half whole', '/f bytes=150000-']);
  });
  it('resumes in a later call', async () => {
    const { url, seen } = await serve({ '/half': half, '/f': whole });
    const path = await target();
    await expect(download({ mirrors: [`${url}/half`], checksum }, path)).rejects.toThrow(DataError);
    expect([existsSync(path), (await readFile(`${path}.part`)).length]).toEqual([false, 150_000]);
    await download({ mirrors: [`${url}/f`], checksum }, path);
    expect(CONTENT.equals(await readFile(path))).toBe(true);
    expect(seen[1]).toBe('/f bytes=150000-');
  });
  it('starts again when the server does not know ranges', async () => {
    const { url } = await serve({ '/half': half, '/f': (_, response) => response.end(CONTENT) });
    const path = await target();
    await download({ mirrors: [`${url}/half`, `${url}/f`], checksum }, path);
    expect(CONTENT.equals(await readFile(path))).toBe(true);
  });
  it('takes a part that is whole already, and throws away one that is too long', async () => {
    const { url } = await serve({ '/f': whole });
    for (const part of [CONTENT, Buffer.concat([CONTENT, CONTENT])]) {
      const path = join(await temporaryFolder(), 'file.bin');
      await writeFile(`${path}.part`, part);
      await download({ mirrors: [`${url}/f`], checksum }, path);
      expect(CONTENT.equals(await readFile(path))).toBe(true);
    }
  });
  it('throws away a part whose checksum is wrong in the end', async () => {
    const { url } = await serve({ '/f': whole });
    const path = join(await temporaryFolder(), 'file.bin');
    await writeFile(`${path}.part`, 'damaged');
    const failure = download({ mirrors: [`${url}/f`], checksum }, path);
    await expect(failure).rejects.toThrow(new RegExp(`sha256 checksum is [0-9a-f]{64}, expected ${SHA256}`));
    expect([existsSync(path), existsSync(`${path}.part`)]).toEqual([false, false]);
    await download({ mirrors: [`${url}/f`], checksum }, path);
  });
  it('says what each mirror answered when all fail', async () => {
    const { url } = await serve({});
    const failure = download({ mirrors: [`${url}/a`, 'http://127.0.0.1:1/b'], checksum }, await target());
    await expect(failure).rejects.toThrow(/could not download file.bin:\n.*\/a: HTTP status 404\n.*1\/b: /);
  });
  it('gives up a mirror that sends nothing', async () => {
    const { url } = await serve({ '/silent': () => undefined, '/f': whole });
    const path = await target();
    await download({ mirrors: [`${url}/silent`, `${url}/f`], checksum }, path, { timeoutMs: 100 });
    expect(existsSync(path)).toBe(true);
  });
  it('can be stopped, and keeps what arrived', async () => {
    const stop = new AbortController();
    const { url } = await serve({
      '/f': (_, response) => {
        response.writeHead(200, { 'content-length': CONTENT.length });
        response.write(CONTENT.subarray(0, 1000));
      },
    });
    const path = await target();
    const onProgress = ({ receivedBytes }: DownloadProgress): void => {
      if (receivedBytes > 0) stop.abort();
    };
    const failure = download({ mirrors: [`${url}/f`], checksum }, path, { signal: stop.signal, onProgress });
    await expect(failure).rejects.toThrow(/was stopped/);
    expect((await readFile(`${path}.part`)).length).toBe(1000);
  });
  it.skipIf(process.getuid?.() === 0)('says that a folder cannot be written', async () => {
    const folder = await temporaryFolder();
    await chmod(folder, 0o500);
    const failure = download({ mirrors: ['http://127.0.0.1:1/f'], checksum }, join(folder, 'a', 'f'));
    await expect(failure).rejects.toThrow(/cannot make the folder .*\n.*TENSORLOOM_CACHE/);
  });
  it('says that a file stands where the folder should be', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a'), '');
    const failure = download({ mirrors: ['http://127.0.0.1:1/f'], checksum }, join(folder, 'a', 'f'));
    await expect(failure).rejects.toThrow(/cannot make the folder/);
  });
});

describe('findFiles', () => {
  const named = (mirrors: readonly string[]) => ({
    name: 'file.bin',
    aliases: ['other.bin'],
    mirrors,
    checksum,
  });

  it('downloads into the cache once', async () => {
    const cache = await temporaryFolder();
    vi.stubEnv('TENSORLOOM_CACHE', cache);
    onTestFinished(() => void vi.unstubAllEnvs());
    const { url, seen } = await serve({ '/f': whole });
    for (let round = 0; round < 2; round++) {
      expect(await findFiles('set', [named([`${url}/f`])])).toEqual([join(cache, 'set', 'file.bin')]);
    }
    expect(seen).toHaveLength(1);
  });
  it('without a network says which files are needed, from where, and where to put them', async () => {
    const cache = await temporaryFolder();
    vi.stubEnv('TENSORLOOM_CACHE', cache);
    onTestFinished(() => void vi.unstubAllEnvs());
    const failure = findFiles('set', [named(['http://127.0.0.1:1/file.bin'])]);
    await expect(failure).rejects.toThrow(DataError);
    await expect(failure).rejects.toThrow(
      `get http://127.0.0.1:1/file.bin on a machine with a network and put it into ${join(cache, 'set')}`,
    );
  });
  it('knows files by their other names', async () => {
    const dir = await temporaryFolder();
    await writeFile(join(dir, 'other.bin'), '');
    expect(await findFiles('set', [named([])], { dir })).toEqual([join(dir, 'other.bin')]);
  });
});
