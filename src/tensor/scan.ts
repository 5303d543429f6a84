/** Loops that are one operation of the graph, however many steps they take. */
import { ArgumentError, ShapeError } from '../core/errors.js';
import { formatShape, sameShape, type Shape } from '../core/shape.js';
import { leavesOf, mapTree, type MapTree } from '../core/tree.js';
import * as g from '../graph/build.js';
import { topologicalOrder, type Node, type Op } from '../graph/node.js';
import { substitute } from '../graph/substitute.js';
import { isolate } from './isolate.js';
import { isTensor, Tensor } from './tensor.js';

export interface ScanOptions {
  /** From the last step to the first; sequences are read, and results stacked, at the step's own position. */
  readonly reverse?: boolean;
  /** The number of steps, where there are no sequences to tell it. */
  readonly length?: number;
}

type Step<S extends Shape> = S extends readonly [number, ...infer Rest extends Shape] ? Rest : Shape;

/** One step's slice of each tensor of a tree. */
export type StepOf<T> =
  T extends Tensor<infer S>
    ? Tensor<Step<S>>
    : T extends undefined
      ? undefined
      : { [K in keyof T]: StepOf<T[K]> };

type AnyShape<T> = T extends undefined ? undefined : MapTree<T, Tensor, Tensor>;

const tensorsOf = (tree: unknown): Tensor[] =>
  tree === undefined ? [] : leavesOf(tree, isTensor).map(([, tensor]) => tensor);

/** The paths of a tree's leaves; equal lists, equal structure. */
const structureOf = (tree: unknown): string =>
  leavesOf(tree, isTensor)
    .map(([path]) => path)
    .join();

function replaceTensors(tree: unknown, replace: (tensor: Tensor, i: number) => Tensor): unknown {
  return tree === undefined ? undefined : mapTree(tree, isTensor, replace);
}

/**
 * Runs `fn` once for each position along the first axis of `sequences`: `[carry, output] = fn(carry, slice)`. Gives the
 * last carry and the outputs stacked along a new first axis. The function is described once; the loop is one operation,
 * with a gradient, so recurrent layers of any length compile quickly. Carry, sequences and outputs are trees of tensors
 * (or undefined); tensors of the surroundings may be used inside.
 *
 * @throws ShapeError if sequences differ in length, or the carry changes its shape, dtype or structure.
 * @example
 * ```ts
 * const sums = (total: Tensor, x: Tensor): [Tensor, Tensor] => [total.add(x), total.add(x)];
 * const [total, running] = scan(sums, zeros([]), tensor([1, 2, 3]));
 * await total.item(); // => 6
 * await running.array(); // => [1, 3, 6]
 * ```
 */
export function scan<Carry, Sequences, Output>(
  fn: (carry: Carry, step: StepOf<Sequences>) => readonly [AnyShape<NoInfer<Carry>>, Output],
  init: Carry,
  sequences: Sequences,
  options: ScanOptions = {},
): [AnyShape<Carry>, AnyShape<Output>] {
  const carries = tensorsOf(init);
  const inputs = tensorsOf(sequences);
  const length = lengthOf(inputs, options.length);

  const formals: Node<'parameter'>[] = [];
  const formal = (shape: Shape, { dtype }: Tensor): Tensor => {
    const node = g.parameter(formals.length, shape, dtype);
    formals.push(node);
    return new Tensor(node);
  };
  const { result, assigned } = isolate(() => {
    const carry = replaceTensors(init, (tensor) => formal(tensor.shape, tensor)) as Carry;
    const step = replaceTensors(sequences, (tensor) =>
      formal(tensor.shape.slice(1), tensor),
    ) as StepOf<Sequences>;
    return fn(carry, step);
  });
  for (const variable of assigned.keys()) {
    throw new ArgumentError(
      `scan: the body assigns a variable of shape ${formatShape(variable.shape)}, which a loop cannot do`,
      'thread the value through the carry; draw random numbers before the loop, and pass them as a sequence',
    );
  }
  const [next, output] = result;
  checkCarry(init, next);
  const outputs = tensorsOf(output);
  const results = [...tensorsOf(next), ...outputs].map((tensor) => tensor.node);
  const { body, constants } = close(results, formals);
  const nodes = g.scan(
    body,
    { carries: carries.map((each) => each.node), sequences: inputs.map((each) => each.node), constants },
    length,
    options.reverse ?? false,
  );
  const last = replaceTensors(init, (_, i) => new Tensor(nodes[i]));
  const stacked = replaceTensors(output, (_, i) => new Tensor(nodes[carries.length + i]));
  return [last as AnyShape<Carry>, stacked as AnyShape<Output>];
}

function lengthOf(sequences: readonly Tensor[], given: number | undefined): number {
  let length = given;
  for (const { shape } of sequences) {
    const [n] = shape;
    if (n === undefined)
      throw new ShapeError('scan: a scalar is no sequence', 'sequences need a first axis, the one of steps');
    length ??= n;
    if (n !== length) {
      throw new ShapeError(
        `scan: a sequence of shape ${formatShape(shape)} has ${n} steps where ${length} are expected`,
        'the first axis of all sequences must be equally long',
      );
    }
  }
  if (length === undefined || !Number.isInteger(length) || length < 0)
    throw new ArgumentError(
      `scan: the number of steps is ${String(length)}`,
      'pass sequences, or { length } as an integer of at least 0',
    );
  return length;
}

function checkCarry(before: unknown, after: unknown): void {
  if (before !== undefined && structureOf(before) !== structureOf(after)) {
    throw new ShapeError(
      `scan: the carry begins with leaves [${structureOf(before)}] and a step returns [${structureOf(after)}]`,
      'return [carry, output] with a carry of the same structure',
    );
  }
  const returned = tensorsOf(after);
  tensorsOf(before).forEach((tensor, i) => {
    const other = returned[i];
    if (other === undefined || !sameShape(other.shape, tensor.shape) || other.dtype !== tensor.dtype) {
      throw new ShapeError(
        `scan: leaf ${i} of the carry begins as ${tensor.dtype} ${formatShape(tensor.shape)} and a step returns ${other === undefined ? 'nothing' : `${other.dtype} ${formatShape(other.shape)}`}`,
        'the carry must keep its shape and dtype: begin with what a step returns',
      );
    }
  });
}

/** Leaves that may stand in a body as they are, and movement that costs nothing there. */
const LITERAL: ReadonlySet<Op> = new Set<Op>(['constant', 'iota']);
const FREE: ReadonlySet<Op> = new Set<Op>(['expand', 'reshape']);

/**
 * Closes a body over its parameters: what it uses of its surroundings becomes a constant input of the loop. Stretching
 * stays inside, so that a bias is carried in its own size.
 */
function close(
  results: readonly Node[],
  formals: readonly Node<'parameter'>[],
): { body: { parameters: Node<'parameter'>[]; results: Node[] }; constants: Node[] } {
  const inside = new Set<Node>(formals);
  const order = topologicalOrder(results, true);
  for (const node of order) if (node.inputs.some((input) => inside.has(input))) inside.add(node);

  const replacements = new Map<Node, Node>();
  const parameters = [...formals];
  const constants: Node[] = [];
  const lift = (node: Node): void => {
    if (inside.has(node) || replacements.has(node) || LITERAL.has(node.op)) return;
    const [input] = node.inputs;
    if (FREE.has(node.op) && node.value === undefined && input !== undefined) {
      lift(input);
      return;
    }
    const parameter = g.parameter(parameters.length, node.shape, node.dtype);
    parameters.push(parameter);
    constants.push(node);
    replacements.set(node, parameter);
  };
  for (const node of order) if (inside.has(node)) node.inputs.forEach(lift);
  results.forEach(lift);
  return { body: { parameters, results: substitute(results, replacements) }, constants };
}
