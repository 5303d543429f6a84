import type { DType, TypedArray } from '../core/dtype.js';
import { InternalError, ShapeError } from '../core/errors.js';
import { formatShape, sizeOf, type Shape } from '../core/shape.js';
import { cast } from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { readValue, valueOf } from '../runtime/storage.js';
import { keepShort, realize } from './realize.js';

/** Numbers nested as deep as the tensor has axes. */
export type NestedArray = number | boolean | NestedArray[];

/**
 * A multi-dimensional array of one dtype, computed when its values are asked for. Operations make new tensors and
 * never change their inputs; there is nothing to dispose.
 *
 * `S` is the shape as the type checker knows it; plain `Tensor` means any shape. The operations are methods, declared in
 * `methods.ts`.
 *
 * @example
 * ```ts
 * const x = tensor([[1, 2], [3, 4]]);
 * await x.mul(2).sum().item(); // => 20
 * ```
 */
export class Tensor<S extends Shape = Shape> {
  /** Exists for the type checker only, which tells shapes apart by it. */
  declare readonly shapeType: S;
  private readonly made: Node | undefined;

  constructor(node: Node | undefined) {
    this.made = node;
    if (node !== undefined) keepShort(node);
  }

  /** The graph node that stands for this tensor's value now. */
  get node(): Node {
    if (this.made === undefined) throw new InternalError('a tensor without a node');
    return this.made;
  }

  /** Sizes of the axes. */
  get shape(): S {
    return this.node.shape as S;
  }

  get dtype(): DType {
    return this.node.dtype;
  }

  /** Number of axes. */
  get rank(): number {
    return this.node.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.node.shape);
  }

  /** Computes the tensor, if that has not happened yet, and gives its elements in row-major order. Do not write to them. */
  data(): Promise<TypedArray> {
    return Promise.resolve().then(() => this.dataSync());
  }

  /** {@link data} without waiting. Not every device can do this (a GPU in a browser cannot). */
  dataSync(): TypedArray {
    realize([this.node]);
    return readValue(valueOf(this.node));
  }

  /** The single element of a tensor of size 1; throws ShapeError for any other. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new ShapeError(
        `item: a tensor of shape ${formatShape(this.shape)} has ${this.size} elements, not one`,
        'use array() or data(), or reduce it first',
      );
    }
    const [value] = await this.decoded();
    return value ?? Number.NaN;
  }

  /** The elements as nested JavaScript arrays; a number for a scalar. bool gives booleans. */
  async array(): Promise<NestedArray> {
    const flat: (number | boolean)[] = await this.array1d();
    const values = this.dtype === 'bool' ? flat.map((value) => value !== 0) : flat;
    return nest(values, this.shape, 0, 0);
  }

  /** The elements as one flat array of numbers; float16 and bfloat16 are decoded. */
  async array1d(): Promise<number[]> {
    return Array.from(await this.decoded());
  }

  /** {@link data}, float16 and bfloat16 as float32. */
  private decoded(): Promise<TypedArray> {
    const { dtype } = this;
    const half = dtype === 'float16' || dtype === 'bfloat16';
    const readable: Tensor = half ? new Tensor(cast(this.node, 'float32')) : this;
    return readable.data();
  }

  toString(): string {
    return `Tensor(${formatShape(this.shape)}, ${this.dtype})`;
  }
}

function nest(
  values: readonly (number | boolean)[],
  shape: Shape,
  axis: number,
  offset: number,
): NestedArray {
  const n = shape[axis];
  if (n === undefined) return values[offset] ?? Number.NaN;
  const step = sizeOf(shape.slice(axis + 1));
  return Array.from({ length: n }, (_, i) => nest(values, shape, axis + 1, offset + i * step));
}

/** Whether a value is a tensor; a leaf of trees. */
export function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor;
}
