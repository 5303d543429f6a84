/** Reverse-mode differentiation: one walk from results to inputs (Linnainmaa 1976), and forward mode made of it twice. */
import { computeDType, isFloat } from '../core/dtype.js';
import { GradientError, InternalError } from '../core/errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import { add, barrier, cast, fill, fillLike } from './build.js';
import { GRADIENT_RULES, type GradientRule } from './gradients.js';
import { isOp, topologicalOrder, type Node, type Op } from './node.js';
import { scanGradient } from './scan-gradient.js';

/** Gradients of the items of a scan, by their index. */
type Tuple = Map<number, Node>;

/**
 * The gradient of a sum over `output` with respect to each of `wrt`; undefined where `output` does not depend on it.
 *
 * @param seed The gradient that arrives at `output`; ones unless given.
 * @throws GradientError when `output` is not of a float dtype, or the seed does not fit it.
 */
export function gradients(output: Node, wrt: readonly Node[], seed?: Node): (Node | undefined)[] {
  if (!isFloat(output.dtype)) {
    throw new GradientError(
      `only floats have gradients, and the result to differentiate is ${output.dtype}`,
      'differentiate a float result; comparisons, argmax and casts to integers end the gradient',
    );
  }
  if (seed !== undefined && (!sameShape(seed.shape, output.shape) || !isFloat(seed.dtype))) {
    throw new GradientError(
      `the gradient given for a result of shape ${formatShape(output.shape)} is ${seed.dtype} of shape ${formatShape(seed.shape)}`,
      'it must be a float tensor of the same shape',
    );
  }
  return vectorJacobian([output], [seed ?? fill(1, output.shape, output.dtype)], wrt);
}

/** The sum over several outputs of seed times Jacobian, for each of `wrt`. Outputs without a seed do not count. */
export function vectorJacobian(
  outputs: readonly Node[],
  seeds: readonly (Node | undefined)[],
  wrt: readonly Node[],
): (Node | undefined)[] {
  const order = topologicalOrder(outputs);
  const onPath = dependents(order, wrt);
  const arrived = new Map<Node, Node>();
  const tuples = new Map<Node, Tuple>();

  const accumulate = (node: Node, gradient: Node): void => {
    const before = arrived.get(node);
    arrived.set(node, before === undefined ? gradient : add(before, gradient));
  };
  outputs.forEach((output, i) => {
    const seed = seeds[i];
    if (seed !== undefined && onPath.has(output)) accumulate(output, cast(seed, computeDType(output.dtype)));
  });

  for (const node of order.reverse()) {
    if (!onPath.has(node)) continue;
    const gradient = arrived.get(node);
    if (isOp(node, 'item')) {
      if (gradient !== undefined) addItem(tuples, node, gradient);
      continue;
    }
    for (const [i, flowing] of toInputs(node, gradient, tuples.get(node), onPath).entries()) {
      const input = node.inputs[i];
      if (flowing === undefined || input === undefined || !onPath.has(input)) continue;
      if (!sameShape(flowing.shape, input.shape) || flowing.dtype !== computeDType(input.dtype)) {
        throw new GradientError(
          `the gradient of ${node.op} for its input ${i} is ${flowing.dtype} of shape ${formatShape(flowing.shape)}; the input is ${input.dtype} of shape ${formatShape(input.shape)}`,
          'a custom gradient must return one tensor of the same shape and dtype per input, or undefined',
        );
      }
      accumulate(input, flowing);
    }
  }
  return wrt.map((node) => {
    const gradient = arrived.get(node);
    return gradient === undefined ? undefined : cast(gradient, node.dtype);
  });
}

/** The nodes of `order` through which gradients can flow to `wrt`. */
function dependents(order: readonly Node[], wrt: readonly Node[]): Set<Node> {
  const found = new Set(wrt.filter((node) => isFloat(node.dtype)));
  for (const node of order) {
    const carries = isFloat(node.dtype) && node.op !== 'stopGradient';
    if (carries && node.inputs.some((input) => found.has(input))) found.add(node);
  }
  return found;
}

function addItem(tuples: Map<Node, Tuple>, item: Node<'item'>, gradient: Node): void {
  const [loop] = item.inputs;
  if (loop === undefined) throw new InternalError('an item has no tuple');
  const tuple = tuples.get(loop) ?? new Map<number, Node>();
  tuples.set(loop, tuple);
  const { index } = item.attributes;
  const before = tuple.get(index);
  tuple.set(index, before === undefined ? gradient : add(before, gradient));
}

function toInputs(
  node: Node,
  gradient: Node | undefined,
  tuple: Tuple | undefined,
  onPath: ReadonlySet<Node>,
): readonly (Node | undefined)[] {
  if (isOp(node, 'scan')) {
    const needed = node.inputs.map((input) => onPath.has(input));
    return tuple === undefined ? [] : scanGradient(node, tuple, needed, vectorJacobian);
  }
  if (gradient === undefined || isOp(node, 'item')) return [];
  const rule = GRADIENT_RULES[node.op as Exclude<Op, 'scan' | 'item'>] as GradientRule<Op>;
  return rule(gradient, node);
}

/**
 * Forward mode: how `outputs` change when `wrt` change by `directions` (a Jacobian-vector product), undefined where they
 * do not. A vector-Jacobian product is linear in its vector, so differentiating it once more, with respect to
 * that vector, gives the transposed product.
 */
export function tangents(
  outputs: readonly Node[],
  wrt: readonly Node[],
  directions: readonly Node[],
): (Node | undefined)[] {
  return outputs.map((output) => {
    if (!isFloat(output.dtype)) return undefined;
    // Any value will do: the result does not depend on it.
    const vector = barrier(fillLike(output, 0));
    const pulled = gradients(output, wrt, vector);
    const kept = pulled.flatMap((node, i) =>
      node === undefined ? [] : [{ node, direction: directions[i] }],
    );
    const [tangent] = vectorJacobian(
      kept.map(({ node }) => node),
      kept.map(({ direction }) => direction),
      [vector],
    );
    return tangent;
  });
}
