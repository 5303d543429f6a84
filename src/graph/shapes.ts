import { computeDType, isFloat, type DType } from '../core/dtype.js';
import { DTypeError, InternalError, ShapeError } from '../core/errors.js';
import { dim, formatShape, sameShape, sizeOf, type Shape } from '../core/shape.js';
import type { Attributes, Node, Op } from './node.js';

/** What a primitive makes of its inputs. */
export interface Result {
  readonly shape: Shape;
  readonly dtype: DType;
}

type ShapeRule<K extends Op> = (inputs: readonly Node[], attributes: Attributes[K]) => Result;

function input(inputs: readonly Node[], index: number): Node {
  const node = inputs[index];
  if (node === undefined) throw new InternalError(`input ${index} of an operation is missing`);
  return node;
}

function computable(op: Op, node: Node): void {
  if (computeDType(node.dtype) !== node.dtype) {
    throw new DTypeError(
      `${op}: ${node.dtype} is for storage only`,
      `cast to ${computeDType(node.dtype)} first`,
    );
  }
}

/** One input of a dtype that `accepts`; the result has the same shape and dtype. */
function unary(
  op: Op,
  accepts: (dtype: DType) => boolean,
  wants: string,
): (inputs: readonly Node[]) => Result {
  return (inputs) => {
    const x = input(inputs, 0);
    computable(op, x);
    if (!accepts(x.dtype))
      throw new DTypeError(`${op}: needs ${wants}, got ${x.dtype}`, 'cast the tensor first');
    return { shape: x.shape, dtype: x.dtype };
  };
}

function binary(
  op: Op,
  accepts: (dtype: DType) => boolean,
  wants: string,
  result?: DType,
): (inputs: readonly Node[]) => Result {
  return (inputs) => {
    const a = input(inputs, 0);
    const b = input(inputs, 1);
    computable(op, a);
    if (!sameShape(a.shape, b.shape))
      throw new ShapeError(`${op}: shapes ${formatShape(a.shape)} and ${formatShape(b.shape)} differ`);
    if (a.dtype !== b.dtype)
      throw new DTypeError(`${op}: dtypes ${a.dtype} and ${b.dtype} differ`, 'cast one of them');
    if (!accepts(a.dtype))
      throw new DTypeError(`${op}: needs ${wants}, got ${a.dtype}`, 'cast the tensors first');
    return { shape: a.shape, dtype: result ?? a.dtype };
  };
}

const isNumber = (dtype: DType): boolean => dtype !== 'bool';
const isWhole = (dtype: DType): boolean => !isFloat(dtype);
const isAny = (): boolean => true;

const float = (op: Op): ((inputs: readonly Node[]) => Result) => unary(op, isFloat, 'floats');
const number = (op: Op): ((inputs: readonly Node[]) => Result) => unary(op, isNumber, 'numbers');
const arithmetic = (op: Op): ((inputs: readonly Node[]) => Result) => binary(op, isNumber, 'numbers');
const bits = (op: Op, accepts = isWhole): ((inputs: readonly Node[]) => Result) =>
  binary(op, accepts, 'bool or integers');
const comparison = (op: Op): ((inputs: readonly Node[]) => Result) => binary(op, isAny, 'anything', 'bool');

function without(shape: Shape, axes: readonly number[]): number[] {
  return shape.filter((_, axis) => !axes.includes(axis));
}

const reduction = (inputs: readonly Node[], { axes }: { readonly axes: readonly number[] }): Result => {
  const x = input(inputs, 0);
  computable('sum', x);
  return { shape: without(x.shape, axes), dtype: x.dtype };
};

const argReduction = (inputs: readonly Node[], { axis }: { readonly axis: number }): Result => {
  const x = input(inputs, 0);
  computable('argmax', x);
  if (dim(x.shape, axis) === 0)
    throw new ShapeError(`argmax: axis ${axis} of ${formatShape(x.shape)} is empty`);
  return { shape: without(x.shape, [axis]), dtype: 'int32' };
};

/** The size of an axis of `n` after spreading by `dilation`. */
export function dilatedSize(n: number, dilation: number): number {
  return n === 0 ? 0 : (n - 1) * dilation + 1;
}

/** How many windows of `size`, spread by `dilation` and moved by `stride`, fit into `n`. */
function windowCount(n: number, size: number, stride: number, dilation: number): number {
  return Math.floor((n - dilatedSize(size, dilation)) / stride) + 1;
}

const conv: ShapeRule<'conv'> = (inputs, { stride, padding, dilation, inputDilation, groups }) => {
  const x = input(inputs, 0);
  const w = input(inputs, 1);
  const [batch = 0, channels = 0, ...spatial] = x.shape;
  const [out = 0, perGroup = 0, ...kernel] = w.shape;
  const given = `input ${formatShape(x.shape)} and weight ${formatShape(w.shape)}`;
  if (x.shape.length !== w.shape.length || spatial.length === 0) {
    throw new ShapeError(
      `conv: ${given} must have the same rank, at least 3`,
      'the layout is [batch, channels, …] and [out, in / groups, …]',
    );
  }
  if (channels !== perGroup * groups || out % groups !== 0) {
    throw new ShapeError(
      `conv: ${given} do not fit with groups = ${groups}: the input has ${channels} channels, the weight takes ${perGroup} per group`,
      `the input needs ${perGroup * groups} channels, and the output channels (${out}) must be a multiple of groups`,
    );
  }
  if (x.dtype !== w.dtype)
    throw new DTypeError(`conv: dtypes ${x.dtype} and ${w.dtype} differ`, 'cast one of them');
  if (!isFloat(x.dtype))
    throw new DTypeError(
      `conv: needs floats, got ${x.dtype}`,
      "cast the input, for instance with cast('float32')",
    );
  const size = spatial.map((n, i) => {
    const [low, high] = padding[i] ?? [0, 0];
    const padded = dilatedSize(n, inputDilation[i] ?? 1) + low + high;
    const count = windowCount(padded, kernel[i] ?? 1, stride[i] ?? 1, dilation[i] ?? 1);
    if (count < 1) {
      throw new ShapeError(
        `conv: a kernel of ${formatShape(kernel)} does not fit into ${given} along spatial axis ${i} (size ${padded} with padding)`,
        'use a smaller kernel, or padding',
      );
    }
    return count;
  });
  return { shape: [batch, out, ...size], dtype: x.dtype };
};

/** For each primitive, the shape and dtype of its result; throws where the inputs do not fit. */
export const SHAPE_RULES: { readonly [K in Op]: ShapeRule<K> } = {
  buffer: () => {
    throw new InternalError('buffers state their shape');
  },
  constant: () => {
    throw new InternalError('constants state their dtype');
  },
  scalar: () => {
    throw new InternalError('scalars state their dtype');
  },
  parameter: () => {
    throw new InternalError('parameters state their shape');
  },
  iota: (_, { length }) => ({ shape: [length], dtype: 'int32' }),
  random: (inputs, { shape }) => {
    const key = input(inputs, 0);
    if (key.dtype !== 'uint32' || sizeOf(key.shape) !== 2)
      throw new InternalError('a random key is uint32 [2]');
    return { shape, dtype: 'uint32' };
  },

  neg: number('neg'),
  abs: number('abs'),
  sign: number('sign'),
  floor: float('floor'),
  ceil: float('ceil'),
  round: float('round'),
  trunc: float('trunc'),
  sqrt: float('sqrt'),
  exp: float('exp'),
  expm1: float('expm1'),
  log: float('log'),
  log1p: float('log1p'),
  sin: float('sin'),
  cos: float('cos'),
  tan: float('tan'),
  atan: float('atan'),
  tanh: float('tanh'),
  sigmoid: float('sigmoid'),
  erf: float('erf'),
  not: unary('not', isWhole, 'bool or integers'),
  cast: (inputs, { dtype }) => ({ shape: input(inputs, 0).shape, dtype }),
  bitcast: (inputs, { dtype }) => ({ shape: input(inputs, 0).shape, dtype }),

  add: arithmetic('add'),
  sub: arithmetic('sub'),
  mul: arithmetic('mul'),
  div: arithmetic('div'),
  mod: arithmetic('mod'),
  pow: binary('pow', isFloat, 'floats'),
  max: binary('max', isAny, 'anything'),
  min: binary('min', isAny, 'anything'),
  atan2: binary('atan2', isFloat, 'floats'),
  eq: comparison('eq'),
  ne: comparison('ne'),
  lt: comparison('lt'),
  le: comparison('le'),
  and: bits('and'),
  or: bits('or'),
  xor: bits('xor'),
  shl: bits('shl', (dtype) => dtype === 'int32' || dtype === 'uint32'),
  shr: bits('shr', (dtype) => dtype === 'int32' || dtype === 'uint32'),

  where: (inputs) => {
    const condition = input(inputs, 0);
    const a = input(inputs, 1);
    const b = input(inputs, 2);
    if (condition.dtype !== 'bool')
      throw new DTypeError(
        `where: the condition must be bool, got ${condition.dtype}`,
        "compare it with something, or cast('bool')",
      );
    if (!sameShape(a.shape, b.shape) || !sameShape(a.shape, condition.shape)) {
      throw new ShapeError(
        `where: shapes ${formatShape(condition.shape)}, ${formatShape(a.shape)} and ${formatShape(b.shape)} differ`,
      );
    }
    if (a.dtype !== b.dtype)
      throw new DTypeError(`where: dtypes ${a.dtype} and ${b.dtype} differ`, 'cast one of them');
    return { shape: a.shape, dtype: a.dtype };
  },

  sum: reduction,
  prod: reduction,
  reduceMax: reduction,
  reduceMin: reduction,
  argmax: argReduction,
  argmin: argReduction,

  reshape: (inputs, { shape }) => {
    const x = input(inputs, 0);
    if (sizeOf(shape) !== sizeOf(x.shape)) {
      throw new ShapeError(
        `reshape: ${formatShape(x.shape)} has ${sizeOf(x.shape)} elements, ${formatShape(shape)} has ${sizeOf(shape)}`,
      );
    }
    return { shape, dtype: x.dtype };
  },
  permute: (inputs, { axes }) => {
    const x = input(inputs, 0);
    return { shape: axes.map((axis) => dim(x.shape, axis)), dtype: x.dtype };
  },
  expand: (inputs, { shape }) => {
    const x = input(inputs, 0);
    if (x.shape.length !== shape.length || x.shape.some((n, axis) => n !== 1 && n !== shape[axis])) {
      throw new ShapeError(
        `expand: ${formatShape(x.shape)} does not stretch to ${formatShape(shape)}`,
        'only axes of size 1 stretch',
      );
    }
    return { shape, dtype: x.dtype };
  },
  pad: (inputs, { low, high, interior }) => {
    const x = input(inputs, 0);
    return {
      shape: x.shape.map(
        (n, axis) => dilatedSize(n, (interior[axis] ?? 0) + 1) + (low[axis] ?? 0) + (high[axis] ?? 0),
      ),
      dtype: x.dtype,
    };
  },
  slice: (inputs, { start, stop, step }) => ({
    shape: start.map((from, axis) => Math.max(0, Math.ceil((dim(stop, axis) - from) / dim(step, axis)))),
    dtype: input(inputs, 0).dtype,
  }),
  flip: (inputs) => input(inputs, 0),
  concat: (inputs, { axis }) => {
    const first = input(inputs, 0);
    let total = 0;
    for (const x of inputs) {
      if (
        x.shape.length !== first.shape.length ||
        x.shape.some((n, i) => i !== axis && n !== first.shape[i])
      ) {
        throw new ShapeError(
          `concat: shapes ${inputs.map((each) => formatShape(each.shape)).join(', ')} differ elsewhere than in axis ${axis}`,
        );
      }
      if (x.dtype !== first.dtype)
        throw new DTypeError(`concat: dtypes ${first.dtype} and ${x.dtype} differ`, 'cast one of them');
      total += dim(x.shape, axis);
    }
    return { shape: first.shape.map((n, i) => (i === axis ? total : n)), dtype: first.dtype };
  },
  window: (inputs, { axis, size, stride, dilation }) => {
    const x = input(inputs, 0);
    const count = windowCount(dim(x.shape, axis), size, stride, dilation);
    if (count < 1)
      throw new ShapeError(
        `window: a window of ${size} (dilation ${dilation}) does not fit into axis ${axis} of ${formatShape(x.shape)}`,
        'use a smaller window, or pad',
      );
    return { shape: [...x.shape.slice(0, axis), count, size, ...x.shape.slice(axis + 1)], dtype: x.dtype };
  },

  dot: (inputs, { batchA, batchB, contractA, contractB }) => {
    const a = input(inputs, 0);
    const b = input(inputs, 1);
    computable('dot', a);
    if (a.dtype !== b.dtype)
      throw new DTypeError(`dot: dtypes ${a.dtype} and ${b.dtype} differ`, 'cast one of them');
    const pairs = [
      ...batchA.map((axis, i) => [axis, dim(batchB, i)] as const),
      ...contractA.map((axis, i) => [axis, dim(contractB, i)] as const),
    ];
    for (const [i, j] of pairs) {
      if (dim(a.shape, i) !== dim(b.shape, j)) {
        throw new ShapeError(
          `dot: axis ${i} of ${formatShape(a.shape)} and axis ${j} of ${formatShape(b.shape)} differ in size`,
        );
      }
    }
    return {
      shape: [
        ...batchA.map((axis) => dim(a.shape, axis)),
        ...without(a.shape, [...batchA, ...contractA]),
        ...without(b.shape, [...batchB, ...contractB]),
      ],
      dtype: a.dtype,
    };
  },
  conv,

  gather: (inputs, { axis }) => {
    const data = input(inputs, 0);
    const indices = input(inputs, 1);
    if (indices.dtype !== 'int32')
      throw new DTypeError(`gather: indices must be int32, got ${indices.dtype}`, "cast('int32')");
    return {
      shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)],
      dtype: data.dtype,
    };
  },
  scatterAdd: (inputs, { axis, size }) => {
    const indices = input(inputs, 0);
    const updates = input(inputs, 1);
    computable('scatterAdd', updates);
    if (indices.dtype !== 'int32')
      throw new DTypeError(`scatterAdd: indices must be int32, got ${indices.dtype}`, "cast('int32')");
    const covered = updates.shape.slice(axis, axis + indices.shape.length);
    if (!sameShape(covered, indices.shape)) {
      throw new ShapeError(
        `scatterAdd: updates ${formatShape(updates.shape)} do not have the axes of indices ${formatShape(indices.shape)} at axis ${axis}`,
      );
    }
    return {
      shape: [...updates.shape.slice(0, axis), size, ...updates.shape.slice(axis + indices.shape.length)],
      dtype: updates.dtype,
    };
  },
  cumsum: (inputs) => {
    const x = input(inputs, 0);
    computable('cumsum', x);
    return x;
  },
  argsort: (inputs) => {
    const x = input(inputs, 0);
    computable('argsort', x);
    return { shape: x.shape, dtype: 'int32' };
  },

  // A tuple has no shape of its own: `item` takes the parts out.
  scan: () => ({ shape: [], dtype: 'float32' }),
  item: (inputs, { index }) => {
    const loop = input(inputs, 0) as Node<'scan'>;
    const { body, carries, length } = loop.attributes;
    const result = body.results[index];
    if (result === undefined) throw new InternalError(`a scan has no result ${index}`);
    return { shape: index < carries ? result.shape : [length, ...result.shape], dtype: result.dtype };
  },

  stopGradient: (inputs) => input(inputs, 0),
  barrier: (inputs) => input(inputs, 0),
  custom: (inputs) => input(inputs, 0),
};
