import { allocate } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import { barrier, buffer, placeholder } from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { LruCache } from '../runtime/lru-cache.js';
import { currentDevice } from '../runtime/devices.js';
import {
  advance,
  inputValue,
  programFor,
  programKey,
  runProgram,
  settle,
  takeSpare,
  valueIn,
} from '../runtime/runtime.js';
import type { ProgramGraph } from '../runtime/device.js';
import { DeviceStorage, HostStorage, setValue, type AnyStorage } from '../runtime/storage.js';
import { structureOf } from '../graph/structure.js';
import { realize } from './realize.js';
import { isTensor, Tensor } from './tensor.js';
import { activeTrace, withTrace, type Trace } from './trace.js';
import type { Variable } from './variable.js';

/** Signatures (shapes, dtypes, other arguments) remembered per compiled function. */
const SIGNATURE_LIMIT = 64;

/** Where an input of the program comes from at each call. */
type Source =
  | { readonly kind: 'argument'; readonly index: number }
  | { readonly kind: 'variable'; readonly variable: Variable }
  | { readonly kind: 'captured'; readonly node: Node };

/** A function after tracing: the program and how to feed it. */
interface Compiled {
  readonly key: string;
  readonly graph: ProgramGraph;
  /** Where each of the graph's inputs comes from. */
  readonly inputs: readonly Source[];
  /** For each output node: the variables that take it as their value. */
  readonly assigns: readonly (readonly Variable[])[];
  readonly results: readonly Node[];
  readonly returned: unknown;
  readonly isResult: readonly boolean[];
  /** What the function has read besides tensors, and the values it found. */
  readonly assumptions: readonly { readonly read: () => unknown; readonly value: unknown }[];
}

const stillHolds = ({ assumptions }: Compiled): boolean =>
  assumptions.every(({ read, value }) => read() === value);

/** For each compiled function: how it was traced, for arguments like these, or when it was last called if there are none. */
const compiledFunctions = new WeakMap<object, (args: readonly unknown[]) => Compiled | undefined>();

/**
 * Turns a function of tensors into one program per signature: the graph is built at the first call only, and each
 * call is one dispatch. Variables assigned inside are updated in place. Arguments that are not tensors are part of
 * the signature; plain numbers used inside are fixed when the function is traced, except those that live in cells
 * (an optimizer's learning rate). What is computed from variables that it does not assign, and from tensors that are
 * no arguments, is kept and computed again when they have changed; results are written by every call.
 *
 * @example
 * ```ts
 * const square = compile((x: Tensor) => x.mul(x));
 * await square(tensor([1, 2, 3])).array(); // => [1, 4, 9]
 * ```
 */
export function compile<Args extends readonly unknown[], Result>(
  fn: (...args: Args) => Result,
): (...args: Args) => Result {
  const cache = new LruCache<string, Compiled[]>(SIGNATURE_LIMIT);
  const entryFor = (args: Args): Compiled => {
    const signature = `${currentDevice().name}:${signatureOf(args)}`;
    let entries = cache.get(signature);
    if (entries === undefined) cache.set(signature, (entries = []));
    let entry = entries.find(stillHolds);
    if (entry === undefined) entries.push((entry = traceFunction(fn, args)));
    return entry;
  };
  const compiled = (...args: Args): Result => {
    // Inside another trace the outer program takes everything in.
    if (activeTrace() !== undefined) return fn(...args);
    const tensors = tensorsIn(args);
    return run(entryFor(args), tensors) as Result;
  };
  compiledFunctions.set(compiled, (args) =>
    args.length === 0 ? cache.list().at(-1)?.at(-1) : entryFor(args as unknown as Args),
  );
  return compiled;
}

/** A compiled function as `inspect` sees it. */
export interface TracedFunction {
  readonly graph: ProgramGraph;
  /** The values of the graph's inputs now; zeros for arguments that are not known. */
  readonly inputs: () => readonly AnyStorage[];
}

export const isCompiled = (value: object): boolean => compiledFunctions.has(value);

/** A compiled function, as traced for `args`, or when it was last called if there are none; undefined if it has not been called. */
export function tracedFunction(compiled: object, args: readonly unknown[]): TracedFunction | undefined {
  const entry = compiledFunctions.get(compiled)?.(args);
  if (entry === undefined) return undefined;
  const tensors = tensorsIn(args);
  return { graph: entry.graph, inputs: () => inputsOf(entry, tensors) };
}

function tensorsIn(args: readonly unknown[]): Tensor[] {
  const found: Tensor[] = [];
  for (const arg of args) visitTensors(arg, found);
  return found;
}

function visitTensors(value: unknown, found: Tensor[]): void {
  if (isTensor(value)) found.push(value);
  else if (isTree(value)) for (const child of Object.values(value)) visitTensors(child, found);
}

/** Plain arrays and records are looked into; models and other objects are not. */
function isTree(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

const objectIds = new WeakMap<object, number>();
let nextObjectId = 0;

function signatureOf(value: unknown): string {
  if (isTensor(value)) return `${value.dtype}[${value.shape.join()}]`;
  if (isTree(value)) {
    return `{${Object.entries(value)
      .map(([key, child]) => `${key}:${signatureOf(child)}`)
      .join()}}`;
  }
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
    let id = objectIds.get(value);
    if (id === undefined) objectIds.set(value, (id = nextObjectId++));
    return `#${id}`;
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function replaceTensors(value: unknown, replace: (tensor: Tensor) => unknown): unknown {
  if (isTensor(value)) return replace(value);
  if (Array.isArray(value)) return value.map((child) => replaceTensors(child, replace));
  if (isTree(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [key, replaceTensors(child, replace)]),
    );
  }
  return value;
}

function traceFunction<Args extends readonly unknown[]>(
  fn: (...args: Args) => unknown,
  args: Args,
): Compiled {
  const sources = new Map<Node, Source>();
  let count = 0;
  const formal = replaceTensors(args, (tensor) => {
    const node = placeholder(tensor.shape, tensor.dtype);
    sources.set(node, { kind: 'argument', index: count++ });
    return new Tensor(node);
  }) as Args;

  const initial = new Map<Variable, Node>();
  const present = new Map<Variable, Node>();
  const assumptions: { read: () => unknown; value: unknown }[] = [];
  const trace: Trace = {
    read(variable) {
      let node = present.get(variable);
      if (node === undefined) {
        node = placeholder(variable.shape, variable.dtype);
        initial.set(variable, node);
        present.set(variable, node);
        sources.set(node, { kind: 'variable', variable });
      }
      return node;
    },
    assign(variable, node) {
      present.set(variable, node);
    },
    assume(read, value) {
      assumptions.push({ read, value });
    },
  };
  const returned = withTrace(trace, () => fn(...formal));
  // A function may return variables too: read them while the trace knows them.
  const nodes = new Map<Tensor, Node>();
  const resultTensors: Tensor[] = [];
  visitTensors(returned, resultTensors);
  withTrace(trace, () => {
    for (const tensor of resultTensors) nodes.set(tensor, tensor.node);
  });
  const results = resultTensors.map((tensor) => nodes.get(tensor) as Node);

  const takers = new Map<Node, Variable[]>();
  for (const [variable, assigned] of present) {
    if (initial.get(variable) === assigned) continue;
    // A value from outside is copied: the variable's memory is its own.
    const node = assigned.value === undefined ? assigned : barrier(assigned);
    takers.set(node, [...(takers.get(node) ?? []), variable]);
  }
  const outputs = [...new Set([...results, ...takers.keys()])].filter((node) => node.value === undefined);
  const { key, inputs: inputNodes, scalars } = structureOf(outputs);
  const inputs = inputNodes.map((node): Source => sources.get(node) ?? { kind: 'captured', node });
  const wanted = new Set(results);
  const isResult = outputs.map((node) => wanted.has(node));
  const assigns = outputs.map((node) => takers.get(node) ?? []);
  const overwrites = overwritesOf(inputs, assigns, isResult);
  const steady = inputs.map((source) =>
    isSteady(source, (variable) => present.get(variable) === initial.get(variable)),
  );
  const graph = { inputs: inputNodes, scalars, outputs, overwrites, steady };
  return { key: programKey(key, graph), graph, inputs, assigns, results, returned, isResult, assumptions };
}

/** Arguments differ from call to call; variables stay what they are unless the function itself assigns them. */
function isSteady(source: Source, isKept: (variable: Variable) => boolean): boolean {
  switch (source.kind) {
    case 'argument':
      return false;
    case 'variable':
      return isKept(source.variable);
    case 'captured':
      return true;
  }
}

/** An output may overwrite the variable that it becomes the value of, unless the caller gets it too. */
function overwritesOf(
  inputs: readonly Source[],
  assigns: readonly (readonly Variable[])[],
  isResult: readonly boolean[],
): (number | undefined)[] {
  const numbers = new Map<Variable, number>();
  inputs.forEach((source, i) => {
    if (source.kind === 'variable') numbers.set(source.variable, i);
  });
  return assigns.map(([variable, ...others], i) =>
    variable === undefined || others.length > 0 || isResult[i] === true ? undefined : numbers.get(variable),
  );
}

/** The values of the program's inputs; zeros in the place of arguments that are missing. */
function inputsOf(entry: Compiled, args: readonly Tensor[]): AnyStorage[] {
  // Pending work first: it may be what the arguments are made of, or what variables are waiting for.
  const unknown = args.map((tensor) => tensor.node);
  for (const source of entry.inputs)
    if (source.kind === 'variable' && source.variable.memory().shared)
      unknown.push(source.variable.outerNode);
  realize(unknown);
  return entry.inputs.map((source, i): AnyStorage => {
    switch (source.kind) {
      case 'argument': {
        const argument = args[source.index];
        if (argument !== undefined) return inputValue(argument.node);
        const { dtype, shape } = entry.graph.inputs[i] as Node;
        return new HostStorage(dtype, allocate(dtype, sizeOf(shape)));
      }
      case 'variable':
        return valueIn(source.variable.memory().slot);
      case 'captured':
        return inputValue(source.node);
    }
  });
}

function run(entry: Compiled, args: readonly Tensor[]): unknown {
  const values = inputsOf(entry, args);
  const { graph } = entry;
  // What cannot be compiled is found out before memory is taken.
  programFor(entry.key, graph);
  const { memory } = currentDevice();
  // Variables that take a result's place over.
  const owners = entry.assigns.map(([variable], i) =>
    entry.isResult[i] === true ? undefined : variable?.memory(),
  );
  const places = graph.outputs.map((node, i) => {
    const owner = owners[i];
    if (owner === undefined) return memory.allocate(node.dtype, sizeOf(node.shape));
    const { slot, shared } = owner;
    const inPlace =
      graph.overwrites[i] !== undefined &&
      !shared &&
      slot.current instanceof DeviceStorage &&
      slot.current.memory === memory;
    if (!inPlace) return takeSpare(slot, node);
    const place = slot.current as DeviceStorage;
    place.version++;
    return place;
  });
  const slots = owners.map((owner) => owner?.slot);
  runProgram(entry.key, graph, values, places, slots);

  const known = new Map<Node, Node>();
  graph.outputs.forEach((output, i) => {
    const place = places[i] as DeviceStorage;
    const [first, ...others] = entry.assigns[i] ?? [];
    const slot = slots[i];
    const value = slot === undefined ? settle(place) : place;
    if (slot !== undefined) {
      advance(slot, place);
      first?.updated();
    } else if (first !== undefined) first.receive(value);
    for (const variable of others) variable.receive(value);
    if (entry.isResult[i] === true) {
      const node = buffer(value, output.shape);
      setValue(node, value);
      known.set(output, node);
    }
  });
  let next = 0;
  return replaceTensors(entry.returned, () => {
    const node = entry.results[next++] as Node;
    return new Tensor(known.get(node) ?? node);
  });
}
