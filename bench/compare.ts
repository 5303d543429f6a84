/** Runs contenders by turns, so that whatever else the machine is doing hits all of them alike. Each comes to rest before it answers. */
import type { Contender } from './contender.js';
import { summarize, type Timing } from './measure.js';

/** Compiled code gets faster for some time after its first call. */
const WARM_UP_MILLISECONDS = 400;
const BURST_MILLISECONDS = 60;
const ROUNDS = 12;
/** Whoever needs longer than this for one call is asked once more only, since the first call does what happens once. */
const SLOW_MILLISECONDS = 1000;
/** Nobody who is this slow gets faster. */
const HOPELESS_MILLISECONDS = 15_000;

/** One way of running a contender. */
export interface Entrant {
  readonly contender: Contender;
  readonly threads: number;
}

/** Times, or the reason why there are none, one for each entrant. */
export type Outcome = Timing | string;

interface State extends Entrant {
  times: number[];
  failure: string | undefined;
  /** No more calls are needed, or possible. */
  done: boolean;
}

function fail(state: State, reason: string): void {
  state.failure = reason;
  state.done = true;
}

export async function compare(row: string, entrants: readonly Entrant[]): Promise<Outcome[]> {
  const states = entrants.map((entrant): State => ({
    ...entrant,
    times: [],
    failure: undefined,
    done: false,
  }));
  const ask = async (state: State, milliseconds: number): Promise<number[]> => {
    const answer = await state.contender.run(row, milliseconds, state.threads);
    if (typeof answer !== 'string') return answer;
    fail(state, answer);
    return [];
  };

  const refusals = new Map<Contender, string | undefined>();
  for (const { contender } of entrants) {
    if (!refusals.has(contender)) refusals.set(contender, await contender.prepare(row));
  }
  for (const state of states) {
    const refusal = refusals.get(state.contender);
    if (refusal === undefined) await warmUp(state, ask);
    else fail(state, refusal);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const state of states) {
      if (state.done) continue;
      state.times.push(...(await ask(state, BURST_MILLISECONDS)));
    }
  }
  return states.map(({ failure, times }) => failure ?? summarize(times));
}

/** Calls that do not count, unless they are so slow that they must. */
async function warmUp(
  state: State,
  ask: (state: State, milliseconds: number) => Promise<number[]>,
): Promise<void> {
  const first = await ask(state, 0);
  const slowest = Math.max(0, ...first);
  if (slowest > SLOW_MILLISECONDS) {
    const times = slowest > HOPELESS_MILLISECONDS ? first : await ask(state, 0);
    // The first call may have been slow for what happens once.
    if (Math.max(0, ...times) > SLOW_MILLISECONDS) {
      state.times = times;
      state.done = true;
    }
  }
  if (!state.done) await ask(state, WARM_UP_MILLISECONDS);
}
