import type { HostRandom } from '../core/threefry.js';
import type { Batch } from './host-array.js';

/** Changes a batch; whatever is random about it comes from `random`. */
export type Transform = (batch: Batch, random: HostRandom) => Batch;

/** Several transforms, the first one first. */
export function compose(...transforms: readonly Transform[]): Transform {
  return (batch, random) => transforms.reduce((current, transform) => transform(current, random), batch);
}
