/** Functions that make tensors larger: borders and copies. */
import { ArgumentError, ShapeError } from '../core/errors.js';
import { checkShape, dim, formatShape, normalizeAxis } from '../core/shape.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { sliceAxis } from './movement.js';
import { Tensor } from './tensor.js';

/** How the border is filled: with a number, mirrored without the edge, by the edge's own value, or from the other side. */
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

export interface PadOptions {
  readonly mode?: PadMode;
  /** The number for mode 'constant' (0). */
  readonly value?: number;
}

/**
 * A border around `x`: per axis how many elements before and after (negative: taken away). A list shorter than the rank
 * speaks of the last axes.
 *
 * @example
 * ```ts
 * await pad(tensor([1, 2]), [[1, 2]]).array(); // => [0, 1, 2, 0, 0]
 * await pad(tensor([1, 2, 3]), [[2, 0]], { mode: 'reflect' }).array(); // => [3, 2, 1, 2, 3]
 * ```
 */
export function pad(
  x: Tensor,
  widths: readonly (readonly [low: number, high: number])[],
  options: PadOptions = {},
): Tensor {
  const { mode = 'constant', value = 0 } = options;
  if (widths.length > x.rank) {
    throw new ArgumentError(
      `pad: ${widths.length} pairs of widths for the ${x.rank} axes of ${formatShape(x.shape)}`,
      'pass one pair [before, after] for each axis',
    );
  }
  const missing = x.rank - widths.length;
  const pairs = x.shape.map((_, axis) => widths[axis - missing] ?? ([0, 0] as const));
  const cropped = g.slice(
    x.node,
    pairs.map(([low]) => Math.max(0, -low)),
    x.shape.map((n, axis) => n - Math.max(0, -(pairs[axis]?.[1] ?? 0))),
  );
  const low = pairs.map(([before]) => Math.max(0, before));
  const high = pairs.map(([, after]) => Math.max(0, after));
  if (mode === 'constant') return new Tensor(g.pad(cropped, low, high, undefined, value));
  return new Tensor(
    cropped.shape.reduce(
      (node, _, axis) => border(node, axis, low[axis] ?? 0, high[axis] ?? 0, mode),
      cropped,
    ),
  );
}

function border(x: Node, axis: number, low: number, high: number, mode: Exclude<PadMode, 'constant'>): Node {
  if (low === 0 && high === 0) return x;
  const n = dim(x.shape, axis);
  const largest = mode === 'reflect' ? n - 1 : mode === 'circular' ? n : n === 0 ? 0 : Infinity;
  if (low > largest || high > largest) {
    throw new ShapeError(
      `pad: a border of [${low}, ${high}] in mode '${mode}' is too wide for axis ${axis} of ${formatShape(x.shape)}`,
      `this mode allows at most ${largest}`,
    );
  }
  const edge = (at: number, count: number): Node => {
    const one = sliceAxis(x, axis, at, at + 1);
    return g.expand(
      one,
      one.shape.map((size, i) => (i === axis ? count : size)),
    );
  };
  const before = (): Node =>
    mode === 'replicate'
      ? edge(0, low)
      : mode === 'reflect'
        ? g.flip(sliceAxis(x, axis, 1, low + 1), [axis])
        : sliceAxis(x, axis, n - low, n);
  const after = (): Node =>
    mode === 'replicate'
      ? edge(n - 1, high)
      : mode === 'reflect'
        ? g.flip(sliceAxis(x, axis, n - 1 - high, n - 1), [axis])
        : sliceAxis(x, axis, 0, high);
  return g.concat([...(low > 0 ? [before()] : []), x, ...(high > 0 ? [after()] : [])], axis);
}

/**
 * The whole tensor repeated `counts[i]` times along axis i. Missing axes come in front.
 *
 * @example
 * ```ts
 * await tile(tensor([1, 2]), [2]).array(); // => [1, 2, 1, 2]
 * ```
 */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  checkShape(counts, 'tile');
  const rank = Math.max(x.rank, counts.length);
  const shape = [...new Array<number>(rank - x.rank).fill(1), ...x.shape];
  const times = [...new Array<number>(rank - counts.length).fill(1), ...counts];
  const raised = g.reshape(
    x.node,
    shape.flatMap((n) => [1, n]),
  );
  const copies = g.expand(
    raised,
    shape.flatMap((n, axis) => [times[axis] ?? 1, n]),
  );
  return new Tensor(
    g.reshape(
      copies,
      shape.map((n, axis) => n * (times[axis] ?? 1)),
    ),
  );
}

/**
 * Each element repeated `count` times in a row along an axis (without one: of the flattened tensor).
 *
 * @example
 * ```ts
 * await repeat(tensor([1, 2]), 2).array(); // => [1, 1, 2, 2]
 * ```
 */
export function repeat(x: Tensor, count: number, axis?: number): Tensor {
  checkShape([count], 'repeat');
  const node = axis === undefined ? g.reshape(x.node, [x.size]) : x.node;
  const { shape } = node;
  const at = normalizeAxis(axis ?? 0, shape.length, 'repeat');
  const raised = g.reshape(node, [...shape.slice(0, at + 1), 1, ...shape.slice(at + 1)]);
  const copies = g.expand(raised, [...shape.slice(0, at + 1), count, ...shape.slice(at + 1)]);
  return new Tensor(
    g.reshape(
      copies,
      shape.map((n, i) => (i === at ? n * count : n)),
    ),
  );
}
