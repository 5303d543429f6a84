/** `npm run bench`: this library beside others, and beside what the machine allows, in one run. */
import { availableParallelism, loadavg } from 'node:os';
import { setDevice, threadCount } from '../src/runtime/index.js';
import { Arena, type Target } from './arena.js';
import { Ceilings } from './limits/ceilings.js';
import { parseOptions, usage, type Options } from './options.js';
import { ours, TARGETS } from './ours.js';
import { peerNames, peersNamed, type PeerSetting } from './peers.js';
import { toJson, type Result } from './result.js';
import { rows } from './rows/index.js';
import type { OwnRow } from './rows/row.js';
import { formatTable } from './table.js';

async function main(args: readonly string[]): Promise<number> {
  const names = rows.map((row) => row.name);
  const options = parseOptions(args, names, peerNames);
  if (typeof options === 'string') {
    console.error(`${options}\n\n${usage(names, peerNames)}`);
    return 2;
  }
  const chosen = rows.filter(
    (row) => options.only?.includes(row.name) ?? !(row.kind === 'own' && row.onRequest),
  );

  warnOfLoad();
  const targets = await startTargets(options);
  const peers = chosen.some(({ kind }) => kind === 'compared')
    ? await startPeers(options.peers ?? peerNames)
    : [];
  const ceilings = new Ceilings();
  if (typeof ceilings.native === 'string') console.error(`no limit for machine code: ${ceilings.native}`);
  const arena = new Arena(targets, peers, ceilings);

  const results: Result[] = [];
  for (const row of chosen) {
    const found =
      row.kind === 'compared'
        ? await arena.run(row, options.threads ?? row.threads)
        : await runOwn(row, targets);
    results.push(...found);
    if (options.json) for (const result of found) console.log(toJson(result));
    else console.error(`${row.name} done`);
  }
  for (const { contender } of targets) contender.close();
  for (const { peer } of peers) peer.close();
  ceilings.close();
  if (!options.json) console.log(formatTable(results, peerNames));
  return results.some((result) => result.failure !== undefined) ? 1 : 0;
}

/** Whoever else is at work takes whole time slices: medians of long calls suffer most, and threads that wait for each other. */
function warnOfLoad(): void {
  const [load = 0] = loadavg();
  const cores = availableParallelism();
  if (load > 0.25 * cores)
    console.error(`the machine is busy (load ${load.toFixed(1)} on ${cores} cores): look at the minima too`);
}

/** The devices that were asked for, and of those that were not the ones that are there. */
async function startTargets(options: Options): Promise<Target[]> {
  const targets: Target[] = [];
  for (const name of options.targets ?? TARGETS) {
    const contender = ours(name);
    const started = await contender.start();
    if ('version' in started) console.error(`${name}: ${started.version}`);
    else {
      console.error(`${name} cannot be used: ${started.cannot}`);
      contender.close();
      if (options.targets === undefined) continue;
    }
    targets.push({ name, contender });
  }
  return targets;
}

/** The peers that are installed. */
async function startPeers(names: readonly string[]): Promise<PeerSetting[]> {
  const present: PeerSetting[] = [];
  for (const setting of peersNamed(names)) {
    const { name } = setting.peer;
    const started = await setting.peer.start();
    if ('version' in started) {
      console.error(`${name}: ${started.version}`);
      present.push(setting);
    } else console.error(`${name} is left out: ${started.cannot} (${setting.hint})`);
  }
  return present;
}

/** A result for each device. */
async function runOwn(row: OwnRow, targets: readonly Target[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const { name } of targets) results.push(await runOwnOn(row, name));
  return results;
}

async function runOwnOn(row: OwnRow, target: string): Promise<Result> {
  const { limit } = row;
  const base = {
    name: row.name,
    target,
    threads: threadCount(),
    work: undefined,
    limit: limit === undefined ? undefined : { bound: 'demand', median: limit, min: limit },
    bars: [],
    peers: new Map<string, string>(),
  };
  try {
    setDevice(target);
    const { unit, median, min, note } = await row.measure(target);
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
