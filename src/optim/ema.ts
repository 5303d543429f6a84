import { ArgumentError } from '../core/errors.js';
import { loadVariables, type LoadOptions } from '../nn/module.js';
import { mul } from '../tensor/elementwise.js';
import { literal } from '../tensor/operands.js';
import { Tensor } from '../tensor/tensor.js';
import '../tensor/methods.js';
import { Variable, type Parameter } from '../tensor/variable.js';

/**
 * Moving averages of a model's parameters, which often do better than the parameters themselves (Polyak and Juditsky 1992).
 * Call `update()` after each step, inside a compiled function or not, and `swap()` around evaluation.
 *
 * @example
 * ```ts
 * const model = new nn.Linear(2, 1);
 * const ema = new optim.Ema(model, { decay: 0.999 });
 * ema.update();
 * ema.swap(); // the model now computes with the averages
 * ema.swap(); // and now with its own parameters again
 * ```
 */
export class Ema {
  readonly decay: number;
  readonly #pairs: readonly {
    readonly path: string;
    readonly parameter: Parameter;
    readonly average: Variable;
  }[];

  /** The averages start from the present values. `decay` is 0.999 unless told. */
  constructor(
    model: { namedParameters(): Readonly<Record<string, Parameter>> },
    options: { readonly decay?: number } = {},
  ) {
    const { decay = 0.999 } = options;
    if (!(decay >= 0 && decay < 1))
      throw new ArgumentError(`Ema: decay is ${decay}`, 'decay must be at least 0 and below 1');
    this.decay = decay;
    this.#pairs = Object.entries(model.namedParameters()).map(([path, parameter]) => ({
      path,
      parameter,
      average: new Variable(parameter),
    }));
  }

  /** Moves each average by 1 - decay of the way to its parameter. */
  update(): void {
    for (const { parameter, average } of this.#pairs) {
      const old: Tensor = mul(average as Tensor, literal(average, this.decay));
      const fresh: Tensor = mul(parameter as Tensor, literal(parameter, 1 - this.decay));
      average.assign(old.add(fresh));
    }
  }

  /** Exchanges averages and parameters. */
  swap(): void {
    for (const { parameter, average } of this.#pairs) {
      const value = new Tensor(parameter.node);
      parameter.assign(new Tensor(average.node));
      average.assign(value);
    }
  }

  /** The averages by the names of their parameters; what to save. */
  stateDict(): Record<string, Variable> {
    return Object.fromEntries(this.#pairs.map(({ path, average }) => [path, average]));
  }

  /** Takes over saved averages; throws CheckpointError if they are those of another model. */
  loadState(state: Readonly<Record<string, Tensor>>, options: LoadOptions = {}): void {
    loadVariables(this.stateDict(), state, 'this moving average', options);
  }
}
