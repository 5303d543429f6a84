/** `npm run bench`: this library beside others, and beside what the machine allows, in one run. */
import { currentDevice } from '../src/runtime/runtime.js';
import { threadCount } from '../src/runtime/threads.js';
import { compare, type Entrant, type Outcome } from './compare.js';
import { limitOf, measureLimits, type Limits } from './limits.js';
import { parseOptions, usage } from './options.js';
import { Ours } from './ours.js';
import { peers, type PeerSetting } from './peers.js';
import { toJson, type Result } from './result.js';
import { rows } from './rows/index.js';
import type { ComparedRow, OwnRow } from './rows/row.js';
import { formatTable } from './table.js';

async function main(args: readonly string[]): Promise<number> {
  const names = rows.map((row) => row.name);
  const options = parseOptions(args, names);
  if (typeof options === 'string') {
    console.error(`${options}\n\n${usage(names)}`);
    return 2;
  }
  const { only } = options;
  const chosen = rows.filter((row) => only?.includes(row.name) ?? !(row.kind === 'own' && row.onRequest));
  const compared = chosen.filter((row) => row.kind === 'compared');

  const present = compared.length === 0 ? [] : await startPeers();
  const limits = await measureLimits([...new Set(compared.flatMap((row) => row.threads))]);
  for (const [threads, { gigaflops, gigabytes }] of limits) {
    console.error(
      `limits on ${threads} thread(s): ${gigaflops.toFixed(1)} GFLOP/s in 128-bit vectors, copying ${gigabytes.toFixed(1)} GB/s`,
    );
  }

  const ours = new Ours(compared);
  const results: Result[] = [];
  for (const row of chosen) {
    for (const threads of row.kind === 'compared' ? row.threads : [threadCount()]) {
      const result =
        row.kind === 'compared'
          ? await runCompared(row, threads, ours, present, limits)
          : await runOwn(row, threads);
      results.push(result);
      if (options.json) console.log(toJson(result));
      else console.error(`${row.name} done`);
    }
  }
  for (const { peer } of present) peer.close();
  if (!options.json)
    console.log(
      formatTable(
        results,
        present.map(({ peer }) => peer.name),
      ),
    );
  return results.some((result) => result.failure !== undefined) ? 1 : 0;
}

/** The peers that are installed. */
async function startPeers(): Promise<PeerSetting[]> {
  const present: PeerSetting[] = [];
  for (const setting of peers) {
    const { name } = setting.peer;
    const started = await setting.peer.start();
    if ('version' in started) {
      console.error(`${name}: version ${started.version}`);
      present.push(setting);
    } else console.error(`${name} is left out: ${started.cannot} (${setting.hint})`);
  }
  return present;
}

async function runCompared(
  row: ComparedRow,
  threads: number,
  ours: Ours,
  present: readonly PeerSetting[],
  limits: Limits,
): Promise<Result> {
  const entrants: Entrant[] = [
    { contender: ours, threads },
    ...present.flatMap(({ peer, threads: settings }) =>
      settings
        .filter((setting) => setting <= threads)
        .map((setting) => ({ contender: peer, threads: setting })),
    ),
  ];
  const outcomes = await compare(row.name, entrants);
  const best = new Map<string, Outcome>();
  entrants.forEach(({ contender }, i) => {
    const outcome = outcomes[i] ?? 'not run';
    best.set(contender.name, faster(best.get(contender.name), outcome));
  });
  const own = best.get(ours.name) ?? 'not run';
  best.delete(ours.name);
  const ceiling = limits.get(threads);
  return {
    name: row.name,
    target: currentDevice().name,
    threads,
    unit: 'ms',
    failure: typeof own === 'string' ? own : undefined,
    ours: typeof own === 'string' ? undefined : own,
    limit: ceiling === undefined ? undefined : limitOf(row, ceiling),
    peers: best,
    note: '',
  };
}

/** A peer that may be run in several ways counts by its best one. */
function faster(a: Outcome | undefined, b: Outcome): Outcome {
  if (a === undefined || typeof a === 'string') return b;
  return typeof b !== 'string' && b.median < a.median ? b : a;
}

async function runOwn(row: OwnRow, threads: number): Promise<Result> {
  const base = {
    name: row.name,
    target: currentDevice().name,
    threads,
    limit: row.limit,
    peers: new Map<string, Outcome>(),
  };
  try {
    const { unit, median, min, note } = await row.measure();
    return { ...base, unit, failure: undefined, ours: { median, min, count: 1 }, note };
  } catch (error) {
    return { ...base, unit: 'ms', failure: reasonOf(error), ours: undefined, note: '' };
  }
}

/** One line; a failed process has said more. */
function reasonOf(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  const line = said.split('\n').find((each) => /^\w*Error/.test(each));
  return line ?? String(error).split('\n')[0] ?? '';
}

// Threads of ours and pipes of the peers would keep the process alive.
process.exit(await main(process.argv.slice(2)));
