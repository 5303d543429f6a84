import type { DType } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';

/** A binding between a plain number and its use in graphs: programs read it anew at each run. */
export interface Cell {
  value: number;
}

/** Where a computed value lives. Devices know more about it; the graph only needs to carry it. */
export interface Storage {
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;
}

/** How the loop of a `scan` computes one step. Its graph hangs off `parameter` nodes and nothing else. */
export interface ScanBody {
  /** One node per carry, then per sequence (one step's slice), then per constant; the order of the scan's inputs. */
  readonly parameters: readonly Node<'parameter'>[];
  /** The next carries, then what is stacked along a new first axis. */
  readonly results: readonly Node[];
}

/** The gradient that a user gives for a function: from dL/dy to dL/dx of each input (undefined: none). */
export type CustomRule = (gradient: Node, primals: readonly Node[]) => readonly (Node | undefined)[];

interface Nothing {
  readonly [key: string]: never;
}

interface ReduceAttributes {
  /** Sorted; these axes disappear from the result. */
  readonly axes: readonly number[];
}

interface AxisAttribute {
  readonly axis: number;
}

/** Operation → the attributes that are part of its identity. The list of primitives: everything else is composed of these. */
export interface Attributes {
  // Leaves
  /** A value that exists already (`node.value`), or a program's input. */
  buffer: Nothing;
  /** A number that is part of the program. Shape []. */
  constant: { readonly value: number };
  /** A number read at run time, not part of the program's identity. Shape []. */
  scalar: { readonly cell: Cell };
  /** 0, 1, …, n-1 (int32). Shape [n]. */
  iota: { readonly length: number };
  /** A formal parameter of a scan body. */
  parameter: { readonly index: number };
  /** Random uint32 words: Threefry of (key, flat index). Input: key, uint32 [2]. */
  random: { readonly shape: Shape };

  // Element-wise, one input
  neg: Nothing;
  abs: Nothing;
  /** -1, 0 or 1; 0 for NaN. */
  sign: Nothing;
  floor: Nothing;
  ceil: Nothing;
  /** To the nearest integer, halves to even. */
  round: Nothing;
  trunc: Nothing;
  sqrt: Nothing;
  exp: Nothing;
  expm1: Nothing;
  log: Nothing;
  log1p: Nothing;
  sin: Nothing;
  cos: Nothing;
  tan: Nothing;
  atan: Nothing;
  tanh: Nothing;
  sigmoid: Nothing;
  erf: Nothing;
  /** Logical not of bool, bitwise not of integers. */
  not: Nothing;
  /** Floats to integers truncate towards zero and saturate (NaN gives 0); to narrower integers wraps; to bool is != 0. */
  cast: { readonly dtype: DType };
  /** The same bits as another dtype of the same size. */
  bitcast: { readonly dtype: DType };

  // Element-wise, two inputs of one shape and dtype
  add: Nothing;
  sub: Nothing;
  mul: Nothing;
  /** Integers truncate towards zero; x / 0 is 0 for integers. */
  div: Nothing;
  /** The remainder with the sign of the dividend, as C's fmod and %; x mod 0 is 0 for integers, NaN for floats. */
  mod: Nothing;
  pow: Nothing;
  /** NaN if either is NaN. */
  max: Nothing;
  min: Nothing;
  atan2: Nothing;
  eq: Nothing;
  ne: Nothing;
  lt: Nothing;
  le: Nothing;
  and: Nothing;
  or: Nothing;
  xor: Nothing;
  shl: Nothing;
  /** Arithmetic for int32, logical for uint32. */
  shr: Nothing;

  // Element-wise, three inputs: condition (bool), then, else
  where: Nothing;

  // Reductions
  sum: ReduceAttributes;
  prod: ReduceAttributes;
  reduceMax: ReduceAttributes;
  reduceMin: ReduceAttributes;
  /** The index of the first largest element (int32); NaN counts as largest. */
  argmax: AxisAttribute;
  argmin: AxisAttribute;

  // Movement
  reshape: { readonly shape: Shape };
  /** Axis i of the result is axis `axes[i]` of the input. */
  permute: { readonly axes: readonly number[] };
  /** Same rank; axes of size 1 stretch. */
  expand: { readonly shape: Shape };
  /** `interior` elements of `value` between neighbours, `low` before and `high` after. All non-negative. */
  pad: {
    readonly low: readonly number[];
    readonly high: readonly number[];
    readonly interior: readonly number[];
    readonly value: number;
  };
  /** start <= i < stop in steps of `step` (at least 1), per axis. */
  slice: {
    readonly start: readonly number[];
    readonly stop: readonly number[];
    readonly step: readonly number[];
  };
  flip: { readonly axes: readonly number[] };
  concat: AxisAttribute;
  /** Sliding windows: the axis of size n becomes two, positions then offsets: y[…, o, k, …] = x[…, o·stride + k·dilation, …]. */
  window: {
    readonly axis: number;
    readonly size: number;
    readonly stride: number;
    readonly dilation: number;
  };

  // Contractions
  /** Sum over pairs of axes. Result axes: batch, those left of a, those left of b, each in order. */
  dot: {
    readonly batchA: readonly number[];
    readonly batchB: readonly number[];
    readonly contractA: readonly number[];
    readonly contractB: readonly number[];
  };
  /**
   * n-d cross-correlation: x [N, C, …], w [O, C/groups, …] → [N, O, …]. `inputDilation` spreads x with zeros first,
   * then padding (low, high; may be negative: it crops) applies, then the kernel spread by `dilation` moves by `stride`.
   */
  conv: {
    readonly stride: readonly number[];
    readonly padding: readonly (readonly [number, number])[];
    readonly dilation: readonly number[];
    readonly inputDilation: readonly number[];
    readonly groups: number;
  };

  // Data-dependent indexing (indices int32, clamped into range)
  /** data, indices → data with `axis` replaced by the axes of indices. */
  gather: AxisAttribute;
  /** indices, updates → zeros of size `size` at `axis` (replacing the axes of indices there), updates added at the indices; out of range is dropped. */
  scatterAdd: { readonly axis: number; readonly size: number };
  cumsum: AxisAttribute;
  /** Indices (int32) that sort an axis; stable; NaN last. */
  argsort: { readonly axis: number; readonly descending: boolean };

  // Loops
  /** carries…, sequences…, constants… → a tuple, read with `item`: last carries, then stacked results. */
  scan: {
    readonly body: ScanBody;
    readonly carries: number;
    readonly sequences: number;
    readonly length: number;
    /** From the last step to the first; sequences are read and results stacked at the step's own position. */
    readonly reverse: boolean;
  };
  item: { readonly index: number };

  // Identity at run time
  /** No gradient flows through. */
  stopGradient: Nothing;
  /** The first input; the compiler may not see through it. Keeps what is computed twice on purpose from being merged. */
  barrier: Nothing;
  /** The first input; gradients to the others by the user's rule. */
  custom: { readonly rule: CustomRule };
}

/** The name of a primitive. */
export type Op = keyof Attributes;

let created = 0;

/** The number of nodes made so far; the runtime uses differences of it to notice graphs that grow without end. */
export function nodesCreated(): number {
  return created;
}

/** One operation in the graph. Immutable, but for the value that the runtime attaches once it is known. */
export class Node<K extends Op = Op> {
  /** Rises with creation, so inputs have smaller ids than their consumers. */
  readonly id: number = created++;
  readonly op: K;
  /** Emptied only by {@link forgetHistory}. */
  inputs: readonly Node[];
  readonly attributes: Attributes[K];
  readonly shape: Shape;
  readonly dtype: DType;
  /** Length of the longest path down to a node with a value. */
  readonly depth: number;
  /** The computed value, once there is one. */
  value: Storage | undefined = undefined;
  /** Whether it depends on a variable, for which somebody may want gradients: then its history is kept however long it is. */
  tracked: boolean;

  constructor(op: K, inputs: readonly Node[], attributes: Attributes[K], shape: Shape, dtype: DType) {
    this.op = op;
    this.inputs = inputs;
    this.attributes = attributes;
    this.shape = shape;
    this.dtype = dtype;
    this.tracked = inputs.some((input) => input.tracked);
    let depth = 0;
    for (const input of inputs)
      if (input.value === undefined && input.depth >= depth) depth = input.depth + 1;
    this.depth = depth;
  }
}

/** Whether `node` is of operation `op`, for the type checker too. */
export function isOp<K extends Op>(node: Node, op: K): node is Node<K> {
  return node.op === op;
}

/** Cuts a node off from the graph that computed it. Its value must be known. Gradients then stop here. */
export function forgetHistory(node: Node): void {
  node.inputs = [];
}

const LEAVES: ReadonlySet<Op> = new Set<Op>(['buffer', 'constant', 'scalar', 'iota', 'parameter']);

/** Whether a node was cut off from the graph that computed it. */
export function hasForgotten(node: Node): boolean {
  return node.inputs.length === 0 && !LEAVES.has(node.op);
}

/** The nodes that `outputs` need, inputs before consumers; stops at nodes with values when `pending` is set. Iterative, so depth is no limit. */
export function topologicalOrder(outputs: readonly Node[], pending = false): Node[] {
  const order: Node[] = [];
  const entered = new Set<Node>();
  const done = new Set<Node>();
  const stack: Node[] = [];
  for (const output of outputs) {
    stack.push(output);
    while (stack.length > 0) {
      const node = stack[stack.length - 1] as Node;
      if (done.has(node)) {
        stack.pop();
        continue;
      }
      if (entered.has(node) || (pending && node.value !== undefined) || node.inputs.length === 0) {
        stack.pop();
        entered.add(node);
        done.add(node);
        order.push(node);
        continue;
      }
      entered.add(node);
      for (let i = node.inputs.length - 1; i >= 0; i--) {
        const input = node.inputs[i] as Node;
        if (!done.has(input)) stack.push(input);
      }
    }
  }
  return order;
}
