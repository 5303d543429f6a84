import { sizeOf, stridesOf, type Shape } from '../../core/shape.js';
import type { Attributes, Node } from '../../graph/node.js';
import { offsets, put, take } from './indexing.js';
import type { Values } from './storage.js';

export function permute(x: Values, shape: Shape, node: Node<'permute'>): Values {
  const strides = stridesOf(shape);
  return take(
    x,
    offsets(
      node.shape,
      node.attributes.axes.map((axis) => strides[axis] ?? 0),
    ),
  );
}

export function expand(x: Values, shape: Shape, node: Node<'expand'>): Values {
  const strides = stridesOf(shape).map((stride, axis) => (shape[axis] === 1 ? 0 : stride));
  return take(x, offsets(node.shape, strides));
}

export function pad(x: Values, shape: Shape, node: Node<'pad'>, value: number): Values {
  const { low, interior } = node.attributes;
  const strides = stridesOf(node.shape);
  const start = strides.reduce((total, stride, axis) => total + stride * (low[axis] ?? 0), 0);
  const result = new Float64Array(sizeOf(node.shape)).fill(value);
  const steps = strides.map((stride, axis) => stride * ((interior[axis] ?? 0) + 1));
  put(x, offsets(shape, steps, start), result);
  return result;
}

export function slice(x: Values, shape: Shape, node: Node<'slice'>): Values {
  const { start, step } = node.attributes;
  const strides = stridesOf(shape);
  const first = strides.reduce((total, stride, axis) => total + stride * (start[axis] ?? 0), 0);
  return take(
    x,
    offsets(
      node.shape,
      strides.map((stride, axis) => stride * (step[axis] ?? 1)),
      first,
    ),
  );
}

export function flip(x: Values, shape: Shape, { axes }: Attributes['flip']): Values {
  const strides = stridesOf(shape);
  let start = 0;
  for (const axis of axes) {
    const stride = strides[axis] ?? 0;
    start += ((shape[axis] ?? 1) - 1) * stride;
    strides[axis] = -stride;
  }
  return take(x, offsets(shape, strides, start));
}

export function concat(parts: readonly Values[], shapes: readonly Shape[], node: Node<'concat'>): Values {
  const { axis } = node.attributes;
  const strides = stridesOf(node.shape);
  const result = new Float64Array(sizeOf(node.shape));
  let position = 0;
  parts.forEach((part, i) => {
    const shape = shapes[i] ?? [];
    put(part, offsets(shape, strides, position * (strides[axis] ?? 0)), result);
    position += shape[axis] ?? 0;
  });
  return result;
}

export function window(x: Values, shape: Shape, node: Node<'window'>): Values {
  const { axis, stride, dilation } = node.attributes;
  const strides = stridesOf(shape);
  const step = strides[axis] ?? 0;
  strides.splice(axis, 1, step * stride, step * dilation);
  return take(x, offsets(node.shape, strides));
}
