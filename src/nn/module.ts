import { CheckpointError } from '../core/errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import { cast } from '../tensor/elementwise.js';
import { Generator } from '../tensor/random.js';
import type { Tensor } from '../tensor/tensor.js';
import { assume } from '../tensor/trace.js';
import { isParameter, Variable, type Parameter } from '../tensor/variable.js';

/**
 * A variable that a layer keeps up to date by itself while training: the running mean of batch normalisation, say. It is
 * saved with the model, but optimizers leave it alone.
 */
export class RunningStatistic extends Variable {
  readonly kind = 'running statistic';
}

/** What is found at one place of a model's tree. */
type Leaf =
  | { readonly kind: 'module'; readonly path: string; readonly value: Module<unknown> }
  | { readonly kind: 'variable'; readonly path: string; readonly value: Variable }
  | { readonly kind: 'stream'; readonly path: string; readonly value: Generator };

export interface LoadOptions {
  /** Whether every name must be there, and no other; true unless told. */
  readonly strict?: boolean;
}

/**
 * A layer, or a model made of layers. A module is a plain tree of its own attributes: whatever attribute holds a
 * {@link Parameter}, a {@link RunningStatistic} (or another variable), a random {@link Generator}, a module, or an array
 * or plain record of these belongs to it, and nothing needs to be registered.
 *
 * Names are paths through the attributes, as in PyTorch: `encoder.layers.0.weight`.
 *
 * @example
 * ```ts
 * class Residual extends nn.Module {
 *   readonly inner = new nn.Linear(8, 8);
 *   forward(x: Tensor): Tensor {
 *     return x.add(this.inner.forward(x).relu());
 *   }
 * }
 * const model = new Residual();
 * Object.keys(model.namedParameters()); // => ['inner.weight', 'inner.bias']
 * model.forward(zeros([4, 8])).shape; // => [4, 8]
 * ```
 */
export abstract class Module<Output = Tensor> {
  #training = true;

  /** Whether the module is being trained; set for a whole tree by {@link train} and {@link eval}. */
  get training(): boolean {
    return assume(() => this.#training);
  }

  set training(training: boolean) {
    this.#training = training;
  }

  /** The output for an input (or several). */
  abstract forward(x: Tensor, ...rest: never[]): Output;

  /** The attributes that a walk of the tree looks into, with their names. A container may name its parts differently. */
  protected parts(): Iterable<readonly [name: string, value: unknown]> {
    return Object.entries(this);
  }

  /** Everything in the tree, each thing once, at the first path that leads to it: modules may be shared, or form cycles. */
  #leaves(): Leaf[] {
    const found: Leaf[] = [];
    const seen = new Set<unknown>();
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null || seen.has(value)) return;
      seen.add(value);
      const within = (children: Iterable<readonly [string, unknown]>): void => {
        for (const [name, child] of children) visit(child, path === '' ? name : `${path}.${name}`);
      };
      if (isVariable(value)) found.push({ kind: 'variable', path, value });
      else if (value instanceof Generator) found.push({ kind: 'stream', path, value });
      else if (value instanceof Module) {
        const module: Module<unknown> = value;
        found.push({ kind: 'module', path, value: module });
        within(module.parts());
      } else if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
        within(Object.entries(value));
      }
    };
    visit(this, '');
    return found;
  }

  /** This module (path `''`) and all modules below it. A map, since records do not keep the order of paths like `0`. */
  namedModules(): Map<string, Module<unknown>> {
    return new Map(
      this.#leaves().flatMap((leaf) => (leaf.kind === 'module' ? [[leaf.path, leaf.value] as const] : [])),
    );
  }

  /** All variables that are saved with the model: parameters and running statistics. */
  namedVariables(): Record<string, Variable> {
    return Object.fromEntries(
      this.#leaves().flatMap((leaf) => (leaf.kind === 'variable' ? [[leaf.path, leaf.value]] : [])),
    );
  }

  /** All parameters by name, in the order of the attributes; a shared one once. */
  namedParameters(): Record<string, Parameter> {
    const named = Object.entries(this.namedVariables());
    return Object.fromEntries(named.flatMap(([path, value]) => (isParameter(value) ? [[path, value]] : [])));
  }

  /** The random streams of the model (of its dropout layers), whose states make a resumed training continue exactly. */
  namedStreams(): Record<string, Generator> {
    return Object.fromEntries(
      this.#leaves().flatMap((leaf) => (leaf.kind === 'stream' ? [[leaf.path, leaf.value]] : [])),
    );
  }

  /** All parameters, in the order of {@link namedParameters}. */
  parameters(): Parameter[] {
    return Object.values(this.namedParameters());
  }

  /** The parameters that are not frozen. */
  trainableParameters(): Parameter[] {
    return this.parameters().filter((parameter) => parameter.trainable);
  }

  /** Puts all modules of the tree into training mode: dropout drops, batch normalisation uses the batch. */
  train(): this {
    return this.setTraining(true);
  }

  /** Puts all modules of the tree into evaluation mode. */
  eval(): this {
    return this.setTraining(false);
  }

  private setTraining(training: boolean): this {
    for (const module of this.namedModules().values()) module.training = training;
    return this;
  }

  /** Keeps optimizers from changing the parameters of this tree. */
  freeze(): this {
    for (const parameter of this.parameters()) parameter.trainable = false;
    return this;
  }

  /** Undoes {@link freeze}. */
  unfreeze(): this {
    for (const parameter of this.parameters()) parameter.trainable = true;
    return this;
  }

  /**
   * The variables to save, by name. They are the model's own, so they go on changing: read their values (`data()`) to
   * keep a copy.
   */
  stateDict(): Record<string, Variable> {
    return this.namedVariables();
  }

  /**
   * Takes over saved values. Dtypes are converted. Nothing is changed if anything does not fit.
   *
   * @throws CheckpointError that lists the names that are missing, unexpected, or of another shape.
   * @example
   * ```ts
   * const model = new nn.Linear(2, 1);
   * model.loadState({ weight: tensor([[1, 2]]), bias: tensor([3]) });
   * await model.forward(tensor([10, 100])).array(); // => [213]
   * ```
   */
  loadState(state: Readonly<Record<string, Tensor>>, options: LoadOptions = {}): void {
    loadVariables(this.namedVariables(), state, `a ${this.constructor.name}`, options);
  }
}

/** Whether a value is a variable of any kind. */
function isVariable(value: unknown): value is Variable {
  return value instanceof Variable;
}

/** Assigns saved values to variables of the same names; `owner` says in errors whose they are. */
export function loadVariables(
  variables: Readonly<Record<string, Variable>>,
  state: Readonly<Record<string, Tensor>>,
  owner: string,
  { strict = true }: LoadOptions = {},
): void {
  const names = Object.keys(variables);
  const problems: string[] = [];
  if (strict) {
    list(
      problems,
      'missing',
      names.filter((name) => !Object.hasOwn(state, name)),
    );
    list(
      problems,
      'unexpected',
      Object.keys(state).filter((name) => !Object.hasOwn(variables, name)),
    );
  }
  const found = names.flatMap((name) => {
    const [variable, value] = [variables[name], Object.hasOwn(state, name) ? state[name] : undefined];
    return variable === undefined || value === undefined ? [] : [{ name, variable, value }];
  });
  for (const { name, variable, value } of found) {
    if (!sameShape(variable.shape, value.shape)) {
      problems.push(
        `'${name}' has shape ${formatShape(value.shape)} instead of ${formatShape(variable.shape)}`,
      );
    }
  }
  if (problems.length > 0) {
    throw new CheckpointError(
      `loadState: the saved state does not belong to ${owner}: ${problems.join('; ')}`,
      'build the model with the same arguments as the saved one, or pass { strict: false } to load the names that match',
    );
  }
  for (const { variable, value } of found) variable.assign(cast(value, variable.dtype));
}

/** More names than this are counted, not listed. */
const LISTED = 6;

function list(problems: string[], what: string, names: readonly string[]): void {
  if (names.length === 0) return;
  const shown = names
    .slice(0, LISTED)
    .map((name) => `'${name}'`)
    .join(', ');
  problems.push(`${what} ${shown}${names.length > LISTED ? ` and ${names.length - LISTED} more` : ''}`);
}
