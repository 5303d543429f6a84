import { GradientError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import { leavesOf, mapTree, type MapTree } from '../core/tree.js';
import { add, barrier, custom, fill, stopGradient as stop } from '../graph/build.js';
import { gradients } from '../graph/differentiate.js';
import { hasForgotten, topologicalOrder, type Node } from '../graph/node.js';
import { isTensor, Tensor } from './tensor.js';
import { isParameter, ownerOf, type Parameter } from './variable.js';

/** A tree of tensors with each tensor replaced by another. */
export type Gradients<T> = MapTree<T, Tensor, Tensor>;

function checkLoss(loss: Tensor): void {
  if (loss.size !== 1) {
    throw new GradientError(
      `grad: the loss must be a single number, got shape ${formatShape(loss.shape)}`,
      'reduce it with mean() or sum() first',
    );
  }
}

/** Zeros may mean that the loss depends on nothing it was asked about, but not that nobody knows any more. */
function checkHistory(loss: Tensor): void {
  if (!topologicalOrder([loss.node]).some(hasForgotten)) return;
  throw new GradientError(
    'grad: how the loss was computed is no longer known',
    'take gradients before the value is asked for together with updates of variables; for a chain of thousands of operations, make what you differentiate by a Parameter, or use scan()',
  );
}

function gradientsOf<T>(loss: Tensor, wrt: T): Gradients<T> {
  checkLoss(loss);
  const leaves = leavesOf(wrt, isTensor).map(([, tensor]) => tensor);
  const nodes = leaves.map((tensor) => tensor.node);
  const found = gradients(loss.node, nodes);
  if (nodes.length > 0 && found.every((node) => node === undefined)) checkHistory(loss);
  return mapTree(wrt, isTensor, (tensor, i) => new Tensor(found[i] ?? fill(0, tensor.shape, tensor.dtype)));
}

/**
 * The gradient of `loss` with respect to each tensor of a tree; zeros where it does not depend on one. The result is an
 * ordinary graph: gradients of gradients work.
 *
 * @example
 * ```ts
 * const x = tensor([1, 2, 3]);
 * await grad(x.mul(x).sum(), x).array(); // => [2, 4, 6]
 * ```
 */
export function grad<T>(loss: Tensor, wrt: T): Gradients<T>;
/**
 * The function that gives the gradient of `fn` with respect to its first argument, which may be a tree.
 *
 * @example
 * ```ts
 * const slope = grad((x: Tensor) => x.pow(3).sum());
 * await slope(tensor([1, 2])).array(); // => [3, 12]
 * ```
 */
export function grad<T, Rest extends readonly unknown[]>(
  fn: (x: T, ...rest: Rest) => Tensor,
): (x: T, ...rest: Rest) => Gradients<T>;
export function grad(
  first: Tensor | ((x: unknown, ...rest: readonly unknown[]) => Tensor),
  wrt?: unknown,
): unknown {
  if (isTensor(first)) return gradientsOf(first, wrt);
  return (x: unknown, ...rest: readonly unknown[]) => valueAndGrad(first)(x, ...rest)[1];
}

/**
 * The function that gives both the value of `fn` and its gradient with respect to the first argument.
 *
 * @example
 * ```ts
 * const [value, slope] = valueAndGrad((x: Tensor) => x.mul(x).sum())(tensor([3]));
 * await value.item(); // => 9
 * await slope.array(); // => [6]
 * ```
 */
export function valueAndGrad<T, Rest extends readonly unknown[]>(
  fn: (x: T, ...rest: Rest) => Tensor,
): (x: T, ...rest: Rest) => [Tensor, Gradients<T>] {
  return (x, ...rest) => {
    // Fresh nodes: the argument may be used elsewhere too, and twice in one tree.
    const own: unknown = mapTree(x, isTensor, (tensor: Tensor) => new Tensor(barrier(tensor.node)));
    const value = fn(own as T, ...rest);
    return [value, gradientsOf(value, own as T)];
  };
}

/**
 * Adds dL/dp to `p.grad` for every trainable {@link Parameter} that the loss depends on, as PyTorch does. Set `grad`
 * to undefined (an optimizer's `zeroGrad()`) before the next step.
 */
export function backward(loss: Tensor): void {
  checkLoss(loss);
  const parameters = new Map<Node, Parameter>();
  for (const node of topologicalOrder([loss.node])) {
    const owner = ownerOf(node);
    if (isParameter(owner) && owner.trainable) parameters.set(node, owner);
  }
  if (parameters.size === 0) checkHistory(loss);
  const nodes = [...parameters.keys()];
  gradients(loss.node, nodes).forEach((node, i) => {
    const owner = parameters.get(nodes[i] as Node);
    if (node === undefined || owner === undefined) return;
    owner.grad = new Tensor(owner.grad === undefined ? node : add(owner.grad.node, node));
  });
}

/** The same value, through which no gradient flows. */
export function stopGradient(x: Tensor): Tensor {
  return new Tensor(stop(x.node));
}

/**
 * Gives a function a gradient of the user's own. `backwardRule` gets dL/dy and the inputs, and returns dL/dx for each
 * (undefined: none).
 *
 * @example
 * ```ts
 * // Rounds, but lets gradients through as if it did not (straight-through estimator).
 * const roundThrough = customGradient((x: Tensor) => x.round(), (g) => [g]);
 * const x = tensor([1.4]);
 * await grad(roundThrough(x).sum(), x).array(); // => [1]
 * ```
 */
export function customGradient<Args extends readonly Tensor[]>(
  fn: (...args: Args) => Tensor,
  backwardRule: (gradient: Tensor, ...args: Args) => readonly (Tensor | undefined)[],
): (...args: Args) => Tensor {
  return (...args) => {
    const own = args.map((arg) => new Tensor(arg.node)) as unknown as Args;
    const result = fn(...own);
    const rule = (gradient: Node, primals: readonly Node[]): (Node | undefined)[] =>
      backwardRule(new Tensor(gradient), ...(primals.map((node) => new Tensor(node)) as unknown as Args)).map(
        (each) => each?.node,
      );
    return new Tensor(
      custom(
        result.node,
        args.map((arg) => arg.node),
        rule,
      ),
    );
  };
}

/**
 * Computes `fn` again during the backward pass instead of keeping its intermediate values (Chen et al. 2016,
 * "Training deep nets with sublinear memory cost"). Values and gradients are unchanged.
 */
export function checkpoint<Args extends readonly Tensor[]>(
  fn: (...args: Args) => Tensor,
): (...args: Args) => Tensor {
  return customGradient(fn, (gradient, ...args) => {
    // Tying the inputs to the gradient keeps the second computation from starting early or merging with the first.
    const again = args.map((arg) => new Tensor(barrier(arg.node, [gradient.node]))) as unknown as Args;
    const result = fn(...again);
    return gradients(
      result.node,
      again.map((arg) => arg.node),
      gradient.node,
    ).map((node) => (node === undefined ? undefined : new Tensor(node)));
  });
}
