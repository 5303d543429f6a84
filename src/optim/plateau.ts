import { ArgumentError } from '../core/errors.js';

export interface PlateauOptions {
  readonly lr: number;
  /** What the rate is multiplied by when nothing improves; 0.1 unless told. */
  readonly factor?: number;
  /** How many observations without improvement are borne; 10 unless told. */
  readonly patience?: number;
  /** By which share the metric must improve to count; 1e-4 unless told. */
  readonly threshold?: number;
  /** Observations after a fall that do not count; 0 unless told. */
  readonly cooldown?: number;
  /** The smallest rate; 0 unless told. */
  readonly minLr?: number;
  /** Whether small metrics are good (losses, the default) or large ones (accuracies). */
  readonly mode?: 'min' | 'max';
}

/** The state of a {@link Plateau}: numbers for a checkpoint. */
export interface PlateauState {
  readonly lr: number;
  readonly best: number;
  readonly bad: number;
  readonly waiting: number;
}

/**
 * Lowers the learning rate when a metric no longer improves, as PyTorch's `ReduceLROnPlateau` does.
 *
 * @example
 * ```ts
 * const plateau = new optim.Plateau({ lr: 1, factor: 0.5, patience: 1 });
 * [3, 2, 2, 2, 1].map((loss) => plateau.observe(loss)); // => [1, 1, 1, 0.5, 0.5]
 * ```
 */
export class Plateau {
  readonly #options: Required<PlateauOptions>;
  #lr: number;
  #best: number;
  #bad = 0;
  #waiting = 0;

  constructor(options: PlateauOptions) {
    const {
      lr,
      factor = 0.1,
      patience = 10,
      threshold = 1e-4,
      cooldown = 0,
      minLr = 0,
      mode = 'min',
    } = options;
    if (!(factor > 0 && factor < 1))
      throw new ArgumentError(`Plateau: factor is ${factor}`, 'factor must be between 0 and 1');
    if (!(patience >= 0))
      throw new ArgumentError(`Plateau: patience is ${patience}`, 'patience must be at least 0');
    this.#options = { lr, factor, patience, threshold, cooldown, minLr, mode };
    this.#lr = lr;
    this.#best = mode === 'min' ? Infinity : -Infinity;
  }

  /** The present learning rate. */
  get lr(): number {
    return this.#lr;
  }

  /** Takes note of a metric and returns the learning rate from now on. */
  observe(metric: number): number {
    const { factor, patience, cooldown, minLr } = this.#options;
    if (this.#improves(metric)) {
      this.#best = metric;
      this.#bad = 0;
    } else {
      this.#bad++;
    }
    if (this.#waiting > 0) {
      this.#waiting--;
      this.#bad = 0;
    }
    if (this.#bad > patience) {
      this.#lr = Math.max(minLr, this.#lr * factor);
      this.#waiting = cooldown;
      this.#bad = 0;
    }
    return this.#lr;
  }

  #improves(metric: number): boolean {
    const { mode, threshold } = this.#options;
    return mode === 'min' ? metric < this.#best * (1 - threshold) : metric > this.#best * (1 + threshold);
  }

  /** What a checkpoint needs. */
  get state(): PlateauState {
    return { lr: this.#lr, best: this.#best, bad: this.#bad, waiting: this.#waiting };
  }

  set state({ lr, best, bad, waiting }: PlateauState) {
    this.#lr = lr;
    this.#best = best;
    this.#bad = bad;
    this.#waiting = waiting;
  }
}
