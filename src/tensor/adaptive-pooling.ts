/** Pooling to a given size: one element for all (global), or as many as asked for (adaptive). */
import { ShapeError } from '../core/errors.js';
import { dim, formatShape } from '../core/shape.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { perAxis, type PerAxis } from './convolution.js';
import { hostNode } from './creation.js';
import { computable, fractional, fractionalDType } from './operands.js';
import { largestOf } from './pooling.js';
import { Tensor } from './tensor.js';

function overSpatial(
  operation: string,
  count: number,
  summarise: (x: Node, axes: readonly number[]) => Node,
) {
  return (x: Tensor): Tensor => {
    if (x.rank <= count) {
      throw new ShapeError(
        `${operation}: ${formatShape(x.shape)} does not have ${count} spatial axes and one of channels`,
        `pass [batch, channels, ${count} sizes]`,
      );
    }
    const axes = Array.from({ length: count }, (_, axis) => x.rank - count + axis);
    return new Tensor(summarise(x.node, axes));
  };
}

function meanOver(x: Node, axes: readonly number[]): Node {
  const source = fractional(x);
  const total = g.sum(source, axes);
  const count = axes.reduce((n, axis) => n * dim(x.shape, axis), 1);
  return g.cast(g.times(total, 1 / count), fractionalDType(x.dtype));
}

function largestOver(x: Node, axes: readonly number[]): Node {
  return g.cast(g.reduce('reduceMax', computable(x), axes), x.dtype);
}

/** The mean over the last axis: [N, C, L] gives [N, C]. */
export const globalAvgPool1d = overSpatial('globalAvgPool1d', 1, meanOver);
/** The mean over the last two axes: [N, C, H, W] gives [N, C]. */
export const globalAvgPool2d = overSpatial('globalAvgPool2d', 2, meanOver);
/** The largest over the last axis: [N, C, L] gives [N, C]. */
export const globalMaxPool1d = overSpatial('globalMaxPool1d', 1, largestOver);
/** The largest over the last two axes: [N, C, H, W] gives [N, C]. */
export const globalMaxPool2d = overSpatial('globalMaxPool2d', 2, largestOver);

/**
 * The mean of an axis of n in `size` parts, as equal as they can be: part i goes from ⌊i n / size⌋ to ⌈(i + 1) n / size⌉
 * (PyTorch's rule, under which parts may overlap).
 */
function averageParts(x: Node, axis: number, size: number): Node {
  const n = dim(x.shape, axis);
  if (n % size === 0) {
    const parts = g.reshape(x, [...x.shape.slice(0, axis), size, n / size, ...x.shape.slice(axis + 1)]);
    const total = g.sum(parts, [axis + 1]);
    return n === size ? total : g.times(total, size / n);
  }
  // A matrix of weights: row i holds 1 / length of part i at the part's own columns.
  const whole = (node: Node, value: number): Node => g.div(node, g.fillLike(node, value));
  const part = g.iota(size);
  const start = whole(g.times(part, n), size);
  const stop = whole(g.plus(g.times(g.plus(part, 1), n), size - 1), size);
  const rows = (node: Node): Node => g.expand(g.reshape(node, [size, 1]), [size, n]);
  const column = g.expand(g.reshape(g.iota(n), [1, n]), [size, n]);
  const inside = g.binary('and', g.binary('le', rows(start), column), g.binary('lt', column, rows(stop)));
  const length = g.cast(rows(g.sub(stop, start)), x.dtype);
  const weights = g.div(g.cast(inside, x.dtype), length);
  const product = g.dot(x, weights, { batchA: [], batchB: [], contractA: [axis], contractB: [1] });
  const order = product.shape.map((_, i) => i).slice(0, -1);
  order.splice(axis, 0, product.shape.length - 1);
  return g.permute(product, order);
}

/** The output sizes of adaptive pooling. */
function adaptiveSizes(operation: string, count: number, x: Tensor, size: PerAxis): number[] {
  if (x.rank <= count) {
    throw new ShapeError(
      `${operation}: ${formatShape(x.shape)} does not have ${count} spatial axes and one of channels`,
      `pass [batch, channels, ${count} sizes]`,
    );
  }
  return perAxis(size, count, `${operation}: the output size`, 1);
}

function adaptiveAvgPool(operation: string, count: number, x: Tensor, size: PerAxis): Tensor {
  const sizes = adaptiveSizes(operation, count, x, size);
  const pooled = sizes.reduce(
    (node, n, axis) => averageParts(node, x.rank - count + axis, n),
    fractional(x.node),
  );
  return new Tensor(g.cast(pooled, fractionalDType(x.dtype)));
}

/** Means over so many windows that `size` come out, whatever the input's size: [N, C, L] gives [N, C, size]. */
export const adaptiveAvgPool1d = (x: Tensor, size: PerAxis): Tensor =>
  adaptiveAvgPool('adaptiveAvgPool1d', 1, x, size);

/** Means over so many windows that `size` come out, whatever the input's size: [N, C, H, W] gives [N, C, size, size]. */
export const adaptiveAvgPool2d = (x: Tensor, size: PerAxis): Tensor =>
  adaptiveAvgPool('adaptiveAvgPool2d', 2, x, size);

/** The parts of {@link averageParts} laid side by side, all as long as the longest, with -∞ where one is shorter. */
function partsOf(x: Node, axis: number, size: number): Node {
  const n = dim(x.shape, axis);
  const starts = Array.from({ length: size }, (_, i) => Math.floor((i * n) / size));
  const lengths = starts.map((start, i) => Math.ceil(((i + 1) * n) / size) - start);
  const longest = Math.max(...lengths);
  if (n % size === 0)
    return g.reshape(x, [...x.shape.slice(0, axis), size, longest, ...x.shape.slice(axis + 1)]);
  const at = (i: number): number => (starts[Math.floor(i / longest)] ?? 0) + (i % longest);
  const indices = Int32Array.from({ length: size * longest }, (_, i) => Math.min(at(i), n - 1));
  const inside = Uint8Array.from({ length: size * longest }, (_, i) =>
    Number(i % longest < (lengths[Math.floor(i / longest)] ?? 0)),
  );
  const parts = g.gather(x, hostNode(indices, [size, longest], 'int32'), axis);
  const mask = g.reshape(
    hostNode(inside, [size, longest], 'bool'),
    parts.shape.map((length, i) => (i === axis || i === axis + 1 ? length : 1)),
  );
  return g.where(g.expand(mask, parts.shape), parts, g.fillLike(parts, -Infinity));
}

function adaptiveMaxPool(operation: string, count: number, x: Tensor, size: PerAxis): Tensor {
  const sizes = adaptiveSizes(operation, count, x, size);
  const outer = x.rank - count;
  return largestOf(x, (node) => ({
    windows: sizes.reduce((parts, n, axis) => partsOf(parts, outer + 2 * axis, n), node),
    offsets: sizes.map((_, axis) => outer + 2 * axis + 1),
  }));
}

/** The largest of so many windows that `size` come out, whatever the input's size: [N, C, L] gives [N, C, size]. */
export const adaptiveMaxPool1d = (x: Tensor, size: PerAxis): Tensor =>
  adaptiveMaxPool('adaptiveMaxPool1d', 1, x, size);

/** The largest of so many windows that `size` come out, whatever the input's size: [N, C, H, W] gives [N, C, size, size]. */
export const adaptiveMaxPool2d = (x: Tensor, size: PerAxis): Tensor =>
  adaptiveMaxPool('adaptiveMaxPool2d', 2, x, size);
