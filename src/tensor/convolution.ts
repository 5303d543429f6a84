/** Convolutions of one to three dimensions, as the field means them: cross-correlations, channels second. */
import { computeDType, promote } from '../core/dtype.js';
import { ArgumentError, ShapeError } from '../core/errors.js';
import { dim, formatShape } from '../core/shape.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { broadcastTo } from './operands.js';
import { Tensor } from './tensor.js';

/** One number for all spatial axes, or one for each. */
export type PerAxis = number | readonly number[];

/** Zeros around the input: per axis, `'valid'` for none, or `'same'` for an output of the input's size over the stride. */
export type Padding = PerAxis | 'same' | 'valid';

export interface ConvOptions {
  readonly stride?: PerAxis;
  readonly padding?: Padding;
  readonly dilation?: PerAxis;
  /** Input and output channels are divided into this many groups that do not see each other. */
  readonly groups?: number;
}

export interface ConvTransposeOptions {
  readonly stride?: PerAxis;
  /** What the matching convolution would have padded: it is cut off here. */
  readonly padding?: PerAxis;
  /** Added to one side of the result, whose size the stride leaves open. */
  readonly outputPadding?: PerAxis;
  readonly dilation?: PerAxis;
  readonly groups?: number;
}

/** The option for each of `count` axes. */
export function perAxis(value: PerAxis, count: number, name: string, least: number): number[] {
  const list = typeof value === 'number' ? new Array<number>(count).fill(value) : [...value];
  if (list.length !== count || !list.every((n) => Number.isInteger(n) && n >= least)) {
    throw new ArgumentError(
      `${name} is ${typeof value === 'number' ? value : formatShape(value)}`,
      `use an integer of at least ${least}, or ${count} of them, one for each spatial axis`,
    );
  }
  return list;
}

/** Zeros before and after each axis. */
export function paddingOf(
  padding: Padding,
  spatial: readonly number[],
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
  operation: string,
): [number, number][] {
  if (padding === 'valid') return spatial.map(() => [0, 0]);
  if (padding !== 'same')
    return perAxis(padding, spatial.length, `${operation}: padding`, 0).map((n) => [n, n]);
  return spatial.map((n, axis) => {
    const [by, reach] = [dim(stride, axis), (dim(kernel, axis) - 1) * dim(dilation, axis) + 1];
    const total = Math.max(0, (Math.ceil(n / by) - 1) * by + reach - n);
    const low = Math.floor(total / 2);
    return [low, total - low];
  });
}

/** Input and weight in the dtype they are multiplied in, with a batch axis; the result is finished by `finish`. */
function prepare(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  count: number,
  operation: string,
): {
  input: Node;
  kernel: Node;
  finish: (node: Node) => Tensor;
} {
  const unbatched = x.rank === count + 1;
  if ((x.rank !== count + 2 && !unbatched) || weight.rank !== count + 2) {
    throw new ShapeError(
      `${operation}: input ${formatShape(x.shape)} and weight ${formatShape(weight.shape)} do not have ${count} spatial axes each`,
      `the input is [batch, channels, ${count} sizes] and the weight has rank ${count + 2}`,
    );
  }
  const dtype = promote(x.dtype, weight.dtype);
  const inner = computeDType(dtype);
  const input = g.cast(x.node, inner);
  const finish = (node: Node): Tensor => {
    const shifted =
      bias === undefined ? node : g.add(node, biasNode(g.cast(bias.node, inner), node, operation));
    return new Tensor(g.cast(unbatched ? g.reshape(shifted, shifted.shape.slice(1)) : shifted, dtype));
  };
  return {
    input: unbatched ? g.reshape(input, [1, ...input.shape]) : input,
    kernel: g.cast(weight.node, inner),
    finish,
  };
}

/** One number for each channel, stretched to a result. */
function biasNode(bias: Node, result: Node, operation: string): Node {
  const [, channels = 0, ...spatial] = result.shape;
  if (bias.shape.length !== 1 || bias.shape[0] !== channels) {
    throw new ShapeError(
      `${operation}: a bias of shape ${formatShape(bias.shape)} for ${channels} output channels`,
      `it needs shape [${channels}]`,
    );
  }
  return broadcastTo(g.reshape(bias, [channels, ...spatial.map(() => 1)]), result.shape);
}

function convolve(
  operation: string,
  count: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  options: ConvOptions,
): Tensor {
  const { input, kernel, finish } = prepare(x, weight, bias, count, operation);
  const stride = perAxis(options.stride ?? 1, count, `${operation}: stride`, 1);
  const dilation = perAxis(options.dilation ?? 1, count, `${operation}: dilation`, 1);
  const padding = paddingOf(
    options.padding ?? 0,
    input.shape.slice(2),
    kernel.shape.slice(2),
    stride,
    dilation,
    operation,
  );
  const { groups = 1 } = options;
  const inputDilation = stride.map(() => 1);
  return finish(g.conv(input, kernel, { stride, padding, dilation, inputDilation, groups }));
}

function convolveTransposed(
  operation: string,
  count: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  options: ConvTransposeOptions,
): Tensor {
  const { input, kernel, finish } = prepare(x, weight, bias, count, operation);
  const { groups = 1 } = options;
  const [channels = 0, perGroup = 0, ...size] = kernel.shape;
  if (input.shape[1] !== channels || channels % groups !== 0) {
    throw new ShapeError(
      `${operation}: input ${formatShape(x.shape)} and weight ${formatShape(weight.shape)} do not fit with groups = ${groups}`,
      'the weight is [in, out / groups, …]: its first size must be the input’s channels and a multiple of groups',
    );
  }
  const stride = perAxis(options.stride ?? 1, count, `${operation}: stride`, 1);
  const dilation = perAxis(options.dilation ?? 1, count, `${operation}: dilation`, 1);
  const cut = perAxis(options.padding ?? 0, count, `${operation}: padding`, 0);
  const extra = perAxis(options.outputPadding ?? 0, count, `${operation}: outputPadding`, 0);
  const padding = size.map((n, axis): [number, number] => {
    const reach = (n - 1) * dim(dilation, axis) - dim(cut, axis);
    return [reach, reach + dim(extra, axis)];
  });

  // The gradient of a convolution is a convolution of the spread input with the mirrored kernel, in and out swapped.
  const grouped = g.reshape(kernel, [groups, channels / groups, perGroup, ...size]);
  const swapped = g.permute(grouped, [0, 2, 1, ...size.map((_, axis) => axis + 3)]);
  const joined = g.reshape(swapped, [groups * perGroup, channels / groups, ...size]);
  const mirrored = g.flip(
    joined,
    size.map((_, axis) => axis + 2),
  );
  const one = stride.map(() => 1);
  return finish(g.conv(input, mirrored, { stride: one, padding, dilation, inputDilation: stride, groups }));
}

/**
 * Convolution of sequences: x [N, C, L] (or [C, L]) with weight [O, C / groups, K] gives [N, O, L'].
 *
 * @throws ShapeError if channels do not fit, or the kernel is larger than the padded input.
 * @example
 * ```ts
 * const x = tensor([[[1, 2, 3, 4]]]);
 * await conv1d(x, tensor([[[10, 1]]])).array(); // => [[[12, 23, 34]]]
 * ```
 */
export const conv1d = (x: Tensor, weight: Tensor, bias?: Tensor, options: ConvOptions = {}): Tensor =>
  convolve('conv1d', 1, x, weight, bias, options);

/**
 * Convolution of images: x [N, C, H, W] (or [C, H, W]) with weight [O, C / groups, KH, KW] gives [N, O, H', W'].
 *
 * @throws ShapeError if channels do not fit, or the kernel is larger than the padded input.
 * @example
 * ```ts
 * conv2d(zeros([8, 3, 32, 32]), zeros([16, 3, 5, 5]), undefined, { padding: 'same' }).shape; // => [8, 16, 32, 32]
 * ```
 */
export const conv2d = (x: Tensor, weight: Tensor, bias?: Tensor, options: ConvOptions = {}): Tensor =>
  convolve('conv2d', 2, x, weight, bias, options);

/** Convolution of volumes: x [N, C, D, H, W] (or without N) with weight [O, C / groups, KD, KH, KW]. */
export const conv3d = (x: Tensor, weight: Tensor, bias?: Tensor, options: ConvOptions = {}): Tensor =>
  convolve('conv3d', 3, x, weight, bias, options);

/** The transposed convolution of sequences: x [N, C, L] with weight [C, O / groups, K], the gradient of {@link conv1d}. */
export const convTranspose1d = (
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  options: ConvTransposeOptions = {},
): Tensor => convolveTransposed('convTranspose1d', 1, x, weight, bias, options);

/**
 * The transposed convolution of images: x [N, C, H, W] with weight [C, O / groups, KH, KW], the gradient of {@link conv2d}.
 *
 * @example
 * ```ts
 * const x = zeros([1, 8, 16, 16]);
 * convTranspose2d(x, zeros([8, 4, 2, 2]), undefined, { stride: 2 }).shape; // => [1, 4, 32, 32]
 * ```
 */
export const convTranspose2d = (
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  options: ConvTransposeOptions = {},
): Tensor => convolveTransposed('convTranspose2d', 2, x, weight, bias, options);

/** The transposed convolution of volumes: x [N, C, D, H, W] with weight [C, O / groups, KD, KH, KW]. */
export const convTranspose3d = (
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  options: ConvTransposeOptions = {},
): Tensor => convolveTransposed('convTranspose3d', 3, x, weight, bias, options);
