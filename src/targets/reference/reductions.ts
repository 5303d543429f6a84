import { isFloat, type DType } from '../../core/dtype.js';
import { sizeOf, stridesOf, type Shape } from '../../core/shape.js';
import type { ReduceOp } from '../../graph/build.js';
import { around, offsets } from './indexing.js';
import { binaryFunction } from './scalar-functions.js';
import { narrow, type Values } from './storage.js';

/** Smallest and largest value of each dtype, the results of reductions over nothing. */
const LIMITS: Readonly<Record<DType, readonly [low: number, high: number]>> = {
  bool: [0, 1],
  uint8: [0, 255],
  int8: [-128, 127],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  float16: [-Infinity, Infinity],
  bfloat16: [-Infinity, Infinity],
  float32: [-Infinity, Infinity],
  float64: [-Infinity, Infinity],
};

const COMBINE = { sum: 'add', prod: 'mul', reduceMax: 'max', reduceMin: 'min' } as const;

function identity(op: ReduceOp, dtype: DType): number {
  if (op === 'sum') return 0;
  if (op === 'prod') return 1;
  return LIMITS[dtype][op === 'reduceMax' ? 0 : 1];
}

export function reduce(op: ReduceOp, x: Values, shape: Shape, axes: readonly number[], dtype: DType): Values {
  const kept = shape.filter((_, axis) => !axes.includes(axis));
  const strides = stridesOf(kept);
  let next = 0;
  const targets = offsets(
    shape,
    shape.map((_, axis) => (axes.includes(axis) ? 0 : (strides[next++] ?? 0))),
  );
  const result = new Float64Array(sizeOf(kept)).fill(identity(op, dtype));
  const combine = binaryFunction(COMBINE[op], dtype);
  for (let i = 0; i < x.length; i++) {
    const target = targets[i] ?? 0;
    result[target] = combine(result[target] ?? 0, x[i] ?? 0);
  }
  return result;
}

/** The first position, along `axis`, of an element that no other one beats; NaN beats everything. */
export function argReduce(op: 'argmax' | 'argmin', x: Values, shape: Shape, axis: number): Values {
  const { before, n, after } = around(shape, axis);
  const beats = op === 'argmax' ? (a: number, b: number) => a > b : (a: number, b: number) => a < b;
  const result = new Float64Array(before * after);
  for (let i = 0; i < before; i++) {
    for (let j = 0; j < after; j++) {
      const at = (k: number): number => x[(i * n + k) * after + j] ?? 0;
      let best = 0;
      for (let k = 1; k < n; k++) {
        if (!Number.isNaN(at(best)) && (Number.isNaN(at(k)) || beats(at(k), at(best)))) best = k;
      }
      result[i * after + j] = best;
    }
  }
  return result;
}

export function cumsum(x: Values, shape: Shape, axis: number, dtype: DType): Values {
  const { before, n, after } = around(shape, axis);
  const wrap = isFloat(dtype) ? (value: number) => value : narrow(dtype);
  const result = new Float64Array(x.length);
  for (let i = 0; i < before; i++) {
    for (let j = 0; j < after; j++) {
      let total = 0;
      for (let k = 0; k < n; k++) {
        const position = (i * n + k) * after + j;
        total = wrap(total + (x[position] ?? 0));
        result[position] = total;
      }
    }
  }
  return result;
}

/** Stable; NaN last in both directions. */
export function argsort(x: Values, shape: Shape, axis: number, descending: boolean): Values {
  const { before, n, after } = around(shape, axis);
  const result = new Float64Array(x.length);
  for (let i = 0; i < before; i++) {
    for (let j = 0; j < after; j++) {
      const at = (k: number): number => x[(i * n + k) * after + j] ?? 0;
      const order = Array.from({ length: n }, (_, k) => k).sort((a, b) => {
        const nans = Number(Number.isNaN(at(a))) - Number(Number.isNaN(at(b)));
        if (nans !== 0 || Number.isNaN(at(a)) || at(a) === at(b)) return nans;
        return at(a) < at(b) !== descending ? -1 : 1;
      });
      order.forEach((k, rank) => (result[(i * n + rank) * after + j] = k));
    }
  }
  return result;
}
