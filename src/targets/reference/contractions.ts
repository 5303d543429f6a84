import { isFloat } from '../../core/dtype.js';
import { dim, sizeOf, stridesOf, type Shape } from '../../core/shape.js';
import type { Node } from '../../graph/node.js';
import { dilatedSize } from '../../graph/shapes.js';
import { offsets } from './indexing.js';
import { narrow, type Values } from './storage.js';

/** The offsets of all positions of some axes of `shape`, the other indices being 0. */
function along(shape: Shape, axes: readonly number[]): Int32Array {
  const strides = stridesOf(shape);
  return offsets(
    axes.map((axis) => dim(shape, axis)),
    axes.map((axis) => strides[axis] ?? 0),
  );
}

function others(shape: Shape, ...taken: (readonly number[])[]): number[] {
  return shape.map((_, axis) => axis).filter((axis) => !taken.some((axes) => axes.includes(axis)));
}

export function dot(a: Values, b: Values, aShape: Shape, bShape: Shape, node: Node<'dot'>): Values {
  const { batchA, batchB, contractA, contractB } = node.attributes;
  const [batchesA, batchesB] = [along(aShape, batchA), along(bShape, batchB)];
  const [rows, columns] = [
    along(aShape, others(aShape, batchA, contractA)),
    along(bShape, others(bShape, batchB, contractB)),
  ];
  const [termsA, termsB] = [along(aShape, contractA), along(bShape, contractB)];
  const result = new Float64Array(sizeOf(node.shape));
  const whole = isFloat(node.dtype) ? undefined : narrow(node.dtype);
  let position = 0;
  for (let batch = 0; batch < batchesA.length; batch++) {
    for (let row = 0; row < rows.length; row++) {
      const startA = (batchesA[batch] ?? 0) + (rows[row] ?? 0);
      for (let column = 0; column < columns.length; column++) {
        const startB = (batchesB[batch] ?? 0) + (columns[column] ?? 0);
        let total = 0;
        for (let term = 0; term < termsA.length; term++) {
          const left = a[startA + (termsA[term] ?? 0)] ?? 0;
          const right = b[startB + (termsB[term] ?? 0)] ?? 0;
          total = whole === undefined ? total + left * right : whole(total + Math.imul(left, right));
        }
        result[position++] = total;
      }
    }
  }
  return result;
}

/** For each output position, then each kernel position: the offset in the input's spatial axes, or -1 in the padding. */
function taps(spatial: Shape, kernel: Shape, output: Shape, node: Node<'conv'>): Int32Array {
  const { stride, padding, dilation, inputDilation } = node.attributes;
  const strides = stridesOf(spatial);
  let table = Int32Array.of(0);
  let [positions, sizes] = [1, 1];
  for (const [axis, n] of spatial.entries()) {
    const [count, size] = [dim(output, axis), dim(kernel, axis)];
    const spread = dim(inputDilation, axis);
    const low = padding[axis]?.[0] ?? 0;
    const longer = new Int32Array(table.length * count * size);
    for (let p = 0; p < positions; p++)
      for (let o = 0; o < count; o++)
        for (let s = 0; s < sizes; s++)
          for (let k = 0; k < size; k++) {
            const outer = table[p * sizes + s] ?? 0;
            const at = o * dim(stride, axis) + k * dim(dilation, axis) - low;
            const inside = at >= 0 && at < dilatedSize(n, spread) && at % spread === 0;
            const here = outer >= 0 && inside ? outer + (at / spread) * dim(strides, axis) : -1;
            longer[((p * count + o) * sizes + s) * size + k] = here;
          }
    table = longer;
    positions *= count;
    sizes *= size;
  }
  return table;
}

export function conv(x: Values, w: Values, xShape: Shape, wShape: Shape, node: Node<'conv'>): Values {
  const { groups } = node.attributes;
  const [batches = 0, channels = 0, ...spatial] = xShape;
  const [out = 0, perGroup = 0, ...kernel] = wShape;
  const output = node.shape.slice(2);
  const table = taps(spatial, kernel, output, node);
  const [pixels, kernels, positions] = [sizeOf(spatial), sizeOf(kernel), sizeOf(output)];
  const result = new Float64Array(sizeOf(node.shape));
  for (let n = 0; n < batches; n++) {
    for (let o = 0; o < out; o++) {
      const firstChannel = n * channels + Math.floor(o / (out / groups)) * perGroup;
      for (let p = 0; p < positions; p++) {
        let total = 0;
        for (let c = 0; c < perGroup; c++) {
          const plane = (firstChannel + c) * pixels;
          const weights = (o * perGroup + c) * kernels;
          for (let k = 0; k < kernels; k++) {
            const tap = table[p * kernels + k] ?? -1;
            if (tap >= 0) total += (x[plane + tap] ?? 0) * (w[weights + k] ?? 0);
          }
        }
        result[(n * out + o) * positions + p] = total;
      }
    }
  }
  return result;
}
