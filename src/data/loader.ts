import { ArgumentError, DataError } from '../core/errors.js';
import { HostRandom } from '../core/threefry.js';
import { tensor, type Tensor } from '../tensor/index.js';
import { gatherBatch } from './dataset.js';
import type { Dataset } from './dataset.js';
import type { Batch, HostArray } from './host-array.js';
import { checkLabels } from './labels.js';
import type { Transform } from './transform.js';

export interface DataLoaderOptions {
  /** Samples in a batch; 32 when left out. */
  readonly batchSize?: number;
  /** Whether each epoch goes through the samples in a new random order; false when left out. */
  readonly shuffle?: boolean;
  /** Decides the order and the transforms of every epoch; 0 when left out. */
  readonly seed?: number;
  /** Leaves out the last batch when it is smaller than the others; false when left out. */
  readonly dropLast?: boolean;
  /** How many batches are made ready ahead of the one in use; 2 when left out, 0 for none. */
  readonly prefetch?: number;
  /** Changes each batch, with a random stream that the seed, the epoch and the batch's number determine. */
  readonly transform?: Transform;
}

/**
 * Batches of a data set. Iterating the loader itself gives pairs of tensors, inputs and targets, one epoch after the other; images stay
 * uint8, so cast them inside the compiled step.
 *
 * The order of epoch `n` follows from the seed and `n` alone, so that a training run can go on in the middle of an epoch: see
 * {@link DataLoader.epoch}, which gives the same batches as host arrays.
 *
 * @throws ArgumentError for a batch size that is no positive integer.
 * @throws DataError for an empty data set, and while iterating when a label is not one of the data set's classes.
 * @example
 * ```ts
 * import { data } from 'tensorloom';
 *
 * const { training } = data.digits({ train: 100, test: 10 });
 * const loader = new data.DataLoader(training, { batchSize: 32, shuffle: true });
 * loader.length; // => 4
 * const sizes: number[] = [];
 * for await (const [x, y] of loader) sizes.push(y.size);
 * sizes; // => [32, 32, 32, 4]
 * ```
 */
export class DataLoader implements AsyncIterable<[inputs: Tensor, targets: Tensor]> {
  readonly dataset: Dataset;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  readonly prefetch: number;
  readonly transform: Transform | undefined;
  /** Batches in an epoch. */
  readonly length: number;
  #nextEpoch = 0;

  constructor(dataset: Dataset, options: DataLoaderOptions = {}) {
    const { batchSize = 32, shuffle = false, seed = 0, dropLast = false, prefetch = 2, transform } = options;
    checkCount('batchSize', batchSize, 1);
    checkCount('prefetch', prefetch, 0);
    if (!Number.isSafeInteger(seed))
      throw new ArgumentError(`DataLoader: the seed ${seed} is not an integer`);
    if (dataset.length === 0) throw new DataError('DataLoader: the data set is empty');
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.seed = seed;
    this.dropLast = dropLast;
    this.prefetch = prefetch;
    this.transform = transform;
    this.length = dropLast ? Math.floor(dataset.length / batchSize) : Math.ceil(dataset.length / batchSize);
    if (this.length === 0) {
      throw new DataError(
        `DataLoader: ${dataset.length} samples do not fill one batch of ${batchSize}, and dropLast leaves out what does not`,
        'make the batch smaller or leave dropLast out',
      );
    }
  }

  /** Samples in an epoch: all of the data set's, less those that `dropLast` leaves out. */
  get samplesPerEpoch(): number {
    return this.dropLast ? this.length * this.batchSize : this.dataset.length;
  }

  /** The indices of the samples of epoch `n`, in order. */
  order(n: number): Uint32Array {
    checkCount('epoch', n, 0);
    if (this.shuffle) return this.#random(n).permutation(this.dataset.length);
    return Uint32Array.from({ length: this.dataset.length }, (_, i) => i);
  }

  /**
   * The batches of epoch `n`, the same ones each time it is called.
   *
   * @param options.from the first batch wanted; those before it are not assembled.
   */
  async *epoch(n: number, options: { readonly from?: number } = {}): AsyncGenerator<Batch, void, undefined> {
    const { from = 0 } = options;
    checkCount('from', from, 0);
    const order = this.order(n);
    const ahead: PendingBatch[] = [];
    let next = from;
    while (next < this.length || ahead.length > 0) {
      while (next < this.length && ahead.length <= this.prefetch) {
        const batch = next++;
        ahead.push(new PendingBatch(() => this.#assemble(order, n, batch)));
      }
      const current = ahead.shift();
      if (current === undefined) return;
      const ready = await current.value();
      for (const pending of ahead) pending.startSoon();
      yield ready;
    }
  }

  /** The next epoch: 0 at the first call, then 1, and so on. */
  async *[Symbol.asyncIterator](): AsyncGenerator<[inputs: Tensor, targets: Tensor], void, undefined> {
    for await (const { inputs, targets } of this.epoch(this.#nextEpoch++))
      yield [asTensor(inputs), asTensor(targets)];
  }

  #random(epoch: number): HostRandom {
    return new HostRandom(this.seed).fork(epoch);
  }

  async #assemble(order: Uint32Array, epoch: number, index: number): Promise<Batch> {
    const indices = order.subarray(index * this.batchSize, (index + 1) * this.batchSize);
    const batch = await gatherBatch(this.dataset, indices);
    if (this.dataset.classes !== undefined) checkLabels(batch.targets, this.dataset.classes, indices);
    return this.transform === undefined ? batch : this.transform(batch, this.#random(epoch).fork(index));
  }
}

/**
 * A batch that is assembled when the event loop has nothing better to do, or at the latest when it is asked for. So the
 * work falls into the time in which the caller waits for its training step.
 */
class PendingBatch {
  readonly #assemble: () => Promise<Batch>;
  #result: Promise<Batch> | undefined;
  #scheduled = false;

  constructor(assemble: () => Promise<Batch>) {
    this.#assemble = assemble;
  }

  startSoon(): void {
    if (this.#scheduled || this.#result !== undefined) return;
    this.#scheduled = true;
    const start = (): void => {
      // A failure belongs to whoever asks for this batch; nobody may ever ask.
      this.value().catch(() => undefined);
    };
    if (typeof setImmediate === 'function') setImmediate(start);
    else setTimeout(start, 0);
  }

  value(): Promise<Batch> {
    return (this.#result ??= this.#assemble());
  }
}

const asTensor = ({ data, shape, dtype }: HostArray): Tensor => tensor(data, { shape, dtype });

function checkCount(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new ArgumentError(`DataLoader: ${name} is ${value}; it must be an integer of at least ${least}`);
  }
}
