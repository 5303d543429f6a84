import { ArgumentError } from '../core/errors.js';
import { sizeOf } from '../core/shape.js';
import { hostArrayFrom, isHostArray, takeRows } from '../data/host-array.js';
import type { Module } from '../nn/module.js';
import { compile } from '../tensor/compile.js';
import { concat } from '../tensor/movement.js';
import type { Tensor } from '../tensor/tensor.js';
import { Breather } from './breathe.js';
import type { MeasuringOptions } from './evaluate.js';
import { inMode } from './mode.js';
import { scalePixels } from './preprocess.js';
import { hostOf, tensorOf, type ArraySource } from './source.js';

/**
 * The model's outputs for many inputs, in evaluation mode, computed batch by batch.
 *
 * @param inputs `[n, …]`, one row for each sample.
 * @throws ArgumentError if there are no inputs, or the batch size is no positive integer.
 * @example
 * ```ts
 * const model = new nn.Linear(2, 1);
 * model.loadState({ weight: tensor([[1, 2]]), bias: tensor([0]) });
 * const outputs = await train.predict(model, [[1, 1], [2, 0], [0, 5]], { batchSize: 2 });
 * await outputs.array(); // => [[3], [2], [10]]
 * ```
 */
export async function predict(
  model: Module,
  inputs: ArraySource,
  options: MeasuringOptions = {},
): Promise<Tensor> {
  const { batchSize = 128, preprocess = scalePixels } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new ArgumentError(`predict: batchSize is ${batchSize}; it must be an integer of at least 1`);
  const given = await hostOf(inputs);
  const rows = isHostArray(given) ? given : hostArrayFrom(given);
  const count = rows.shape[0] ?? 0;
  if (count === 0 || sizeOf(rows.shape) === 0) throw new ArgumentError('predict: there are no inputs');
  const forward = compile((batch: Tensor) => model.forward(preprocess(batch)));
  const breather = new Breather();
  return inMode(model, false, async () => {
    const outputs: Tensor[] = [];
    for (let start = 0; start < count; start += batchSize) {
      const length = Math.min(batchSize, count - start);
      const batch = takeRows(
        rows,
        Array.from({ length }, (_, i) => start + i),
      );
      outputs.push(forward(tensorOf(batch)));
      await breather.pause();
    }
    return concat(outputs, 0);
  });
}
