/** Gradients of the movements. Each movement reads some elements; its gradient puts them back where they came from. */
import { dim, sameShape, type Shape } from '../core/shape.js';
import { add, pad, reshape, slice, sum } from './build.js';
import type { Attributes, Node } from './node.js';
import { dilatedSize } from './shapes.js';

/** `shape` with another size at `axis`. */
function resized(shape: Shape, axis: number, size: number): number[] {
  return shape.map((n, i) => (i === axis ? size : n));
}

/** `value` for one axis, 0 for the others. */
function only(rank: number, axis: number, value: number): number[] {
  return Array.from({ length: rank }, (_, i) => (i === axis ? value : 0));
}

export function expandGradient(gradient: Node, shape: Shape): Node {
  const stretched = shape.map((_, axis) => axis).filter((axis) => shape[axis] !== gradient.shape[axis]);
  return reshape(sum(gradient, stretched), shape);
}

export function padGradient(gradient: Node, shape: Shape, { low, interior }: Attributes['pad']): Node {
  const step = interior.map((between) => between + 1);
  const stop = shape.map((n, axis) => dim(low, axis) + dilatedSize(n, dim(step, axis)));
  return slice(gradient, low, stop, step);
}

export function sliceGradient(gradient: Node, shape: Shape, { start, step }: Attributes['slice']): Node {
  const high = shape.map(
    (n, axis) => n - dim(start, axis) - dilatedSize(dim(gradient.shape, axis), dim(step, axis)),
  );
  return pad(
    gradient,
    start,
    high,
    step.map((by) => by - 1),
  );
}

export function concatGradient(gradient: Node, shapes: readonly Shape[], axis: number): Node[] {
  let position = 0;
  return shapes.map((shape) => {
    const start = only(shape.length, axis, position);
    position += dim(shape, axis);
    return slice(gradient, start, resized(shape, axis, position));
  });
}

/** Elements may be in several windows, whose gradients add up. */
export function windowGradient(gradient: Node, shape: Shape, attributes: Attributes['window']): Node {
  const { axis, size, stride, dilation } = attributes;
  const n = dim(shape, axis);
  const count = dim(gradient.shape, axis);
  if (dilation === 1 && stride >= size) return apartGradient(gradient, shape, attributes);

  // Position o and offset k of a window read element o·stride + k·dilation: put back one k (or o) at a time.
  const byOffset = size <= count;
  const [fixed, steps] = byOffset ? [axis + 1, size] : [axis, count];
  const [near, far] = byOffset ? [dilation, stride] : [stride, dilation];
  let total: Node | undefined;
  for (let i = 0; i < steps; i++) {
    const start = only(gradient.shape.length, fixed, i);
    const part = slice(gradient, start, resized(gradient.shape, fixed, i + 1));
    const line = reshape(part, resized(shape, axis, byOffset ? count : size));
    const covered = dilatedSize(dim(line.shape, axis), far);
    const placed = pad(
      line,
      only(shape.length, axis, i * near),
      only(shape.length, axis, n - i * near - covered),
      only(shape.length, axis, far - 1),
    );
    total = total === undefined ? placed : add(total, placed);
  }
  return total ?? reshape(gradient, shape);
}

/** Windows that do not overlap lie side by side already, but for the gaps between them. */
function apartGradient(gradient: Node, shape: Shape, { axis, size, stride }: Attributes['window']): Node {
  const n = dim(shape, axis);
  const count = dim(gradient.shape, axis);
  const rank = shape.length;
  const spread = pad(gradient, only(rank + 1, axis, 0), only(rank + 1, axis + 1, stride - size));
  const line = reshape(spread, resized(shape, axis, count * stride));
  if (sameShape(line.shape, shape)) return line;
  const kept = slice(line, only(rank, axis, 0), resized(shape, axis, Math.min(n, count * stride)));
  return pad(kept, only(rank, axis, 0), only(rank, axis, n - dim(kept.shape, axis)));
}
