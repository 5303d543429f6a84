/** dot and conv as sums over strided views. */
import { InternalError } from '../core/errors.js';
import { isOp, type Node } from '../graph/node.js';
import { add, ofVariable, scale, variable, type Index, type Variable } from './index-expr.js';
import type { ContractionKernel, Operand } from './kernel.js';
import { Substitution } from './loop-nest.js';
import { Lowering } from './lower.js';
import { baseOf } from './partition.js';
import { linearStride, type Scalar } from './scalar-expr.js';

type Store = ContractionKernel['stores'][number];

/** Whether each axis of a chain of movements is a fixed stride in the memory of what lies below. */
export function isStridedView(node: Node): boolean {
  const base = baseOf(node);
  if (base === node) return true;
  const at = node.shape.map(variable);
  const lowering = new Lowering((each) => (each === base ? { buffer: 0 } : undefined), new Map());
  return stridesOf(lowering.at(node, at.map(ofVariable)), at) !== undefined;
}

/** The strides of a scalar that is a plain load, linear in all `variables`. */
export function stridesOf(scalar: Scalar, variables: readonly Variable[]): Operand | undefined {
  if (scalar.kind !== 'load' || scalar.guard.length > 0) return undefined;
  const strides = new Map<Variable, number>();
  for (const { factor, atom } of scalar.index.terms) {
    if (atom.kind !== 'variable' || !variables.includes(atom.variable)) return undefined;
    strides.set(atom.variable, factor);
  }
  if (variables.some((v) => linearStride(scalar.index, v) === undefined)) return undefined;
  return { buffer: scalar.buffer, dtype: scalar.dtype, offset: scalar.index.constant, strides };
}

/** The kernel for `node`, whose output axes are `variables`. */
export function contractionKernel(
  name: string,
  node: Node,
  variables: readonly Variable[],
  stores: readonly Store[],
  bufferOf: (node: Node) => number | undefined,
  scalarSlots: ReadonlyMap<Node, number>,
): ContractionKernel {
  const lowering = new Lowering((each) => {
    const buffer = bufferOf(each);
    return buffer === undefined ? undefined : { buffer };
  }, scalarSlots);
  const operand = (each: Node, at: readonly Index[], all: readonly Variable[]): Operand => {
    const view = stridesOf(lowering.at(each, at), all);
    if (view === undefined) throw new InternalError(`an operand of ${node.op} is no strided view`);
    return view;
  };
  const [x, y] = node.inputs as [Node, Node];

  if (isOp(node, 'dot')) {
    const { batchA, batchB, contractA, contractB } = node.attributes;
    const k = contractA.map((axis) => variable(x.shape[axis] ?? 1));
    const batch = variables.slice(0, batchA.length);
    const freeA = x.shape.length - batchA.length - contractA.length;
    const m = variables.slice(batch.length, batch.length + freeA);
    const n = variables.slice(batch.length + freeA);
    const place = (
      each: Node,
      batchAxes: readonly number[],
      contractAxes: readonly number[],
      free: readonly Variable[],
    ): Index[] => {
      const rest = [...free];
      return each.shape.map((_, axis) => {
        const b = batchAxes.indexOf(axis);
        if (b >= 0) return ofVariable(batch[b] as Variable);
        const c = contractAxes.indexOf(axis);
        return ofVariable(c >= 0 ? (k[c] as Variable) : (rest.shift() as Variable));
      });
    };
    const all = [...variables, ...k];
    return {
      kind: 'contraction',
      name,
      batch,
      m,
      n,
      k,
      dtype: node.dtype,
      stores,
      a: operand(x, place(x, batchA, contractA, m), all),
      b: operand(y, place(y, batchB, contractB, n), all),
    };
  }

  if (!isOp(node, 'conv')) throw new InternalError(`${node.op} is no contraction`);
  const { stride, dilation, groups } = node.attributes;
  const [out = 1, perGroup = 1, ...kernel] = y.shape;
  const [image, channel, ...positions] = variables as [Variable, Variable, ...Variable[]];
  // The output channel is a group and a channel within it.
  const group = variable(groups);
  const within = groups === 1 ? channel : variable(out / groups);
  const outChannel =
    groups === 1 ? ofVariable(channel) : add(scale(ofVariable(group), out / groups), ofVariable(within));
  const substitution = new Substitution(new Map(groups === 1 ? [] : [[channel, outChannel]]));
  const c = variable(perGroup);
  const offsets = kernel.map(variable);
  const inChannel = groups === 1 ? ofVariable(c) : add(scale(ofVariable(group), perGroup), ofVariable(c));
  const space = positions.map((position, i) =>
    add(
      scale(ofVariable(position), stride[i] ?? 1),
      scale(ofVariable(offsets[i] as Variable), dilation[i] ?? 1),
    ),
  );
  const batch = groups === 1 ? [] : [group];
  const all = [...batch, within, image, ...positions, c, ...offsets];
  return {
    kind: 'contraction',
    name,
    batch,
    m: [within],
    n: [image, ...positions],
    k: [c, ...offsets],
    dtype: node.dtype,
    stores: stores.map((store) => ({
      ...store,
      index: substitution.index(store.index),
      value: substitution.scalar(store.value),
    })),
    a: operand(y, [outChannel, ofVariable(c), ...offsets.map(ofVariable)], all),
    b: operand(x, [ofVariable(image), inChannel, ...space], all),
  };
}
