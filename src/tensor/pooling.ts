/** Pooling: summaries of windows that move over the spatial axes, which are the last ones. */
import { ShapeError } from '../core/errors.js';
import { dim, formatShape } from '../core/shape.js';
import * as g from '../graph/build.js';
import { gradients } from '../graph/differentiate.js';
import type { Node } from '../graph/node.js';
import { paddingOf, perAxis, type Padding, type PerAxis } from './convolution.js';
import { fractional, fractionalDType } from './operands.js';
import { Tensor } from './tensor.js';

export interface PoolOptions {
  /** How far windows are apart; their own size unless told. */
  readonly stride?: PerAxis;
  readonly padding?: Padding;
  /** Whether a window that hangs over the end counts too. */
  readonly ceilMode?: boolean;
}

export interface MaxPoolOptions extends PoolOptions {
  readonly dilation?: PerAxis;
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether zeros of the padding count as elements (the default, as in PyTorch). */
  readonly countIncludePad?: boolean;
}

/** Where windows lie: everything per spatial axis. */
interface Geometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  /** What is added at the end so that a last, incomplete window fits. */
  readonly overhang: readonly number[];
}

function geometryOf(
  operation: string,
  count: number,
  x: Tensor,
  size: PerAxis,
  options: MaxPoolOptions,
): Geometry {
  if (x.rank < count + 1) {
    throw new ShapeError(
      `${operation}: ${formatShape(x.shape)} does not have ${count} spatial axes and one of channels`,
      `pass [batch, channels, ${count} sizes]`,
    );
  }
  const spatial = x.shape.slice(-count);
  const kernel = perAxis(size, count, `${operation}: the window size`, 1);
  const stride = perAxis(options.stride ?? kernel, count, `${operation}: stride`, 1);
  const dilation = perAxis(options.dilation ?? 1, count, `${operation}: dilation`, 1);
  const padding = paddingOf(options.padding ?? 0, spatial, kernel, stride, dilation, operation);
  const overhang = spatial.map((n, axis) => {
    const [low, high] = padding[axis] ?? [0, 0];
    const [window, by] = [(dim(kernel, axis) - 1) * dim(dilation, axis) + 1, dim(stride, axis)];
    const room = n + low + high - window;
    if (room < 0) {
      throw new ShapeError(
        `${operation}: a window of ${window} does not fit into axis ${x.rank - count + axis} of ${formatShape(x.shape)} (size ${n + low + high} with padding)`,
        'use a smaller window, or padding',
      );
    }
    if (options.ceilMode !== true || room % by === 0) return 0;
    // PyTorch's rule: a window may hang over, but must not begin beyond the input and its padding in front.
    const last = Math.ceil(room / by) * by;
    return last < n + low ? last - room : 0;
  });
  return { kernel, stride, dilation, padding, overhang };
}

/** Whether the windows cover the axes without gap and overlap, so that a reshape makes them. */
function tiles({ kernel, stride, dilation, padding, overhang }: Geometry): boolean {
  return kernel.every(
    (size, axis) =>
      stride[axis] === size &&
      dilation[axis] === 1 &&
      (padding[axis] ?? []).every((n) => n === 0) &&
      overhang[axis] === 0,
  );
}

/** Windows of an array: [..., positions and offsets in turn], and the axes that hold the offsets. */
export interface Windows {
  readonly windows: Node;
  readonly offsets: readonly number[];
}

/** The windows of `x`; `border` stands around it. */
function windowsOf(x: Node, geometry: Geometry, border: number): Windows {
  const { kernel, stride, dilation, padding, overhang } = geometry;
  const outer = x.shape.length - kernel.length;
  const leading = x.shape.slice(0, outer);
  const offsets = kernel.map((_, axis) => outer + 2 * axis + 1);
  if (tiles(geometry)) {
    const counts = kernel.map((size, axis) => Math.floor(dim(x.shape, outer + axis) / size));
    const whole = g.slice(
      x,
      x.shape.map(() => 0),
      [...leading, ...counts.map((n, axis) => n * dim(kernel, axis))],
    );
    const shape = [...leading, ...counts.flatMap((n, axis) => [n, dim(kernel, axis)])];
    return { windows: g.reshape(whole, shape), offsets };
  }
  const none = leading.map(() => 0);
  const padded = g.pad(
    x,
    [...none, ...padding.map(([low]) => low)],
    [...none, ...padding.map(([, high], axis) => high + dim(overhang, axis))],
    undefined,
    border,
  );
  // Each step turns one axis into two, so the next one has moved by one.
  const windows = kernel.reduce(
    (node, size, axis) => g.windows(node, outer + 2 * axis, size, dim(stride, axis), dim(dilation, axis)),
    padded,
  );
  return { windows, offsets };
}

/** The elements that are the first largest of their window, summed per window: the maximum, written so that it has PyTorch's gradient. */
function firstLargest(windows: Node, offsets: readonly number[]): Node {
  const kept = windows.shape.map((_, axis) => axis).filter((axis) => !offsets.includes(axis));
  const moved = g.permute(windows, [...kept, ...offsets]);
  const outer = moved.shape.slice(0, kept.length);
  const size = moved.shape.slice(kept.length).reduce((a, b) => a * b, 1);
  const flat = g.reshape(moved, [...outer, size]);
  const winner = g.unreduce(g.argmax(g.stopGradient(flat), outer.length), [outer.length], flat.shape);
  const place = g.expand(g.reshape(g.iota(size), [...outer.map(() => 1), size]), flat.shape);
  const chosen = g.where(g.binary('eq', place, winner), flat, g.fillLike(flat, 0));
  return g.sum(chosen, [outer.length]);
}

/** The largest of each window; the gradient goes to the first of equal elements. */
export function largestOf(x: Tensor, pool: (node: Node) => Windows): Tensor {
  const source = fractional(x.node);
  const { windows, offsets } = pool(source);
  const largest = g.reduce('reduceMax', windows, offsets);
  // The plain maximum would share the gradient among equal elements, of which there are many after a ReLU.
  const result = g.custom(largest, [source], (gradient, [input = source]) => {
    const again = pool(input);
    return gradients(firstLargest(again.windows, again.offsets), [input], gradient);
  });
  return new Tensor(g.cast(result, x.dtype));
}

function maxPool(
  operation: string,
  count: number,
  x: Tensor,
  size: PerAxis,
  options: MaxPoolOptions,
): Tensor {
  const geometry = geometryOf(operation, count, x, size, options);
  return largestOf(x, (node) => windowsOf(node, geometry, -Infinity));
}

/**
 * The largest element of each window of a sequence: x [N, C, L] gives [N, C, L']. The gradient goes to the first of equal
 * elements.
 *
 * @example
 * ```ts
 * await maxPool1d(tensor([[[1, 3, 2, 4]]]), 2).array(); // => [[[3, 4]]]
 * ```
 */
export const maxPool1d = (x: Tensor, size: PerAxis, options: MaxPoolOptions = {}): Tensor =>
  maxPool('maxPool1d', 1, x, size, options);

/** The largest element of each window of an image: x [N, C, H, W] gives [N, C, H', W']. The gradient goes to the first of equal elements. */
export const maxPool2d = (x: Tensor, size: PerAxis, options: MaxPoolOptions = {}): Tensor =>
  maxPool('maxPool2d', 2, x, size, options);

/** The largest element of each window of a volume: x [N, C, D, H, W]. */
export const maxPool3d = (x: Tensor, size: PerAxis, options: MaxPoolOptions = {}): Tensor =>
  maxPool('maxPool3d', 3, x, size, options);

function avgPool(
  operation: string,
  count: number,
  x: Tensor,
  size: PerAxis,
  options: AvgPoolOptions,
): Tensor {
  const geometry = geometryOf(operation, count, x, size, options);
  const source = fractional(x.node);
  const { windows, offsets } = windowsOf(source, geometry, 0);
  const total = g.sum(windows, offsets);
  const counts = countsPerWindow(source, geometry, options.countIncludePad ?? true);
  const mean =
    counts === undefined
      ? g.times(total, 1 / geometry.kernel.reduce((a, b) => a * b, 1))
      : g.div(total, g.expand(g.reshape(counts, padRank(counts, total)), total.shape));
  return new Tensor(g.cast(mean, fractionalDType(x.dtype)));
}

function padRank(counts: Node, total: Node): number[] {
  return [...new Array<number>(total.shape.length - counts.shape.length).fill(1), ...counts.shape];
}

/** How many elements each window has, where that differs between windows; undefined where it does not. */
function countsPerWindow(x: Node, geometry: Geometry, includePadding: boolean): Node | undefined {
  const { padding, overhang, kernel } = geometry;
  const padded = padding.some(([low, high]) => low > 0 || high > 0);
  if (overhang.every((n) => n === 0) && (includePadding || !padded)) return undefined;
  const spatial = x.shape.slice(-kernel.length);
  const inside = g.fill(1, spatial, x.dtype);
  const low = padding.map(([before]) => before);
  const high = padding.map(([, after]) => after);
  const counted = includePadding ? g.pad(inside, low, high, undefined, 1) : inside;
  const rest = includePadding ? { ...geometry, padding: padding.map(() => [0, 0] as const) } : geometry;
  const { windows, offsets } = windowsOf(counted, rest, 0);
  return g.sum(windows, offsets);
}

/** The mean of each window of a sequence: x [N, C, L] gives [N, C, L']. */
export const avgPool1d = (x: Tensor, size: PerAxis, options: AvgPoolOptions = {}): Tensor =>
  avgPool('avgPool1d', 1, x, size, options);

/**
 * The mean of each window of an image: x [N, C, H, W] gives [N, C, H', W'].
 *
 * @example
 * ```ts
 * await avgPool2d(tensor([[[[1, 2], [3, 6]]]]), 2).array(); // => [[[[3]]]]
 * ```
 */
export const avgPool2d = (x: Tensor, size: PerAxis, options: AvgPoolOptions = {}): Tensor =>
  avgPool('avgPool2d', 2, x, size, options);

/** The mean of each window of a volume: x [N, C, D, H, W]. */
export const avgPool3d = (x: Tensor, size: PerAxis, options: AvgPoolOptions = {}): Tensor =>
  avgPool('avgPool3d', 3, x, size, options);
