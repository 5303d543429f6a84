/** The longest time, in milliseconds, that training keeps the event loop waiting. */
const LONGEST_HOLD = 50;

/**
 * Lets the event loop run now and then. Training steps are synchronous: without a pause no signal, timer, stream or finalization
 * callback would ever be served.
 */
export class Breather {
  #last = performance.now();

  /** Returns a promise only when it is time for a pause. */
  pause(): Promise<void> | undefined {
    if (performance.now() - this.#last < LONGEST_HOLD) return undefined;
    return new Promise((resolve) => {
      const goOn = (): void => {
        this.#last = performance.now();
        resolve();
      };
      if (typeof setImmediate === 'function') setImmediate(goOn);
      else setTimeout(goOn, 0);
    });
  }
}
