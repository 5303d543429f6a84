import { EXIT } from './report-error.js';

/**
 * Ctrl-C, politely: the first one asks the running work to come to an end by aborting `signal`, the second ends the process at
 * once.
 */
export class Interrupt {
  private readonly controller = new AbortController();
  private readonly onSignal: () => void;

  /** @param announce what to do when the first one arrives: say that it was heard, as a rule. */
  constructor(announce: () => void) {
    this.onSignal = () => {
      if (this.controller.signal.aborted) process.exit(EXIT.interrupted);
      announce();
      this.controller.abort();
    };
    process.on('SIGINT', this.onSignal);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Ctrl-C does again what it does by default. */
  release(): void {
    process.off('SIGINT', this.onSignal);
  }
}
