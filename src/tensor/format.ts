/** Tensors as text for people, laid out as NumPy does. */
import { isFloat } from '../core/dtype.js';
import { formatShape, sizeOf, type Shape } from '../core/shape.js';
import type { Tensor } from './tensor.js';

export interface TextOptions {
  /** Digits after the point of floats (4). */
  readonly precision?: number;
  /** Tensors of more elements than this are abridged (1000). */
  readonly threshold?: number;
  /** How many elements stay at each end of an abridged axis (3). */
  readonly edge?: number;
}

/** From this size on, and below its inverse, floats are printed with an exponent. */
const LARGE = 1e8;
const SMALL = 1e-4;

/** How one element is written; the same for all elements of a tensor. */
function writer(values: readonly number[], tensor: Tensor, precision: number): (value: number) => string {
  if (tensor.dtype === 'bool') return (value) => (value === 0 ? 'false' : 'true');
  if (!isFloat(tensor.dtype)) return String;
  const sizes = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const largest = Math.max(0, ...sizes);
  const smallest = Math.min(Infinity, ...sizes);
  const special = (value: number): string | undefined =>
    Number.isFinite(value) ? undefined : Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  if (largest >= LARGE || smallest < SMALL)
    return (value) => special(value) ?? value.toExponential(precision);
  if (sizes.every(Number.isInteger)) return (value) => special(value) ?? `${value}.`;
  // As many digits as any of them needs, so that the points stand below each other.
  const digits = Math.max(
    1,
    ...sizes.map((value) => value.toFixed(precision).replace(/0+$/, '').split('.')[1]?.length ?? 0),
  );
  return (value) => special(value) ?? value.toFixed(digits);
}

/** The positions of an axis that are printed; -1 stands for those left out. */
function shown(n: number, abridged: boolean, edge: number): number[] {
  const all = Array.from({ length: n }, (_, i) => i);
  return abridged && n > 2 * edge ? [...all.slice(0, edge), -1, ...all.slice(n - edge)] : all;
}

function layOut(
  shape: Shape,
  indent: number,
  visible: (axis: number) => number[],
  cell: (offset: number) => string,
): string {
  const visit = (axis: number, offset: number): string => {
    const n = shape[axis];
    if (n === undefined) return cell(offset);
    const step = sizeOf(shape.slice(axis + 1));
    const last = axis === shape.length - 1;
    const rows = visible(axis).map((i) => (i < 0 ? '…' : visit(axis + 1, offset + i * step)));
    const gap = last ? ', ' : `,${'\n'.repeat(shape.length - 1 - axis)}${' '.repeat(indent + axis + 1)}`;
    return `[${rows.join(gap)}]`;
  };
  return visit(0, 0);
}

/**
 * The values as NumPy would print them, with shape and dtype.
 *
 * @example
 * ```ts
 * await text(tensor([[1, 2.5], [3, 4]])); // => 'Tensor([[1.0, 2.5],\n        [3.0, 4.0]], shape=[2, 2], dtype=float32)'
 * ```
 */
export async function text(x: Tensor, options: TextOptions = {}): Promise<string> {
  const { precision = 4, threshold = 1000, edge = 3 } = options;
  const values = await x.array1d();
  const abridged = x.size > threshold;
  const visible = (axis: number): number[] => shown(x.shape[axis] ?? 0, abridged, edge);
  const printed: number[] = [];
  layOut(x.shape, 0, visible, (offset) => {
    printed.push(values[offset] ?? Number.NaN);
    return '';
  });
  const write = writer(printed, x, precision);
  const width = Math.max(0, ...printed.map((value) => write(value).length));
  const opening = 'Tensor(';
  const body = layOut(x.shape, opening.length, visible, (offset) =>
    write(values[offset] ?? Number.NaN).padStart(x.rank === 0 ? 0 : width),
  );
  return `${opening}${body}, shape=${formatShape(x.shape)}, dtype=${x.dtype})`;
}

/** Writes {@link text} to the console. */
export async function print(x: Tensor, options: TextOptions = {}): Promise<void> {
  console.log(await text(x, options));
}
