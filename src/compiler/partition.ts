/** Which values get memory of their own; everything else is computed where it is used. */
import { sizeOf } from '../core/shape.js';
import { isOp, type Node, type Op } from '../graph/node.js';
import { isElementwise } from './lower.js';

/** Expressions up to this cost are computed again rather than stored, when kernels of different spaces use them. */
const CHEAP = 6;
/** Longest chain of operations inlined into one expression; kernels of several members go that many times deeper, by recursion. */
const DEEPEST = 32;
/** Most operations (shared ones counted at each use) inlined into one expression. */
const LARGEST = 400;

/** Rough costs of operations, in vector instructions; 1 unless listed. */
export const COSTS: Readonly<Partial<Record<Op, number>>> = {
  exp: 10,
  expm1: 12,
  log: 10,
  log1p: 12,
  sin: 14,
  cos: 14,
  tan: 20,
  atan: 14,
  tanh: 14,
  sigmoid: 14,
  erf: 16,
  pow: 30,
  atan2: 20,
  mod: 6,
  sqrt: 4,
  div: 3,
  random: 40,
  gather: 3,
  cast: 0.5,
};

const REDUCTIONS: ReadonlySet<Op> = new Set([
  'sum',
  'prod',
  'reduceMax',
  'reduceMin',
  'argmax',
  'argmin',
] satisfies Op[]);
/** Reductions that give an element, or say where it is. */
const EXTREMES: ReadonlySet<Op> = new Set(['reduceMax', 'reduceMin', 'argmax', 'argmin'] satisfies Op[]);
const COMPARISONS: ReadonlySet<Op> = new Set(['eq', 'ne', 'lt', 'le'] satisfies Op[]);
/** Computed by kernels of their own kind. */
const SPECIAL: ReadonlySet<Op> = new Set([
  'dot',
  'conv',
  'scatterAdd',
  'cumsum',
  'argsort',
  'item',
  'scan',
] satisfies Op[]);
const MOVEMENTS: ReadonlySet<Op> = new Set([
  'reshape',
  'permute',
  'expand',
  'slice',
  'flip',
  'window',
] satisfies Op[]);

export const isReduction = (node: Node): boolean => REDUCTIONS.has(node.op);
export const isSpecial = (node: Node): boolean => SPECIAL.has(node.op);

/** The axes that a reduction folds. */
export function reducedAxes(node: Node): readonly number[] {
  if (isOp(node, 'argmax') || isOp(node, 'argmin')) return [node.attributes.axis];
  return (node as Node<'sum'>).attributes.axes;
}

/** Points of a node's loop: those of what it reduces, or its own. */
export function iterationSize(node: Node): number {
  return sizeOf(isReduction(node) ? (node.inputs[0] as Node).shape : node.shape);
}

/** The node below a chain of movements; one that has its value already is not looked behind. */
export function baseOf(node: Node): Node {
  let base = node;
  while (MOVEMENTS.has(base.op) && base.value === undefined) base = base.inputs[0] as Node;
  return base;
}

interface Weight {
  readonly cost: number;
  readonly depth: number;
  readonly size: number;
}

/**
 * The nodes that get memory. `order` holds the simplified graph, inputs before consumers. `isView` says whether a node is a
 * strided view of the memory of `baseOf(node)`.
 */
export function chooseStored(
  order: readonly Node[],
  outputs: readonly Node[],
  isLeaf: (node: Node) => boolean,
  isView: (node: Node) => boolean,
): Set<Node> {
  const stored = new Set<Node>();
  const store = (node: Node): void => {
    if (!isLeaf(node)) stored.add(node);
  };
  for (const output of outputs) store(output);
  for (const node of order) {
    if (isLeaf(node)) continue;
    if (isReduction(node) || (isSpecial(node) && node.op !== 'scan')) store(node);
    if (isOp(node, 'dot') || isOp(node, 'conv')) {
      for (const operand of node.inputs) {
        store(baseOf(operand));
        if (!isView(operand)) store(operand);
      }
    }
    if (node.op === 'gather' && isElementwise(baseOf(node.inputs[0] as Node)))
      store(baseOf(node.inputs[0] as Node));
    if (node.op === 'argsort' || node.op === 'scan') for (const input of node.inputs) store(input);
  }
  storeCompared(order, store);
  storeHeavy(order, stored, isLeaf);
  storeShared(order, stored, isLeaf);
  return stored;
}

/**
 * Elements that are compared with their extreme, as in its gradient, must be the very numbers that it was found among. Computed in two kernels they may
 * differ in the last bit, and then no element is the largest: two functions multiplied share a division where neither is used by itself.
 */
function storeCompared(order: readonly Node[], store: (node: Node) => void): void {
  const basesOf = (ops: ReadonlySet<Op>): Node[] =>
    order.filter(({ op }) => ops.has(op)).flatMap(({ inputs }) => inputs.map(baseOf));
  const ranked = new Set(basesOf(EXTREMES));
  if (ranked.size === 0) return;
  for (const base of basesOf(COMPARISONS)) if (ranked.has(base) && isElementwise(base)) store(base);
}

/** Cuts expressions that grow too deep or too large. */
function storeHeavy(order: readonly Node[], stored: Set<Node>, isLeaf: (node: Node) => boolean): void {
  const weights = new Map<Node, Weight>();
  for (const node of order) {
    const weight = weigh(node, stored, isLeaf, weights);
    if ((weight.depth > DEEPEST || weight.size > LARGEST) && !isLeaf(node) && node.op !== 'scan')
      stored.add(node);
    weights.set(node, weight);
  }
}

const NOTHING: Weight = { cost: 0, depth: 0, size: 0 };

function weigh(
  node: Node,
  stored: ReadonlySet<Node>,
  isLeaf: (node: Node) => boolean,
  weights: ReadonlyMap<Node, Weight>,
): Weight {
  if (isLeaf(node)) return NOTHING;
  let cost = isElementwise(node) ? (COSTS[node.op] ?? 1) : (COSTS[node.op] ?? 0);
  let depth = 0;
  let size = 1;
  for (const input of node.inputs) {
    if (stored.has(input)) {
      cost += 0.5;
      continue;
    }
    const below = weights.get(input) ?? NOTHING;
    cost += below.cost;
    depth = Math.max(depth, below.depth + 1);
    size += below.size;
  }
  return { cost, depth, size };
}

/** What several loops use is stored, unless it is cheap or the loops can become one. */
function storeShared(order: readonly Node[], stored: Set<Node>, isLeaf: (node: Node) => boolean): void {
  const weights = new Map<Node, Weight>();
  for (const node of order) weights.set(node, weigh(node, stored, isLeaf, weights));

  /** For each inlined node, the sizes of the loops that it would be computed in. */
  const loops = new Map<Node, Set<string>>();
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i] as Node;
    if (isLeaf(node)) continue;
    const cost = weights.get(node)?.cost ?? 0;
    const uses = loops.get(node);
    if (!stored.has(node) && node.op !== 'scan' && cost > CHEAP && uses !== undefined && uses.size > 1)
      stored.add(node);
    const isRoot = stored.has(node) || node.op === 'scan';
    const own = isRoot
      ? new Set([isReduction(node) || !isSpecial(node) ? String(iterationSize(node)) : `#${node.id}`])
      : (uses ?? new Set<string>());
    for (const input of node.inputs) {
      if (isLeaf(input) || stored.has(input)) continue;
      // Of windows of windows, what lies below them is stored: each of them is as many times as large as it.
      const isWindowed = input.op === 'window' && repeats(input, input.inputs[0] as Node);
      if (repeats(node, input) && !isWindowed && (weights.get(input)?.cost ?? 0) > CHEAP) {
        stored.add(input);
        continue;
      }
      let target = loops.get(input);
      if (target === undefined) loops.set(input, (target = new Set()));
      for (const loop of own) target.add(loop);
    }
  }
}

/** Whether computing `input` inside `consumer` would compute the same element many times over, in a place where it cannot be hoisted. */
function repeats(consumer: Node, input: Node): boolean {
  if (isOp(consumer, 'window')) return consumer.attributes.size > consumer.attributes.stride;
  if (consumer.op === 'gather') return consumer.inputs[0] === input;
  if (consumer.op !== 'expand') return false;
  // Stretching inner axes leaves the value constant along inner loops; stretching outer ones computes it again in each.
  const firstStretched = consumer.shape.findIndex((n, axis) => n !== input.shape[axis]);
  return input.shape.some((n, axis) => axis > firstStretched && n > 1);
}
