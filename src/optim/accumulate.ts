import { ArgumentError } from '../core/errors.js';
import { eq, floorDiv, where } from '../tensor/elementwise.js';
import { literal } from '../tensor/operands.js';
import type { Tensor } from '../tensor/tensor.js';
import '../tensor/methods.js';
import { compose } from './compose.js';
import { OptimizerSpec } from './optimizer.js';
import { scaled, stateOf, type Named, type Stage, type Transformation } from './transformation.js';

/**
 * An optimizer that moves at every `every`-th step only, by the mean of the gradients since: batches of `every` times the
 * size, in the memory of one. All of it is part of the graph, so it works in compiled functions.
 *
 * @throws ArgumentError if `every` is no positive integer.
 * @example
 * ```ts
 * const w = new Parameter(tensor([1]));
 * const optimizer = optim.accumulate(optim.sgd({ lr: 0.5 }), 2).for([w]);
 * optimizer.step([tensor([1])]);
 * await w.array(); // => [1]
 * optimizer.step([tensor([3])]);
 * await w.array(); // => [0]
 * ```
 */
export function accumulate(spec: OptimizerSpec, every: number): OptimizerSpec {
  if (!Number.isInteger(every) || every < 1) {
    throw new ArgumentError(`accumulate: every is ${every}`, 'use a positive integer');
  }
  return new OptimizerSpec(
    spec.name,
    spec.lr,
    compose(accumulating(spec.transformation, every)),
    spec.lrScale,
  );
}

function accumulating(inner: Transformation, every: number): Transformation {
  return {
    state: { ...inner.state, accumulated: 0 },
    ...(inner.shared === undefined ? {} : { shared: inner.shared }),
    update(stage, moments, { step }) {
      const rounds: Tensor = floorDiv(step, literal(step, every));
      const ready: Tensor = eq(rounds.mul(literal(step, every)), step);
      const sums = stage.directions.map((direction, i) =>
        stateOf(stage.states[i] ?? {}, 'accumulated').add(scaled(direction, 1 / every)),
      );
      const result = inner.update({ ...stage, directions: sums }, moments, { step: rounds });
      const none = (x: Tensor): Tensor => literal(x, 0);
      return {
        directions: result.directions.map((direction) => where(ready, direction, none(direction))),
        states: result.states.map((state, i) => {
          const sum = sums[i] as Tensor;
          return {
            ...keepUntil(ready, state, stage.states[i] ?? {}),
            accumulated: where(ready, none(sum), sum),
          };
        }),
        shared: keepUntil(ready, result.shared, stage.shared),
      } satisfies Stage;
    },
  };
}

/** The new state once it is time, the old one before. */
function keepUntil(ready: Tensor, next: Named<Tensor>, old: Named<Tensor>): Named<Tensor> {
  return Object.fromEntries(
    Object.entries(next).map(([name, value]) => [name, where(ready, value, stateOf(old, name))]),
  );
}
