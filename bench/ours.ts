/** This library as a contender, in this very process. */
import { setThreads, threadCount } from '../src/runtime/threads.js';
import type { Contender } from './contender.js';
import { burst } from './measure.js';
import type { ComparedRow } from './rows/row.js';

export class Ours implements Contender {
  readonly name = 'tensorloom';
  private readonly rows: ReadonlyMap<string, ComparedRow>;
  private work: (() => unknown) | undefined;

  constructor(rows: readonly ComparedRow[]) {
    this.rows = new Map(rows.map((row) => [row.name, row]));
  }

  async prepare(name: string): Promise<string | undefined> {
    this.work = undefined;
    try {
      this.work = this.rows.get(name)?.prepare();
    } catch (error) {
      return String(error);
    }
    return this.work === undefined ? 'no such row' : undefined;
  }

  async run(_row: string, milliseconds: number, threads: number): Promise<number[] | string> {
    if (this.work === undefined) return 'not prepared';
    if (threadCount() !== threads) setThreads(threads);
    try {
      return await burst(this.work, milliseconds);
    } catch (error) {
      return String(error);
    }
  }

  close(): void {
    this.work = undefined;
  }
}
