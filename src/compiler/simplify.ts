/** Graph → smaller graph: one node per distinct value, identities gone, contractions in the form that kernels take. */
import { sizeOf } from '../core/shape.js';
import {
  barrier,
  binary,
  constant,
  conv,
  dot,
  expand,
  pad,
  permute,
  reduce,
  reshape,
  slice,
  sum,
  windows,
} from '../graph/build.js';
import { isOp, Node, topologicalOrder, type Attributes } from '../graph/node.js';
import { attributesKey } from '../graph/structure.js';
import { convolutionMethod } from './convolution-method.js';
import type { Setting } from './setting.js';

/** Below this many rows or columns, a contraction is cheaper as a product that is summed. */
const SMALLEST_MATRIX_SIDE = 4;
/** With more rows than this, a steady matrix is not turned beforehand. */
const MOST_TURNED_ROWS = 64;
/** A reduction to fewer results than this is cut into parts, so that threads share it. */
const FEW_ROWS = 8;
const LONG_ROW = 1 << 15;

/**
 * The nodes that compute `outputs`, simplified. Inputs (nodes for which `isLeaf` holds) stay as they are. Linear in
 * the size of the graph.
 */
export function simplify(
  outputs: readonly Node[],
  isLeaf: (node: Node) => boolean,
  setting: Setting,
): Node[] {
  const replacement = new Map<Node, Node>();
  const unique = new Map<string, Node>();
  const now = (node: Node): Node => replacement.get(node) ?? node;

  const canonical = new Set<Node>();

  /** The one node that stands for all equal ones. */
  const intern = (node: Node): Node => {
    const key = isUnique(node)
      ? `#${node.id}`
      : `${node.op}:${node.inputs.map((input) => input.id).join()}:${node.dtype}:${attributesKey(node)}`;
    const known = unique.get(key);
    if (known !== undefined) return known;
    unique.set(key, node);
    canonical.add(node);
    return node;
  };
  /** Interns what a rewrite has built on top of canonical nodes. */
  const internAll = (node: Node): Node =>
    canonical.has(node) ? node : intern(rebuild(node, node.inputs.map(internAll)));

  for (const node of pendingOrder(outputs, isLeaf)) {
    if (isLeaf(node)) canonical.add(node);
    else replacement.set(node, internAll(rewrite(rebuild(node, node.inputs.map(now)), setting)));
  }
  return outputs.map(now);
}

/** Barriers exist to stay apart; leaves are what they are. */
function isUnique(node: Node): boolean {
  return node.op === 'barrier' || node.op === 'parameter' || node.op === 'scalar' || node.op === 'buffer';
}

/** Inputs first; does not go below leaves. */
function pendingOrder(outputs: readonly Node[], isLeaf: (node: Node) => boolean): Node[] {
  return topologicalOrder(outputs, true).filter((node) => isLeaf(node) || node.value === undefined);
}

function rebuild(node: Node, inputs: readonly Node[]): Node {
  if (inputs.every((input, i) => input === node.inputs[i])) return node;
  return new Node(node.op, inputs, node.attributes, node.shape, node.dtype);
}

/** The value that every element of a node has, if that is known. */
function uniformValue(node: Node): number | undefined {
  let below = node;
  while (below.op === 'expand' || below.op === 'reshape') below = below.inputs[0] as Node;
  return isOp(below, 'constant') ? below.attributes.value : undefined;
}

function rewrite(node: Node, setting: Setting): Node {
  const [first, second] = node.inputs;
  if (first === undefined) return node;
  switch (node.op) {
    case 'stopGradient':
    case 'custom':
      return first;
    case 'reshape': {
      const below = first.op === 'reshape' ? (first.inputs[0] as Node) : first;
      return reshape(below, node.shape);
    }
    case 'permute':
      return isOp(node, 'permute') ? permutation(first, node.attributes.axes) : node;
    case 'cast':
      return first.dtype === node.dtype ? first : node;
    case 'add':
      if (uniformValue(node.inputs[1] as Node) === 0) return first;
      return uniformValue(first) === 0 ? (second as Node) : node;
    case 'sub':
      return uniformValue(second as Node) === 0 ? first : node;
    case 'mul':
      if (uniformValue(second as Node) === 1) return first;
      return uniformValue(first) === 1 ? (second as Node) : node;
    case 'div':
      return uniformValue(second as Node) === 1 ? first : divideByConstant(node, first, second as Node);
    case 'pow':
      return uniformValue(second as Node) === 2 ? binary('mul', first, first) : node;
    case 'sum':
    case 'reduceMax':
    case 'reduceMin':
      return isOp(node, node.op) ? splitReduction(node as Node<'sum'>) : node;
    case 'dot':
      return isOp(node, 'dot') ? contraction(node, setting) : node;
    case 'conv':
      return isOp(node, 'conv') ? convolution(node, setting) : node;
    default:
      return node;
  }
}

function permutation(x: Node, axes: readonly number[]): Node {
  if (!isOp(x, 'permute')) return permute(x, axes);
  const { axes: before } = x.attributes;
  return permute(
    x.inputs[0] as Node,
    axes.map((axis) => before[axis] ?? axis),
  );
}

/** x / c is x · (1/c) when 1/c is exact, that is for powers of two. */
function divideByConstant(node: Node, x: Node, divisor: Node): Node {
  const value = uniformValue(divisor);
  if (value === undefined || (node.dtype !== 'float32' && node.dtype !== 'float64')) return node;
  const exponent = Math.log2(Math.abs(value));
  if (!Number.isInteger(exponent) || Math.abs(exponent) > 100) return node;
  const shape = divisor.shape.map(() => 1);
  return binary('mul', x, expand(reshape(constant(1 / value, node.dtype), shape), divisor.shape));
}

/** A long reduction to a few numbers becomes two: parts side by side, then their combination. */
function splitReduction(node: Node<'sum'>): Node {
  const x = node.inputs[0] as Node;
  const { axes } = node.attributes;
  const length = axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);
  if (sizeOf(node.shape) >= FEW_ROWS || length < LONG_ROW) return node;
  for (const axis of axes) {
    const n = x.shape[axis] ?? 1;
    const parts = [64, 60, 56, 50, 48, 40, 32, 25, 24, 20, 16, 12, 10, 8].find((count) => n % count === 0);
    if (parts === undefined) continue;
    const cut = reshape(x, [...x.shape.slice(0, axis), parts, n / parts, ...x.shape.slice(axis + 1)]);
    const moved = axes.map((each) => (each >= axis ? each + 1 : each));
    const partial = reduce(node.op, cut, moved);
    // The parts are the only axis left that the whole reduction removes.
    const kept = axis - axes.filter((each) => each < axis).length;
    return reduce(node.op, partial, [kept]);
  }
  return node;
}

/** Matrix kernels take float32 matrices that are not slivers; everything else is a product that is summed. */
function contraction(node: Node<'dot'>, setting: Setting): Node {
  const [a, b] = node.inputs as [Node, Node];
  const { batchA, batchB, contractA, contractB } = node.attributes;
  const freeA = a.shape
    .map((_, axis) => axis)
    .filter((axis) => !batchA.includes(axis) && !contractA.includes(axis));
  const freeB = b.shape
    .map((_, axis) => axis)
    .filter((axis) => !batchB.includes(axis) && !contractB.includes(axis));
  const count = (x: Node, axes: readonly number[]): number =>
    axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);
  const sides = Math.min(count(a, freeA), count(b, freeB));
  if (
    node.dtype === 'float32' &&
    sides >= SMALLEST_MATRIX_SIDE &&
    count(a, contractA) > 0 &&
    sizeOf(node.shape) > 0
  )
    return turned(node, freeA, freeB, setting);
  const left = permute(a, [...batchA, ...freeA, ...contractA]);
  const right = permute(b, [...batchB, ...freeB, ...contractB]);
  const sizes = (x: Node, axes: readonly number[]): number[] => axes.map((axis) => x.shape[axis] ?? 1);
  const ones = (axes: readonly number[]): number[] => axes.map(() => 1);
  const full = [...sizes(a, batchA), ...sizes(a, freeA), ...sizes(b, freeB), ...sizes(a, contractA)];
  const product = binary(
    'mul',
    expand(
      reshape(left, [...sizes(a, batchA), ...sizes(a, freeA), ...ones(freeB), ...sizes(a, contractA)]),
      full,
    ),
    expand(
      reshape(right, [...sizes(a, batchA), ...ones(freeA), ...sizes(b, freeB), ...sizes(a, contractA)]),
      full,
    ),
  );
  return sum(
    product,
    contractA.map((_, i) => full.length - contractA.length + i),
  );
}

/**
 * A product with a steady matrix for columns reads it row by row of the contraction: it is turned once, instead of in every run. That is worth its memory
 * where the other side has few rows; with many, turning costs little beside the product.
 */
function turned(
  node: Node<'dot'>,
  freeA: readonly number[],
  freeB: readonly number[],
  { isSteady }: Setting,
): Node {
  const [a, b] = node.inputs as [Node, Node];
  const { batchA, batchB, contractA, contractB } = node.attributes;
  const rows = freeA.reduce((product, axis) => product * (a.shape[axis] ?? 1), 1);
  if (rows > MOST_TURNED_ROWS || isSteady(a) || !isSteady(b)) return node;
  const columns = permutation(b, [...batchB, ...contractB, ...freeB]);
  const batch = batchB.map((_, i) => i);
  return dot(a, columns.op === 'permute' ? barrier(columns) : columns, {
    batchA,
    contractA,
    batchB: batch,
    contractB: contractB.map((_, i) => batch.length + i),
  });
}

/** Kernels of Winograd's algorithm pad for themselves. For others, padding and spreading of the input become a padded tensor; slivers and other dtypes, sums over windows. */
function convolution(node: Node<'conv'>, setting: Setting): Node {
  if (convolutionMethod(node, setting) !== 'direct') return node;
  const [x, w] = node.inputs as [Node, Node];
  const { padding, inputDilation, stride, dilation, groups } = node.attributes;
  const plain: Attributes['conv'] = {
    stride,
    padding: stride.map(() => [0, 0] as const),
    dilation,
    inputDilation: stride.map(() => 1),
    groups,
  };
  if (commutesWithSpreading(node))
    return prepareInput(rewrite(conv(x, w, plain), setting), padding, inputDilation);
  const padded = prepareInput(x, padding, inputDilation);
  const [, , ...space] = node.shape;
  const columns = (node.shape[0] ?? 1) * sizeOf(space);
  const rows = (w.shape[0] ?? 1) / groups;
  if (
    node.dtype === 'float32' &&
    rows >= SMALLEST_MATRIX_SIDE &&
    columns >= SMALLEST_MATRIX_SIDE &&
    sizeOf(node.shape) > 0
  ) {
    return conv(padded, w, plain);
  }
  return windowedSum(padded, w, plain);
}

/** Where zeros stand between the elements of its input, a sum over nothing but channels is 0: the sums of the elements, spread, are the same. */
function commutesWithSpreading(node: Node<'conv'>): boolean {
  const { stride, inputDilation } = node.attributes;
  const [, , ...kernel] = (node.inputs[1] as Node).shape;
  return inputDilation.some((n) => n > 1) && [...kernel, ...stride].every((n) => n === 1);
}

/** Pads a tensor, or cuts it where padding is negative, and spreads it. */
function prepareInput(
  x: Node,
  padding: Attributes['conv']['padding'],
  inputDilation: readonly number[],
): Node {
  const low = [0, 0, ...padding.map(([before]) => Math.max(0, before))];
  const high = [0, 0, ...padding.map(([, after]) => Math.max(0, after))];
  const spread = pad(x, low, high, [0, 0, ...inputDilation.map((by) => by - 1)]);
  const start = [0, 0, ...padding.map(([before]) => Math.max(0, -before))];
  const stop = spread.shape.map(
    (n, axis) => n - (axis < 2 ? 0 : Math.max(0, -(padding[axis - 2]?.[1] ?? 0))),
  );
  return slice(spread, start, stop);
}

/** Σ over channels and kernel of window · weight. */
function windowedSum(x: Node, w: Node, { stride, dilation, groups }: Attributes['conv']): Node {
  const dims = stride.length;
  const [batch = 1, channels = 1] = x.shape;
  const [out = 1, perGroup = 1, ...kernel] = w.shape;
  let view = x;
  for (let i = 0; i < dims; i++)
    view = windows(view, 2 + 2 * i, kernel[i] ?? 1, stride[i] ?? 1, dilation[i] ?? 1);
  const positions = kernel.map((_, i) => view.shape[2 + 2 * i] ?? 1);
  // [N, C, o, k, o, k, …] → [N, groups, 1, o…, C/groups, k…]
  view = permute(view, [0, ...kernel.map((_, i) => 2 + 2 * i), 1, ...kernel.map((_, i) => 3 + 2 * i)]);
  view = reshape(view, [batch, ...positions, groups, channels / groups, ...kernel]);
  view = permute(view, [
    0,
    dims + 1,
    ...positions.map((_, i) => i + 1),
    dims + 2,
    ...kernel.map((_, i) => dims + 3 + i),
  ]);
  const full = [batch, groups, out / groups, ...positions, perGroup, ...kernel];
  const left = expand(reshape(view, [batch, groups, 1, ...positions, perGroup, ...kernel]), full);
  const right = expand(
    reshape(w, [1, groups, out / groups, ...positions.map(() => 1), perGroup, ...kernel]),
    full,
  );
  const total = sum(
    binary('mul', left, right),
    Array.from({ length: dims + 1 }, (_, i) => 3 + dims + i),
  );
  return reshape(total, [batch, out, ...positions]);
}
