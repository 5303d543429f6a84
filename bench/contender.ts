/** Whoever takes part in a comparison: this library, a peer, or the machine itself. */
export interface Contender {
  readonly name: string;
  /** Gets ready for a row; gives the reason if it cannot run it. */
  prepare(row: string): Promise<string | undefined>;
  /** The times, in milliseconds, of as many calls as fit into `milliseconds`, one at the least; or why there are none. */
  run(row: string, milliseconds: number, threads: number): Promise<number[] | string>;
  close(): void;
}
