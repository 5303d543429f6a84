// A contender's side of bench/process-contender.ts: answers requests, one JSON object a line.
import { createInterface } from 'node:readline';

/** @param {object} reply */
const answer = (reply) => process.stdout.write(`${JSON.stringify(reply)}\n`);

/** @param {unknown} error */
const firstLine = (error) => String(error).split('\n')[0]?.slice(0, 200);

/**
 * Serves rows until stdin ends. Each row is a function that gets ready and gives the work.
 *
 * @param {string} version
 * @param {Readonly<Record<string, () => unknown>>} rows
 * @param {(threads: number) => void} useThreads Called before calls that are to run on so many threads.
 */
export async function serve(version, rows, useThreads = () => undefined) {
  /** @type {(() => unknown) | undefined} */
  let work;
  answer({ version });
  for await (const line of createInterface({ input: process.stdin })) {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- The rule does not see casts in comments.
    const request = /** @type {{ ask: string, row: string, milliseconds: number, threads: number }} */ (
      JSON.parse(line)
    );
    try {
      if (request.ask === 'prepare') {
        work = undefined;
        const make = rows[request.row];
        work = /** @type {(() => unknown) | undefined} */ (await make?.());
        answer(work === undefined ? { cannot: 'not written for this library' } : { ok: true });
      } else if (work === undefined) answer({ cannot: 'not prepared' });
      else {
        useThreads(request.threads);
        answer(await burst(work, request.milliseconds));
      }
    } catch (error) {
      answer({ cannot: firstLine(error) });
    }
  }
}

/**
 * Instead of `serve`: says why nothing can be served.
 *
 * @param {unknown} error
 */
export function refuse(error) {
  answer({ cannot: firstLine(error) });
}

/**
 * The times of calls one after the other, as many as fit, one at the least; and the processor time that they took.
 *
 * @param {() => unknown} work
 * @param {number} milliseconds
 */
async function burst(work, milliseconds) {
  const times = [];
  const before = process.cpuUsage();
  const end = performance.now() + milliseconds;
  for (;;) {
    const start = performance.now();
    await work();
    const now = performance.now();
    times.push(now - start);
    if (now >= end) break;
  }
  const { user, system } = process.cpuUsage(before);
  await settle();
  return { times, cpu: (user + system) / 1000 };
}

/** Waits until the threads of this process have come to rest: they would hold a core of whoever is next. */
async function settle() {
  for (let turn = 0; turn < 100; turn++) {
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const { user, system } = process.cpuUsage(before);
    if (user + system < 2000) return;
  }
}
