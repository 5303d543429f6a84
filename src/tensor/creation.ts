/** Tensors from nothing: from host data, from a rule, filled with a number. */
import { allocate, allocateFrom, dtypeOf, isFloat, type DType, type TypedArray } from '../core/dtype.js';
import { ArgumentError, ShapeError } from '../core/errors.js';
import { toBfloat16Bits, toFloat16Bits } from '../core/half.js';
import { checkShape, formatShape, sizeOf, type Shape } from '../core/shape.js';
import type { Fixed } from '../core/shape-types.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { HostStorage, setValue } from '../runtime/storage.js';
import { broadcastTo, operandNode } from './operands.js';
import { Tensor } from './tensor.js';

/** Options of functions that make tensors. */
export interface CreationOptions {
  /** float32 unless told, or as the data have it. */
  readonly dtype?: DType;
}

/** Options of {@link tensor}. */
export interface TensorOptions extends CreationOptions {
  /**
   * Whether the tensor has a copy of a typed array, as it does unless told. With `false` it reads the array itself, if that has its dtype: the array must not
   * change any more, and nothing is copied until a program needs it.
   */
  readonly copy?: boolean;
}

/** Numbers nested as deep as the tensor is to have axes. */
export type NestedInput = number | boolean | readonly NestedInput[];

/** A leaf over host data, which must not be changed afterwards. */
export function hostNode(data: TypedArray, shape: Shape, dtype: DType): Node {
  const value = new HostStorage(dtype, data);
  const node = g.buffer(value, shape);
  setValue(node, value);
  return node;
}

/**
 * A tensor of the given values: a number, nested arrays, or a typed array (whose dtype it keeps) with a shape. The data
 * are copied, unless `copy` is false. Plain numbers become float32, booleans bool, unless `dtype` says otherwise. A Uint16Array holds the raw
 * bits of the float16 or bfloat16 that `dtype` names.
 *
 * @throws ShapeError if rows differ in length, or the shape does not hold the values.
 * @example
 * ```ts
 * await tensor([[1, 2], [3, 4]]).sum(0).array(); // => [4, 6]
 * tensor(new Float32Array(6), { shape: [2, 3] }).shape; // => [2, 3]
 * ```
 */
export function tensor<const S extends Shape>(
  values: NestedInput | TypedArray,
  options: TensorOptions & { readonly shape: S },
): Tensor<Fixed<S>>;
export function tensor(
  values: NestedInput | TypedArray,
  options?: TensorOptions & { readonly shape?: Shape },
): Tensor;
export function tensor(
  values: NestedInput | TypedArray,
  options: TensorOptions & { readonly shape?: Shape } = {},
): Tensor {
  const typed = ArrayBuffer.isView(values);
  const flat = typed ? values : flatten(values);
  const natural = typed ? [values.length] : nestedShape(values);
  const shape = options.shape ?? natural;
  checkShape(shape, 'tensor');
  if (sizeOf(shape) !== flat.length) {
    throw new ShapeError(
      `tensor: ${flat.length} values do not fill shape ${formatShape(shape)}, which holds ${sizeOf(shape)}`,
      'pass as many values as the shape has elements',
    );
  }
  const dtype = options.dtype ?? (typed ? dtypeOf(values) : isTruth(values) ? 'bool' : 'float32');
  const half = dtype === 'float16' || dtype === 'bfloat16';
  const fits = typed && (values instanceof Uint16Array ? half : dtypeOf(values) === dtype);
  const data = !fits ? encode(flat, dtype) : options.copy === false ? values : allocateFrom(dtype, values);
  return new Tensor(hostNode(data, [...shape], dtype));
}

/** Whether nested data begin with a boolean. */
function isTruth(values: NestedInput): boolean {
  let first: NestedInput | undefined = values;
  while (Array.isArray(first)) first = (first as readonly NestedInput[])[0];
  return typeof first === 'boolean';
}

function encode(values: ArrayLike<number>, dtype: DType): TypedArray {
  const convert =
    dtype === 'float16'
      ? toFloat16Bits
      : dtype === 'bfloat16'
        ? toBfloat16Bits
        : dtype === 'bool'
          ? toBit
          : undefined;
  if (convert === undefined) return allocateFrom(dtype, values);
  const data = allocate(dtype, values.length);
  for (let i = 0; i < values.length; i++) data[i] = convert(values[i] ?? 0);
  return data;
}

const toBit = (value: number): number => (value === 0 ? 0 : 1);

function nestedShape(values: NestedInput): number[] {
  const shape: number[] = [];
  let level: NestedInput | undefined = values;
  while (isNested(level)) {
    shape.push(level.length);
    level = level[0];
  }
  return shape;
}

function isNested(values: NestedInput | undefined): values is readonly NestedInput[] {
  return Array.isArray(values);
}

function flatten(values: NestedInput): number[] {
  const shape = nestedShape(values);
  const flat: number[] = [];
  const visit = (level: NestedInput, axis: number): void => {
    if (!isNested(level)) {
      if (axis !== shape.length) ragged(shape, axis, 'a number');
      flat.push(Number(level));
      return;
    }
    if (level.length !== shape[axis]) ragged(shape, axis, `${level.length} elements`);
    for (const each of level) visit(each, axis + 1);
  };
  visit(values, 0);
  return flat;
}

function ragged(shape: Shape, axis: number, found: string): never {
  throw new ShapeError(
    `tensor: the nested arrays are ragged: ${found} at depth ${axis} where the first rows have shape ${formatShape(shape)}`,
    'make all rows equally long',
  );
}

/**
 * A tensor of `shape` filled with one number.
 *
 * @example
 * ```ts
 * await full([2, 2], 7).array(); // => [[7, 7], [7, 7]]
 * ```
 */
export function full<const S extends Shape>(
  shape: S,
  value: number,
  options: CreationOptions = {},
): Tensor<Fixed<S>> {
  checkShape(shape, 'full');
  const { dtype = 'float32' } = options;
  return new Tensor<Fixed<S>>(g.stretch(operandNode(value, dtype), [...shape]));
}

function filled<const S extends Shape>(
  operation: string,
  shape: S,
  value: number,
  { dtype = 'float32' }: CreationOptions,
): Tensor<Fixed<S>> {
  checkShape(shape, operation);
  return new Tensor<Fixed<S>>(g.fill(value, [...shape], dtype));
}

/**
 * Zeros.
 *
 * @example
 * ```ts
 * await zeros([2, 3]).array(); // => [[0, 0, 0], [0, 0, 0]]
 * ```
 */
export function zeros<const S extends Shape>(shape: S, options: CreationOptions = {}): Tensor<Fixed<S>> {
  return filled('zeros', shape, 0, options);
}

/** Ones. */
export function ones<const S extends Shape>(shape: S, options: CreationOptions = {}): Tensor<Fixed<S>> {
  return filled('ones', shape, 1, options);
}

/** Zeros of the shape and, unless told, the dtype of `x`. */
export function zerosLike<S extends Shape>(x: Tensor<S>, options: CreationOptions = {}): Tensor<S> {
  return new Tensor<S>(g.fill(0, x.shape, options.dtype ?? x.dtype));
}

/** Ones of the shape and, unless told, the dtype of `x`. */
export function onesLike<S extends Shape>(x: Tensor<S>, options: CreationOptions = {}): Tensor<S> {
  return new Tensor<S>(g.fill(1, x.shape, options.dtype ?? x.dtype));
}

/** `value` in the shape and, unless told, the dtype of `x`. */
export function fullLike<S extends Shape>(
  x: Tensor<S>,
  value: number,
  options: CreationOptions = {},
): Tensor<S> {
  return new Tensor<S>(broadcastTo(operandNode(value, options.dtype ?? x.dtype), x.shape));
}

/** `start`, `start + step`, … `count` of them. */
function ramp(count: number, start: number, step: number, dtype: DType): Node {
  const counted = g.cast(
    g.iota(count),
    isFloat(dtype) ? (dtype === 'float64' ? 'float64' : 'float32') : 'int32',
  );
  const scaled = step === 1 ? counted : g.times(counted, step);
  return g.cast(start === 0 ? scaled : g.plus(scaled, start), dtype);
}

/**
 * The numbers from `start` (0 unless given) up to but without `stop`, in steps of `step`. int32 if all three are integers,
 * else float32.
 *
 * @example
 * ```ts
 * await arange(4).array(); // => [0, 1, 2, 3]
 * await arange(1, 2, 0.25).array(); // => [1, 1.25, 1.5, 1.75]
 * ```
 */
export function arange(stop: number, options?: CreationOptions): Tensor<[number]>;
export function arange(start: number, stop: number, options?: CreationOptions): Tensor<[number]>;
export function arange(
  start: number,
  stop: number,
  step: number,
  options?: CreationOptions,
): Tensor<[number]>;
export function arange(...args: (number | CreationOptions | undefined)[]): Tensor<[number]> {
  const numbers = args.filter((arg) => typeof arg === 'number');
  const options = args.find((arg) => typeof arg === 'object') ?? {};
  const [start = 0, stop = 0, step = 1] = numbers.length === 1 ? [0, numbers[0]] : numbers;
  if (step === 0 || ![start, stop, step].every(Number.isFinite)) {
    throw new ArgumentError(
      `arange: cannot count from ${start} to ${stop} in steps of ${step}`,
      'use finite numbers and a step other than 0',
    );
  }
  const dtype = options.dtype ?? (numbers.every(Number.isInteger) ? 'int32' : 'float32');
  const count = Math.max(0, Math.ceil((stop - start) / step));
  return new Tensor<[number]>(ramp(count, start, step, dtype));
}

/**
 * `count` numbers at equal distances from `start` to `stop`, both included.
 *
 * @example
 * ```ts
 * await linspace(0, 1, 5).array(); // => [0, 0.25, 0.5, 0.75, 1]
 * ```
 */
export function linspace<const N extends number>(
  start: number,
  stop: number,
  count: N,
  options: CreationOptions = {},
): Tensor<[N]> {
  checkShape([count], 'linspace');
  const { dtype = 'float32' } = options;
  const last = Math.max(count - 1, 1);
  // Counting from both ends makes the last number exact as well.
  const data = Float64Array.from({ length: count }, (_, i) =>
    i * 2 < count ? start + ((stop - start) * i) / last : stop - ((stop - start) * (count - 1 - i)) / last,
  );
  return new Tensor<[N]>(hostNode(encode(data, dtype), [count], dtype));
}

/**
 * Ones on the diagonal, zeros elsewhere; square unless `columns` is given.
 *
 * @example
 * ```ts
 * await eye(2).array(); // => [[1, 0], [0, 1]]
 * ```
 */
export function eye<const N extends number, const M extends number = N>(
  rows: N,
  columns?: M,
  options: CreationOptions = {},
): Tensor<[N, M]> {
  const width: number = columns ?? rows;
  checkShape([rows, width], 'eye');
  const row = g.expand(g.reshape(g.iota(rows), [rows, 1]), [rows, width]);
  const column = g.expand(g.reshape(g.iota(width), [1, width]), [rows, width]);
  return new Tensor<[N, M]>(g.cast(g.binary('eq', row, column), options.dtype ?? 'float32'));
}
