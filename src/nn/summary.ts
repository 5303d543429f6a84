import type { DType } from '../core/dtype.js';
import { formatShape, type Shape } from '../core/shape.js';
import type { Node } from '../graph/node.js';
import { zeros } from '../tensor/creation.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { withTrace } from '../tensor/trace.js';
import { isParameter, type Variable } from '../tensor/variable.js';
import type { Module } from './module.js';

/** One module of a model, as {@link describeModel} finds it. */
export interface LayerDescription {
  /** The path from the model; '' for the model itself. */
  readonly path: string;
  /** The name of its class. */
  readonly type: string;
  /** The shape it gave (last), or undefined if it was not used, or gave something else than a tensor. */
  readonly outputShape: Shape | undefined;
  /** Numbers in its own parameters, not counting those of modules below it. */
  readonly parameters: number;
  /** How many of these are not frozen. */
  readonly trainable: number;
  /** Numbers in its running statistics. */
  readonly statistics: number;
}

export interface SummaryOptions {
  /** The dtype of the input; float32 unless told. */
  readonly dtype?: DType;
}

/**
 * The modules of a model with their output shapes for an input of the given shape, the batch included. Nothing is computed:
 * the model only builds its graph, and its variables stay as they are.
 */
export function describeModel(
  model: Module<unknown>,
  inputShape: Shape,
  options: SummaryOptions = {},
): LayerDescription[] {
  const modules = [...model.namedModules()];
  const shapes = outputShapes(
    model,
    modules.map(([, module]) => module),
    zeros(inputShape, options),
  );
  const owned = new Map<string, Variable[]>(modules.map(([path]) => [path, []]));
  for (const [name, variable] of Object.entries(model.namedVariables())) {
    owned.get(ownerPath(name, owned))?.push(variable);
  }
  return modules.map(([path, module]) => {
    const variables = owned.get(path) ?? [];
    const parameters = variables.filter(isParameter);
    return {
      path,
      type: module.constructor.name,
      outputShape: shapes.get(module),
      parameters: total(parameters),
      trainable: total(parameters.filter((parameter) => parameter.trainable)),
      statistics: total(variables) - total(parameters),
    };
  });
}

const total = (variables: readonly Variable[]): number =>
  variables.reduce((sum, variable) => sum + variable.size, 0);

/** The path of the module that a variable belongs to: the longest one that its name begins with. */
function ownerPath(name: string, modules: ReadonlyMap<string, unknown>): string {
  const parts = name.split('.');
  while (parts.length > 0) {
    parts.pop();
    if (modules.has(parts.join('.'))) break;
  }
  return parts.join('.');
}

/** Runs the model on `x` as a graph only, and notes what each module returns. */
function outputShapes(
  model: Module<unknown>,
  modules: readonly Module<unknown>[],
  x: Tensor,
): Map<Module<unknown>, Shape> {
  const shapes = new Map<Module<unknown>, Shape>();
  const values = new Map<Variable, Node>();
  // Assignments (running statistics, random streams) stay within this trace and are forgotten with it.
  const trace = {
    read: (variable: Variable) => values.get(variable) ?? variable.outerNode,
    assign: (variable: Variable, node: Node) => void values.set(variable, node),
  };
  // Modules call each other's `forward` directly, so each gets one of its own for the time being.
  for (const module of modules) {
    const forward = module.forward.bind(module);
    const noting = (...args: Parameters<typeof forward>): unknown => {
      const result = forward(...args);
      if (isTensor(result)) shapes.set(module, result.shape);
      return result;
    };
    Object.defineProperty(module, 'forward', { value: noting, configurable: true });
  }
  try {
    withTrace(trace, () => model.forward(x));
  } finally {
    for (const module of modules) Reflect.deleteProperty(module, 'forward');
  }
  return shapes;
}

/**
 * A table of a model's layers: output shapes for an input of the given shape (the batch included) and numbers of parameters.
 *
 * @throws ShapeError if the model does not take such an input.
 * @example
 * ```ts
 * const model = new nn.Sequential(new nn.Linear(4, 8), nn.relu, new nn.Linear(8, 2));
 * console.log(nn.summary(model, [1, 4]));
 * // Layer       Output shape  Parameters
 * // 0  Linear   [1, 8]                40
 * // 2  Linear   [1, 2]                18
 * // ...
 * ```
 */
export function summary(model: Module<unknown>, inputShape: Shape, options: SummaryOptions = {}): string {
  const layers = describeModel(model, inputShape, options);
  const [root, ...below] = layers;
  const shown = below.length === 0 && root !== undefined ? [root] : below;
  const width = Math.max(0, ...shown.map(({ path }) => path.length));
  const rows = shown.map(({ path, type, outputShape, parameters }) => [
    `${path.padEnd(width)}${width > 0 ? '  ' : ''}${type}`,
    outputShape === undefined ? '-' : formatShape(outputShape),
    count(parameters),
  ]);
  const sum = (field: 'parameters' | 'trainable' | 'statistics'): number =>
    layers.reduce((n, layer) => n + layer[field], 0);
  const [parameters, trainable, statistics] = [sum('parameters'), sum('trainable'), sum('statistics')];
  return [
    ...table([['Layer', 'Output shape', 'Parameters'], ...rows]),
    '',
    `Parameters: ${count(parameters)} (${count(trainable)} trainable, ${count(parameters - trainable)} frozen)`,
    ...(statistics > 0 ? [`Running statistics: ${count(statistics)}`] : []),
  ].join('\n');
}

const count = (n: number): string => n.toLocaleString('en-US');

/** Columns of equal width: text to the left, the last one (numbers) to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ');
  const [header = [], ...body] = rows;
  return [line(header), '-'.repeat(widths.reduce((n, w) => n + w + 2, -2)), ...body.map(line)];
}
