import { ArgumentError, CheckpointError, FormatError } from '../core/errors.js';
import type { SafetensorsContent, StoredArray } from '../core/safetensors.js';
import { formatShape, sameShape } from '../core/shape.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/optimizer.js';
import { defaultGenerator } from '../tensor/random.js';
import type { Variable } from '../tensor/variable.js';
import { fromJson, toJson } from './json.js';

/** What a checkpoint is made from and loaded into. */
export interface CheckpointTarget {
  readonly model: Module;
  readonly optimizer?: Optimizer;
}

/** What else a checkpoint holds. */
export interface CheckpointNotes {
  /** Where training was: what `fit` needs to go on. */
  readonly position?: unknown;
  /** How the run was set up; `fit` refuses to go on with another configuration. */
  readonly config?: unknown;
  /** Further arrays by name: what callbacks keep. */
  readonly extras?: Readonly<Record<string, StoredArray>>;
}

const FORMAT = 'tensorloom checkpoint';
const VERSION = '1';
/** More differences than this are counted, not listed. */
const LISTED = 5;
const EXTRA = 'extra.';

/** Everything that decides how training goes on, by the name it has in the file. */
function variablesOf({ model, optimizer }: CheckpointTarget): Map<string, Variable> {
  const found = new Map<string, Variable>();
  const put = (prefix: string, variables: Readonly<Record<string, Variable>>): void => {
    for (const [name, variable] of Object.entries(variables)) found.set(prefix + name, variable);
  };
  put('model.', model.namedVariables());
  if (optimizer !== undefined) {
    put('optimizer.', optimizer.namedState());
    put('random.', { default: defaultGenerator().state });
    for (const [path, stream] of Object.entries(model.namedStreams()))
      put('random.', { [`model.${path}`]: stream.state });
  }
  return found;
}

/** The content of a checkpoint file. */
export async function gatherCheckpoint(
  target: CheckpointTarget,
  notes: CheckpointNotes,
): Promise<{ arrays: [string, StoredArray][]; metadata: Record<string, string> }> {
  const arrays: [string, StoredArray][] = [];
  for (const [name, variable] of variablesOf(target)) {
    arrays.push([name, { data: await variable.data(), shape: variable.shape, dtype: variable.dtype }]);
  }
  for (const [name, array] of Object.entries(notes.extras ?? {})) arrays.push([EXTRA + name, array]);
  const { optimizer } = target;
  return {
    arrays,
    metadata: {
      format: FORMAT,
      version: VERSION,
      ...(optimizer === undefined ? {} : { optimizer: toJson({ name: optimizer.name, lr: optimizer.lr }) }),
      ...(notes.position === undefined ? {} : { position: toJson(notes.position) }),
      ...(notes.config === undefined ? {} : { config: toJson(notes.config) }),
    },
  };
}

/**
 * Puts the content of a checkpoint into a model and, if there is one, its optimizer; the random streams go with the optimizer.
 * Nothing is changed if anything does not fit.
 *
 * @throws FormatError if the file is no checkpoint.
 * @throws CheckpointError if it is that of another model or optimizer, listing the first differences.
 */
export function applyCheckpoint(
  { tensors, metadata }: SafetensorsContent,
  target: CheckpointTarget,
  file: string,
): CheckpointNotes {
  if (metadata.format !== FORMAT)
    throw new FormatError(
      `${file} is a safetensors file, but no checkpoint: its metadata do not say '${FORMAT}'`,
      'to load weights alone, use interop.loadSafetensors and model.loadState',
    );
  if (metadata.version !== VERSION)
    throw new CheckpointError(
      `${file} has checkpoint version ${metadata.version ?? 'none'}; this library reads version ${VERSION}`,
      'load it with the version of the library that wrote it',
    );
  const { optimizer } = target;
  const saved = optimizerNotes(parsed(metadata, 'optimizer', file), file);
  if (optimizer !== undefined && saved === undefined)
    throw new CheckpointError(`${file} holds a model without an optimizer`, 'load it without one');
  if (optimizer !== undefined && saved !== undefined && saved.name !== optimizer.name)
    throw new CheckpointError(
      `${file} holds the state of the optimizer ${saved.name}, but this run uses ${optimizer.name}`,
      'resume with the optimizer that the checkpoint was made with',
    );
  const variables = variablesOf(target);
  const differences = compare(variables, tensors, optimizer !== undefined);
  if (differences.length > 0)
    throw new CheckpointError(
      `${file} does not belong to this model: ${summary(differences)}`,
      'build the model with the same arguments as the saved one',
    );
  for (const [name, variable] of variables) {
    const array = tensors.get(name);
    if (array !== undefined) variable.load(array.data);
  }
  if (optimizer !== undefined && saved !== undefined) optimizer.lr = saved.lr;
  const extras = [...tensors].flatMap(([name, array]) =>
    name.startsWith(EXTRA) ? [[name.slice(EXTRA.length), array] as const] : [],
  );
  return {
    position: parsed(metadata, 'position', file),
    config: parsed(metadata, 'config', file),
    extras: Object.fromEntries(extras),
  };
}

/** What is different between the variables of a model and the arrays of a file, in words. */
function compare(
  variables: ReadonlyMap<string, Variable>,
  arrays: ReadonlyMap<string, StoredArray>,
  withOptimizer: boolean,
): string[] {
  const differences: string[] = [];
  for (const [name, { shape, dtype }] of variables) {
    const array = arrays.get(name);
    if (array === undefined) differences.push(`'${name}' is missing`);
    else if (!sameShape(array.shape, shape))
      differences.push(`'${name}' has shape ${formatShape(array.shape)} instead of ${formatShape(shape)}`);
    else if (array.dtype !== dtype) differences.push(`'${name}' is ${array.dtype} instead of ${dtype}`);
  }
  for (const name of arrays.keys()) {
    const looked = withOptimizer ? !name.startsWith(EXTRA) : name.startsWith('model.');
    if (looked && !variables.has(name)) differences.push(`'${name}' is not part of it`);
  }
  return differences;
}

function summary(differences: readonly string[]): string {
  const more = differences.length - LISTED;
  return differences.slice(0, LISTED).join('; ') + (more > 0 ? `; and ${more} more differences` : '');
}

function parsed(metadata: Readonly<Record<string, string>>, key: string, file: string): unknown {
  const text = metadata[key];
  if (text === undefined) return undefined;
  try {
    return fromJson(text);
  } catch (error) {
    throw new FormatError(`${file}: the metadata '${key}' is not JSON`, 'the checkpoint is damaged', {
      cause: error,
    });
  }
}

function optimizerNotes(value: unknown, file: string): { name: string; lr: number } | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'object' && value !== null && 'name' in value && 'lr' in value) {
    const { name, lr } = value;
    if (typeof name === 'string' && typeof lr === 'number' && lr >= 0 && lr < Infinity) return { name, lr };
  }
  throw new FormatError(
    `${file}: the metadata 'optimizer' should have a name and an lr`,
    'the checkpoint is damaged',
  );
}

/**
 * Throws unless two configurations are the same.
 *
 * @throws CheckpointError naming the first setting that differs.
 */
export function checkSameConfig(saved: unknown, present: unknown, file: string): void {
  if (saved === undefined || present === undefined) return;
  const [before, now] = [settings(saved), settings(present)];
  for (const key of new Set([...before.keys(), ...now.keys()])) {
    const [a, b] = [before.get(key), now.get(key)];
    if (a !== b)
      throw new CheckpointError(
        `${file} was made with ${key} ${a ?? 'not set'}, but this run has ${b ?? 'it not set'}`,
        'resume with the settings that the run was started with',
      );
  }
}

function settings(config: unknown): Map<string, string> {
  if (typeof config !== 'object' || config === null)
    throw new ArgumentError('a configuration must be a record of settings');
  const defined = Object.entries(config).filter(([, value]) => value !== undefined);
  return new Map(defined.map(([key, value]) => [key, toJson(value)]));
}
