import { ArgumentError, DTypeError, ShapeError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import type { HostRandom } from '../core/threefry.js';
import type { Batch, HostArray } from './host-array.js';

/** Changes a batch; whatever is random about it comes from `random`. */
export type Transform = (batch: Batch, random: HostRandom) => Batch;

/**
 * Several transforms, the first one first.
 *
 * @example
 * ```ts
 * import { data } from 'tensorloom';
 *
 * const { training } = data.digits({ train: 100, test: 10 });
 * const transform = data.compose(data.randomCrop({ padding: 2 }), data.cutout(6));
 * const loader = new data.DataLoader(training, { batchSize: 50, shuffle: true, transform });
 * const first = await loader.epoch(0).next();
 * first.value?.inputs.shape; // => [50, 1, 28, 28]
 * ```
 */
export function compose(...transforms: readonly Transform[]): Transform {
  return (batch, random) => transforms.reduce((current, transform) => transform(current, random), batch);
}

/** The elements of a batch of pictures, `[n, channels, height, width]`, and how large a full value is. */
export interface Pictures {
  readonly data: Uint8Array | Float32Array;
  readonly dtype: 'uint8' | 'float32';
  readonly count: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** White: 255 for uint8, 1 for float32. */
  readonly full: number;
}

/**
 * The pictures of a batch.
 *
 * @throws ShapeError or DTypeError unless they are `[n, c, h, w]` of uint8 or float32.
 */
export function picturesOf({ inputs }: Batch, operation: string): Pictures {
  const [count, channels, height, width] = inputs.shape;
  if (
    count === undefined ||
    channels === undefined ||
    height === undefined ||
    width === undefined ||
    inputs.shape.length !== 4
  ) {
    throw new ShapeError(
      `${operation}: expected pictures [n, channels, height, width], got ${formatShape(inputs.shape)}`,
    );
  }
  const size = { count, channels, height, width };
  if (inputs.data instanceof Float32Array) return { data: inputs.data, dtype: 'float32', ...size, full: 1 };
  if (inputs.data instanceof Uint8Array && inputs.dtype === 'uint8')
    return { data: inputs.data, dtype: 'uint8', ...size, full: 255 };
  throw new DTypeError(`${operation}: expected uint8 or float32 pictures, got ${inputs.dtype}`);
}

/** The batch with other inputs. */
export function withInputs(batch: Batch, data: HostArray['data'], shape: HostArray['shape']): Batch {
  const dtype = data instanceof Float32Array ? 'float32' : 'uint8';
  return { inputs: { data, shape, dtype }, targets: batch.targets };
}

/** Throws unless a setting lies in a range. */
export function checkRange(operation: string, name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value <= high)) {
    throw new ArgumentError(
      `${operation}: ${name} is ${value}; it must be ${high === Infinity ? `at least ${low}` : `from ${low} to ${high}`}`,
    );
  }
}
