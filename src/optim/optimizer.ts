import { allocate, type DType } from '../core/dtype.js';
import { ArgumentError, ShapeError } from '../core/errors.js';
import { formatShape, sameShape, sizeOf, type Shape } from '../core/shape.js';
import { scalar } from '../graph/build.js';
import type { Cell } from '../graph/node.js';
import { loadVariables, type LoadOptions } from '../nn/module.js';
import { hostNode } from '../tensor/creation.js';
import { literal } from '../tensor/operands.js';
import { Tensor } from '../tensor/tensor.js';
import { activeTrace } from '../tensor/trace.js';
import { isParameter, Variable, type Parameter } from '../tensor/variable.js';
import '../tensor/methods.js';
import { clipByNorm, clipByValue } from './clipping.js';
import { compose } from './compose.js';
import { scaled, type Named, type Transformation } from './transformation.js';

/** Where an optimizer finds its parameters: a model, a list, or a record by name. */
export type ParameterSource =
  | { namedParameters(): Readonly<Record<string, Parameter>> }
  | readonly Parameter[]
  | Readonly<Record<string, Parameter>>;

/** Options that all optimizers know. */
export interface CommonOptions {
  /** The learning rate. */
  readonly lr?: number;
  /** A factor for the learning rate of single parameters, by their path: 0.1 for `backbone.…`, say. */
  readonly lrScale?: (path: string) => number;
  /** Gradients are scaled down together so that their common norm is at most this (Pascanu, Mikolov, Bengio 2013). */
  readonly clipNorm?: number;
  /** Each element of a gradient is held within ± this. */
  readonly clipValue?: number;
}

/** How to optimize, not yet what: `optim.adam({ lr: 1e-3 })`. Bind it to parameters with {@link for}. */
export class OptimizerSpec {
  readonly name: string;
  readonly lr: number;
  readonly transformation: Transformation;
  readonly lrScale: (path: string) => number;

  constructor(name: string, lr: number, transformation: Transformation, lrScale: (path: string) => number) {
    if (!(lr >= 0 && lr < Infinity)) {
      throw new ArgumentError(`${name}: lr is ${lr}`, 'the learning rate must be a number of at least 0');
    }
    this.name = name;
    this.lr = lr;
    this.transformation = transformation;
    this.lrScale = lrScale;
  }

  /**
   * An optimizer for the parameters of a model, or of a list or record.
   *
   * @example
   * ```ts
   * const model = new nn.Linear(2, 1);
   * const optimizer = optim.sgd({ lr: 0.1 }).for(model);
   * const loss = model.forward(ones([1, 2])).square().mean();
   * optimizer.step(grad(loss, model.parameters()));
   * ```
   */
  for(source: ParameterSource): Optimizer {
    return new Optimizer(this, source);
  }
}

/** An optimizer of one's own: stages (see {@link Transformation}) one after the other, then a step of -lr times the result. */
export function optimizer(
  name: string,
  defaultLr: number,
  options: CommonOptions,
  ...stages: readonly Transformation[]
): OptimizerSpec {
  const { lr = defaultLr, lrScale = () => 1, clipNorm, clipValue } = options;
  const clipping = [
    ...(clipValue === undefined ? [] : [clipByValue(clipValue)]),
    ...(clipNorm === undefined ? [] : [clipByNorm(clipNorm)]),
  ];
  return new OptimizerSpec(name, lr, compose(...clipping, ...stages), lrScale);
}

/**
 * Changes parameters by their gradients. Its state (moments, the number of steps) lives in variables, so a step inside a
 * compiled function is part of the program; the learning rate may change at any time without compiling anew.
 */
export class Optimizer {
  readonly name: string;
  /** All parameters, frozen ones too: the order that gradients must have. */
  readonly parameters: readonly Parameter[];
  /** How many steps were made: int32, a single number. */
  readonly steps: Variable = variable([], 'int32', 0);
  readonly #spec: OptimizerSpec;
  readonly #paths: readonly string[];
  readonly #states = new Map<Parameter, Named<Variable>>();
  readonly #shared: Named<Variable>;
  readonly #lr: Cell;

  constructor(spec: OptimizerSpec, source: ParameterSource) {
    const named = namedParametersOf(source, spec.name);
    this.name = spec.name;
    this.parameters = named.map(([, parameter]) => parameter);
    this.#spec = spec;
    this.#paths = named.map(([path]) => path);
    this.#lr = { value: spec.lr };
    this.#shared = mapValues(spec.transformation.shared ?? {}, (initial) => variable([], 'float32', initial));
    for (const parameter of this.parameters) if (parameter.trainable) this.#stateOf(parameter);
  }

  /** The learning rate. Changes hold for all later steps, those of compiled functions included. */
  get lr(): number {
    return this.#lr.value;
  }

  set lr(value: number) {
    if (!(value >= 0 && value < Infinity)) {
      throw new ArgumentError(
        `${this.name}: lr is ${value}`,
        'the learning rate must be a number of at least 0',
      );
    }
    this.#lr.value = value;
  }

  /**
   * One step down the gradients: those given, in the order of {@link parameters} (what `grad(loss, model.parameters())`
   * returns), or those that `loss.backward()` has left in the parameters. Frozen parameters and those without gradient stay.
   *
   * @throws ArgumentError if there are more or fewer gradients than parameters.
   * @throws ShapeError if a gradient has another shape than its parameter.
   */
  step(
    gradients: readonly (Tensor | undefined)[] = this.parameters.map((parameter) => parameter.grad),
  ): void {
    if (gradients.length !== this.parameters.length) {
      throw new ArgumentError(
        `${this.name}: ${gradients.length} gradients for ${this.parameters.length} parameters`,
        'pass grad(loss, model.parameters()), one gradient for each parameter',
      );
    }
    const active = this.parameters.flatMap((parameter, i) => {
      const [gradient, path] = [gradients[i], this.#paths[i] ?? ''];
      if (gradient === undefined || !parameter.trainable) return [];
      if (!sameShape(gradient.shape, parameter.shape)) {
        throw new ShapeError(
          `${this.name}: the gradient of '${path}' has shape ${formatShape(gradient.shape)}, the parameter ${formatShape(parameter.shape)}`,
          'pass the gradients in the order of the parameters',
        );
      }
      return [
        { parameter, gradient, path, state: this.#stateOf(parameter), value: new Tensor(parameter.node) },
      ];
    });
    if (active.length === 0) return;

    const count = new Tensor(this.steps.node);
    const next = count.add(literal(count, 1));
    const result = this.#spec.transformation.update(
      {
        directions: active.map(({ gradient }) => gradient),
        states: active.map(({ state }) => present(state)),
        shared: present(this.#shared),
      },
      active.map(({ value, path }) => ({ parameter: value, path })),
      { step: next.cast('float32') },
    );
    const lr = this.#rate();
    active.forEach(({ parameter, path, state, value }, i) => {
      assignAll(state, result.states[i] ?? {});
      const direction = result.directions[i] as Tensor;
      parameter.assign(value.sub(direction.mul(scaled(lr, this.#spec.lrScale(path)))).cast(parameter.dtype));
    });
    assignAll(this.#shared, result.shared);
    this.steps.assign(next);
  }

  /** Forgets the gradients of `loss.backward()`. */
  zeroGrad(): void {
    for (const parameter of this.parameters) parameter.grad = undefined;
  }

  /** The variables that a checkpoint must hold: `steps`, and for each trainable parameter its state, `layer.weight.firstMoment`. */
  namedState(): Record<string, Variable> {
    const named: Record<string, Variable> = { steps: this.steps, ...this.#shared };
    this.parameters.forEach((parameter, i) => {
      for (const [name, state] of Object.entries(this.#states.get(parameter) ?? {}))
        named[`${this.#paths[i] ?? ''}.${name}`] = state;
    });
    return named;
  }

  /** {@link namedState}: what to save. The learning rate is not part of it. */
  stateDict(): Record<string, Variable> {
    return this.namedState();
  }

  /**
   * Takes over a saved state.
   *
   * @throws CheckpointError if it is that of another optimizer or model.
   */
  loadState(state: Readonly<Record<string, Tensor>>, options: LoadOptions = {}): void {
    loadVariables(this.namedState(), state, `this ${this.name} optimizer`, options);
  }

  #stateOf(parameter: Parameter): Named<Variable> {
    let state = this.#states.get(parameter);
    if (state === undefined) {
      const { shape, dtype } = parameter;
      state = mapValues(this.#spec.transformation.state ?? {}, (initial) => variable(shape, dtype, initial));
      this.#states.set(parameter, state);
    }
    return state;
  }

  /** Inside compiled functions the cell itself, which is read at each run; outside its value now, for a pending step keeps the rate it was made with. */
  #rate(): Tensor {
    return new Tensor(scalar(activeTrace() === undefined ? { value: this.lr } : this.#lr, 'float32'));
  }
}

function namedParametersOf(source: ParameterSource, name: string): [string, Parameter][] {
  const found: [string, unknown][] =
    'namedParameters' in source && typeof source.namedParameters === 'function'
      ? Object.entries(source.namedParameters())
      : Object.entries(source);
  return found.map(([path, parameter]) => {
    if (!isParameter(parameter)) {
      throw new ArgumentError(
        `${name}: '${path}' is not a Parameter`,
        'pass a model, model.parameters(), or model.namedParameters()',
      );
    }
    return [path, parameter];
  });
}

function variable(shape: Shape, dtype: DType, initial: number): Variable {
  return new Variable(new Tensor(hostNode(allocate(dtype, sizeOf(shape)).fill(initial), [...shape], dtype)));
}

function mapValues<A, B>(record: Named<A>, change: (value: A) => B): Named<B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

/** The values of variables now, so that what is computed from them does not see later assignments. */
function present(variables: Named<Variable>): Named<Tensor> {
  return mapValues(variables, (each) => new Tensor(each.node));
}

function assignAll(variables: Named<Variable>, values: Named<Tensor>): void {
  for (const [name, value] of Object.entries(values)) {
    const target = variables[name];
    target?.assign(value.cast(target.dtype));
  }
}
