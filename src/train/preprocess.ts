import { ArgumentError, ShapeError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import { cast, div, sub } from '../tensor/elementwise.js';
import { literal } from '../tensor/operands.js';
import { reshape } from '../tensor/movement.js';
import { tensor } from '../tensor/creation.js';
import type { Tensor } from '../tensor/tensor.js';

/** Turns a batch of inputs, as the data set has them, into what the model takes; runs inside the compiled step. */
export type Preprocess = (inputs: Tensor) => Tensor;

/** What is done unless told otherwise: uint8 (pictures) becomes float32 from 0 to 1; all else stays as it is. */
export function scalePixels(inputs: Tensor): Tensor {
  if (inputs.dtype !== 'uint8') return inputs;
  const floats = cast(inputs, 'float32');
  return div(floats, literal(floats, 255));
}

/**
 * Pictures `[n, channels, …]` scaled to 0..1 as {@link scalePixels} does, less each channel's mean, over its standard deviation.
 *
 * @throws ArgumentError unless there are as many means as deviations, and these are positive.
 * @example
 * ```ts
 * const preprocess = train.normalizePixels({ mean: [0.5], std: [0.25] });
 * const white = tensor(new Uint8Array([255, 0]), { shape: [2, 1, 1, 1] });
 * await preprocess(white).flatten().array(); // => [2, -2]
 * ```
 */
export function normalizePixels(statistics: {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}): Preprocess {
  const { mean, std } = statistics;
  if (mean.length !== std.length || mean.length === 0 || !std.every((s) => s > 0))
    throw new ArgumentError(
      `normalizePixels: means ${formatShape(mean)} and standard deviations ${formatShape(std)}`,
      'give one mean and one positive standard deviation for each channel',
    );
  return (inputs) => {
    if (inputs.shape[1] !== mean.length)
      throw new ShapeError(
        `normalizePixels: pictures of shape ${formatShape(inputs.shape)} do not have ${mean.length} channels along axis 1`,
      );
    const channels = inputs.shape.map((_, axis) => (axis === 1 ? mean.length : 1));
    const along = (values: readonly number[]): Tensor => reshape(tensor([...values]), channels);
    return div(sub(scalePixels(inputs), along(mean)), along(std));
  };
}
