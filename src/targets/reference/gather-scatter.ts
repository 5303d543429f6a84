import { isFloat } from '../../core/dtype.js';
import { sizeOf, type Shape } from '../../core/shape.js';
import type { Node } from '../../graph/node.js';
import { around } from './indexing.js';
import { narrow, type Values } from './storage.js';

/** Indices out of range are clamped into it. */
export function gather(data: Values, shape: Shape, indices: Values, node: Node<'gather'>): Values {
  const { before, n, after } = around(shape, node.attributes.axis);
  const result = new Float64Array(before * indices.length * after);
  for (let i = 0; i < before; i++) {
    for (let k = 0; k < indices.length; k++) {
      const index = Math.max(0, Math.min(indices[k] ?? 0, n - 1));
      for (let j = 0; j < after; j++)
        result[(i * indices.length + k) * after + j] = data[(i * n + index) * after + j] ?? 0;
    }
  }
  return result;
}

/** Indices out of range are dropped. */
export function scatterAdd(indices: Values, updates: Values, node: Node<'scatterAdd'>): Values {
  const { axis, size } = node.attributes;
  const { before, after } = around(node.shape, axis);
  const wrap = isFloat(node.dtype) ? (value: number) => value : narrow(node.dtype);
  const result = new Float64Array(sizeOf(node.shape));
  for (let i = 0; i < before; i++) {
    for (let k = 0; k < indices.length; k++) {
      const index = indices[k] ?? -1;
      if (index < 0 || index >= size) continue;
      for (let j = 0; j < after; j++) {
        const position = (i * size + index) * after + j;
        const update = updates[(i * indices.length + k) * after + j] ?? 0;
        result[position] = wrap((result[position] ?? 0) + update);
      }
    }
  }
  return result;
}
