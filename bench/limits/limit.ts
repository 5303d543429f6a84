/** What nobody can beat: the arithmetic and the memory traffic of a row at the rates that the machine has been seen to reach. */
import type { Contender } from '../contender.js';
import type { Ceilings, ProbeName } from './ceilings.js';

export interface Work {
  /** Floating point operations that nobody can avoid. */
  readonly flops: number;
  /** Bytes read and written at the least, if nothing stays in a cache from one call to the next. */
  readonly bytes: number;
  /** Which of the two is the limit: bytes only where they are too many for a cache. */
  readonly bound: 'flops' | 'bytes';
}

/** The multiply-adds that a device can do at the most. */
export const fmaProbeOf = (target: string): ProbeName => (target === 'native' ? 'native-fma' : 'wasm-fma');

/** The probe that says how long a row takes on a device at the least. */
export const bindingProbe = (work: Work, target: string): ProbeName =>
  work.bound === 'bytes' ? 'copy' : fmaProbeOf(target);

/** The machine as a contender: how long a row would take if it did nothing but what it must, at the rate of this very moment. */
export class Limit implements Contender {
  readonly name = 'limit';
  readonly probe: ProbeName;
  private readonly work: Work;
  private readonly ceilings: Ceilings;

  constructor(work: Work, probe: ProbeName, ceilings: Ceilings) {
    this.work = work;
    this.probe = probe;
    this.ceilings = ceilings;
  }

  async prepare(): Promise<undefined> {
    return undefined;
  }

  async run(_row: string, milliseconds: number, threads: number): Promise<number[] | string> {
    const amount = this.probe === 'copy' ? this.work.bytes : this.work.flops;
    try {
      return (await this.ceilings.rates(this.probe, threads, milliseconds)).map(
        (rate) => amount / rate / 1e6,
      );
    } catch (error) {
      return String(error);
    }
  }

  close(): void {
    // The threads belong to the ceilings.
  }
}
