import { ArrayDataset } from '../../src/data/index.js';
import { HostRandom } from '../../src/core/threefry.js';
import { Dropout, Flatten, Linear, relu, Sequential } from '../../src/nn/index.js';
import { setSeed } from '../../src/tensor/random.js';
import type { Layer, Module } from '../../src/nn/index.js';
import type { Callback, EpochRecord } from '../../src/train/index.js';

/** Points in the plane, of class 1 above the diagonal, else 0. */
export function points(count: number, seed = 1): ArrayDataset {
  const random = new HostRandom(seed);
  const inputs = Array.from({ length: count }, () => [random.normal(), random.normal()]);
  return new ArrayDataset(
    inputs,
    inputs.map(([x = 0, y = 0]) => (y > x ? 1 : 0)),
    { classes: 2 },
  );
}

/** A net for {@link points}, always with the same first weights. */
export function smallNet(...between: Layer[]): Sequential {
  setSeed(3);
  return new Sequential(new Linear(2, 8), relu, ...between, new Linear(8, 2));
}

/** A net with a random layer. */
export function netWithDropout(): Sequential {
  // The layer's stream starts from this seed too.
  setSeed(3);
  return smallNet(new Dropout(0.3));
}

/** A net for 2x2 pictures of bytes. */
export function pictureNet(): Sequential {
  setSeed(3);
  return new Sequential(new Flatten(), new Linear(4, 2));
}

/** All variables of a model, as plain numbers. */
export async function weightsOf(model: Module): Promise<Record<string, number[]>> {
  const weights: Record<string, number[]> = {};
  for (const [name, variable] of Object.entries(model.namedVariables()))
    weights[name] = await variable.array1d();
  return weights;
}

/** Records without what depends on the machine. */
export const withoutTimes = (records: readonly EpochRecord[]): Partial<EpochRecord>[] =>
  records.map(({ seconds: _seconds, samplesPerSecond: _speed, ...rest }) => rest);

/** A callback that does something after the given number of batches, counted over all epochs. */
export function afterBatches(count: number, act: () => void): Callback {
  let seen = 0;
  return {
    name: 'afterBatches',
    onBatchEnd: () => {
      if (++seen === count) act();
    },
  };
}
