/** Where devices, peers and the machine's limits meet: one row at a time, all by turns. */
import { barsOf } from './bars.js';
import { compare, type Entrant, type Outcome } from './compare.js';
import type { Contender } from './contender.js';
import type { Ceilings, ProbeName } from './limits/ceilings.js';
import { bindingProbe, fmaProbeOf, Limit } from './limits/limit.js';
import type { Timing } from './measure.js';
import type { PeerSetting } from './peers.js';
import type { Result } from './result.js';
import type { ComparedRow } from './rows/row.js';

/** This library on one device. */
export interface Target {
  readonly name: string;
  readonly contender: Contender;
}

export class Arena {
  private readonly targets: readonly Target[];
  private readonly peers: readonly PeerSetting[];
  private readonly ceilings: Ceilings;
  /** Numbers of threads whose peaks have been told. */
  private readonly told = new Set<number>();

  constructor(targets: readonly Target[], peers: readonly PeerSetting[], ceilings: Ceilings) {
    this.targets = targets;
    this.peers = peers;
    this.ceilings = ceilings;
  }

  /** A result for each device. */
  async run(row: ComparedRow, threads: number): Promise<Result[]> {
    await this.tellPeaks(threads);
    const probes = this.targets.map(({ name }) => bindingProbe(row, name));
    const limits = new Map(
      probes
        .filter((probe) => this.ceilings.has(probe))
        .map((probe) => [probe, new Limit(row, probe, this.ceilings)]),
    );
    const entrants: Entrant[] = [
      ...this.targets.map(({ contender }) => ({ contender, threads })),
      ...[...limits.values()].map((contender) => ({ contender, threads })),
      ...this.peers
        .filter(({ plays }) => plays(row.name))
        .flatMap(({ peer, threads: settings }) =>
          settings
            .filter((setting) => setting <= threads)
            .map((setting) => ({ contender: peer, threads: setting })),
        ),
    ];
    const outcomes = await compare(row.name, entrants);
    const outcomeOf = (contender: Contender | undefined): Outcome =>
      outcomes[entrants.findIndex((entrant) => entrant.contender === contender)] ?? 'not run';
    const peers = this.bestOfPeers(entrants, outcomes);
    return this.targets.map(({ name: target, contender }, i): Result => {
      const own = outcomeOf(contender);
      const probe = probes[i] ?? bindingProbe(row, target);
      const limit = outcomeOf(limits.get(probe));
      return {
        name: row.name,
        target,
        threads,
        unit: 'ms',
        failure: typeof own === 'string' ? own : undefined,
        ours: typeof own === 'string' ? undefined : own,
        work: row,
        limit: typeof limit === 'string' ? undefined : { bound: this.ceilings.nameOf(probe), ...limit },
        // They are about the row's own number of threads.
        bars: threads === row.threads ? barsOf(row.bars, target) : [],
        peers,
        note: '',
      };
    });
  }

  /** A peer that is run in several ways counts by its best one. */
  private bestOfPeers(
    entrants: readonly Entrant[],
    outcomes: readonly Outcome[],
  ): Map<string, Timing | string> {
    const best = new Map<string, Timing | string>();
    entrants.forEach(({ contender: { name } }, i) => {
      if (this.peers.some(({ peer }) => peer.name === name))
        best.set(name, faster(best.get(name), outcomes[i] ?? 'not run'));
    });
    return best;
  }

  /** What the machine can do at the most, for people. The limit of a row is measured again beside the row. */
  private async tellPeaks(threads: number): Promise<void> {
    if (this.told.has(threads)) return;
    this.told.add(threads);
    const probes: ProbeName[] = [...new Set(this.targets.map(({ name }) => fmaProbeOf(name))), 'copy'];
    const texts: string[] = [];
    for (const probe of probes.filter((each) => this.ceilings.has(each))) {
      const peak = await this.ceilings.peak(probe, threads);
      texts.push(
        probe === 'copy'
          ? `copying ${peak.toFixed(1)} GB/s (read and written)`
          : `${this.ceilings.nameOf(probe)} ${peak.toFixed(1)} GFLOP/s`,
      );
    }
    console.error(`peaks on ${threads} thread(s): ${texts.join(', ')}`);
  }
}

function faster(a: Outcome | undefined, b: Outcome): Outcome {
  if (a === undefined || typeof a === 'string') return b;
  return typeof b !== 'string' && b.median < a.median ? b : a;
}
