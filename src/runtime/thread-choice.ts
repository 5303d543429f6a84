/**
 * Whether a short program had better run on one thread: waking others and meeting them takes some microseconds, and much longer while other programs keep
 * their cores. Results do not depend on the number of threads, so a program may be timed both ways as it runs.
 */

/** Longer programs gain from threads whatever they cost. A program of 0.3 ms was seen to take 0.7 on two threads while others kept the cores. */
const SHORT_MILLISECONDS = 2;
/** The first runs warm up caches and code. */
const WARM_UP_RUNS = 4;
/** Runs of each kind that are compared, by their medians. */
const TRIALS = 7;
/** After so many runs on one thread that all took this many times as long as on all, there is nothing to find out. */
const CLEAR_TRIALS = 2;
const CLEARLY_LONGER = 2;
/** What other threads must save at the least. When a program is called only now and then they sleep, and waking them takes about as long. */
const WAKING_MILLISECONDS = 0.05;
/** Runs until the two are compared again, few at first: code is still cold then. Later, what else the machine does may have changed. */
const SHORTEST_PERIOD = 100;
const LONGEST_PERIOD = 400;

export class ThreadChoice {
  private runs = 0;
  private period = SHORTEST_PERIOD;
  private readonly all: number[] = [];
  private readonly one: number[] = [];
  private isLong = false;
  private prefersOne = false;

  /** How many threads the next run takes, of `most`. */
  next(most: number): number {
    const at = this.runs - WARM_UP_RUNS;
    if (at < TRIALS || this.isLong) return most;
    return at < 2 * TRIALS || this.prefersOne ? 1 : most;
  }

  /** Takes note of how long a run took, on as many threads as `next` said. */
  note(milliseconds: number): void {
    const at = this.runs++ - WARM_UP_RUNS;
    if (at < 0) return;
    if (at < TRIALS) {
      this.all.push(milliseconds);
      if (at + 1 === TRIALS) this.isLong = median(this.all) > SHORT_MILLISECONDS;
    } else if (at < 2 * TRIALS) {
      this.one.push(milliseconds);
      if (this.one.length === CLEAR_TRIALS && Math.min(...this.one) > CLEARLY_LONGER * median(this.all))
        this.decide(false);
      else if (this.one.length === TRIALS)
        this.decide(median(this.one) < median(this.all) + WAKING_MILLISECONDS);
    } else if (at + 1 >= this.period) {
      this.period = Math.min(2 * this.period, LONGEST_PERIOD);
      this.runs = WARM_UP_RUNS;
      this.all.length = 0;
      this.one.length = 0;
      this.isLong = false;
    }
  }

  /** Ends the trials. */
  private decide(prefersOne: boolean): void {
    this.prefersOne = prefersOne;
    this.runs = WARM_UP_RUNS + 2 * TRIALS;
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
