/** Images and sequences at another size. */
import { ArgumentError, ShapeError } from '../core/errors.js';
import { dim, formatShape } from '../core/shape.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { perAxis, type PerAxis } from './convolution.js';
import { hostNode } from './creation.js';
import { fractional, fractionalDType } from './operands.js';
import { Tensor } from './tensor.js';

/** `linear` serves one, two and three axes (bilinear, trilinear). */
export type InterpolationMode = 'nearest' | 'linear' | 'bilinear' | 'trilinear';

export interface InterpolateOptions {
  /** The new sizes of the axes after the first two. */
  readonly size?: PerAxis;
  /** Or how many times larger they are to be. */
  readonly scaleFactor?: number | readonly number[];
  readonly mode?: InterpolationMode;
  /** Whether the corner elements of input and output coincide, rather than the outer edges of these (linear modes only). */
  readonly alignCorners?: boolean;
}

/**
 * x [N, C, …] at another size: the axes after the first two are resampled, with PyTorch's conventions.
 *
 * @example
 * ```ts
 * await interpolate(tensor([[[1, 2]]]), { scaleFactor: 2 }).array(); // => [[[1, 1, 2, 2]]]
 * await interpolate(tensor([[[0, 4]]]), { size: 4, mode: 'linear' }).array(); // => [[[0, 1, 3, 4]]]
 * ```
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const { mode = 'nearest', alignCorners = false } = options;
  const count = x.rank - 2;
  if (count < 1) {
    throw new ShapeError(
      `interpolate: ${formatShape(x.shape)} has no spatial axes`,
      'pass [batch, channels, sizes…]; see unsqueeze',
    );
  }
  const spatial = x.shape.slice(2);
  const sizes = targetSizes(spatial, options);
  if (mode === 'nearest') {
    const resized = sizes.reduce((node, size, i) => nearest(node, i + 2, size), x.node);
    return new Tensor(resized);
  }
  const resized = sizes.reduce(
    (node, size, i) => linear(node, i + 2, size, alignCorners),
    fractional(x.node),
  );
  return new Tensor(g.cast(resized, fractionalDType(x.dtype)));
}

function targetSizes(spatial: readonly number[], { size, scaleFactor }: InterpolateOptions): number[] {
  if ((size === undefined) === (scaleFactor === undefined)) {
    throw new ArgumentError(
      'interpolate: exactly one of size and scaleFactor is needed',
      'pass { size: 64 } or { scaleFactor: 2 }',
    );
  }
  if (size !== undefined) return perAxis(size, spatial.length, 'interpolate: size', 1);
  const factors = typeof scaleFactor === 'number' ? spatial.map(() => scaleFactor) : (scaleFactor ?? []);
  const sizes = spatial.map((n, axis) => Math.floor(n * (factors[axis] ?? Number.NaN)));
  if (factors.length !== spatial.length || !sizes.every((n) => n >= 1)) {
    throw new ArgumentError(
      `interpolate: a scaleFactor of ${factors.join(', ')} for sizes ${formatShape(spatial)}`,
      'pass one positive number, or one for each spatial axis',
    );
  }
  return sizes;
}

function nearest(x: Node, axis: number, size: number): Node {
  const n = dim(x.shape, axis);
  if (size === n) return x;
  if (size % n === 0) {
    // Repeating needs no indices.
    const times = size / n;
    const raised = g.reshape(x, [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)]);
    const copies = g.expand(raised, [...x.shape.slice(0, axis + 1), times, ...x.shape.slice(axis + 1)]);
    return g.reshape(copies, [...x.shape.slice(0, axis), size, ...x.shape.slice(axis + 1)]);
  }
  const indices = Int32Array.from({ length: size }, (_, i) => Math.floor((i * n) / size));
  return g.gather(x, hostNode(indices, [size], 'int32'), axis);
}

function linear(x: Node, axis: number, size: number, alignCorners: boolean): Node {
  const n = dim(x.shape, axis);
  if (size === n) return x;
  const below = new Int32Array(size);
  const above = new Int32Array(size);
  const weight = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const at = alignCorners
      ? size === 1
        ? 0
        : (i * (n - 1)) / (size - 1)
      : Math.max(0, ((i + 0.5) * n) / size - 0.5);
    below[i] = Math.min(Math.floor(at), n - 1);
    above[i] = Math.min((below[i] ?? 0) + 1, n - 1);
    weight[i] = at - (below[i] ?? 0);
  }
  const low = g.gather(x, hostNode(below, [size], 'int32'), axis);
  const high = g.gather(x, hostNode(above, [size], 'int32'), axis);
  const share = g.cast(hostNode(weight, [size], 'float64'), x.dtype);
  const shares = g.expand(
    g.reshape(
      share,
      low.shape.map((_, i) => (i === axis ? size : 1)),
    ),
    low.shape,
  );
  return g.add(low, g.mul(g.sub(high, low), shares));
}
