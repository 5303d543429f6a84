import { EXIT } from './report-error.js';

/**
 * Signals closer together than this, in milliseconds, come from one Ctrl-C: a terminal sends it to all processes of a pipeline, and
 * `npm start` passes its own on to us.
 */
const ONE_PRESS = 400;

/**
 * Ctrl-C, politely: the first one asks the running work to come to an end by aborting `signal`, the second ends the process at
 * once.
 */
export class Interrupt {
  private readonly controller = new AbortController();
  private firstAt = 0;
  private readonly onSignal: () => void;

  /** @param announce what to do when the first one arrives: say that it was heard, as a rule. */
  constructor(announce: () => void) {
    this.onSignal = () => {
      if (this.controller.signal.aborted) {
        if (performance.now() - this.firstAt > ONE_PRESS) process.exit(EXIT.interrupted);
        return;
      }
      this.firstAt = performance.now();
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
