/** Attaches the functions of this room to {@link Tensor} as methods of the same name. Importing this file is enough. */
import type { DType } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import type {
  AxesArgument,
  Broadcast,
  CheckBroadcast,
  CheckMatMul,
  Fixed,
  MatMul,
  Permute,
  Reduce,
  Reshape,
  Transpose,
} from '../core/shape-types.js';
import * as activations from './activations.js';
import * as adaptive from './adaptive-pooling.js';
import { backward, stopGradient } from './autograd.js';
import * as convolution from './convolution.js';
import * as diagonals from './diagonals.js';
import * as elementwise from './elementwise.js';
import { print, text, type TextOptions } from './format.js';
import * as indexing from './indexing.js';
import { interpolate, type InterpolateOptions } from './interpolate.js';
import * as matmul from './matmul.js';
import * as movement from './movement.js';
import * as normalization from './normalization.js';
import type { Operand, ShapeOf } from './operands.js';
import * as padding from './padding.js';
import * as pooling from './pooling.js';
import * as reductions from './reductions.js';
import { slice, type Range } from './slicing.js';
import * as sorting from './sorting.js';
import { Tensor } from './tensor.js';

/** A method without further arguments that keeps the shape. */
type Same = <S extends Shape>(this: Tensor<S>) => Tensor<S>;

/** A method that takes a second operand, which broadcasts. */
type Pair = <S extends Shape, B extends Operand>(
  this: Tensor<S>,
  other: B & CheckBroadcast<S, ShapeOf<B>>,
) => Tensor<Broadcast<S, ShapeOf<B>>>;

/** A method that summarises axes. */
type Summary<Options = object> = <
  S extends Shape,
  const Axes extends AxesArgument = undefined,
  const Keep extends boolean = false,
>(
  this: Tensor<S>,
  axes?: Axes,
  options?: Options & reductions.ReduceOptions<Keep>,
) => Tensor<Reduce<S, Axes, Keep>>;

/** A method that finds a position along one axis. */
type Position = <
  S extends Shape,
  const Axis extends number | undefined = undefined,
  const Keep extends boolean = false,
>(
  this: Tensor<S>,
  axis?: Axis,
  options?: reductions.ReduceOptions<Keep>,
) => Tensor<Reduce<S, Axis, Keep>>;

/**
 * The functions of this library as methods: `x.add(y)` is `add(x, y)`. Each is documented at the function of its name.
 * The shape comes in through `this`, so that a tensor of a known shape stays usable wherever any tensor is.
 */
export interface TensorMethods {
  // Element-wise
  add: Pair;
  sub: Pair;
  mul: Pair;
  div: Pair;
  floorDiv: Pair;
  mod: Pair;
  remainder: Pair;
  pow: Pair;
  maximum: Pair;
  minimum: Pair;
  atan2: Pair;
  logAddExp: Pair;
  eq: Pair;
  ne: Pair;
  lt: Pair;
  le: Pair;
  gt: Pair;
  ge: Pair;
  logicalAnd: Pair;
  logicalOr: Pair;
  logicalXor: Pair;
  bitwiseAnd: Pair;
  bitwiseOr: Pair;
  bitwiseXor: Pair;
  neg: Same;
  abs: Same;
  sign: Same;
  floor: Same;
  ceil: Same;
  round: Same;
  trunc: Same;
  exp: Same;
  exp2: Same;
  expm1: Same;
  log: Same;
  log2: Same;
  log10: Same;
  log1p: Same;
  sqrt: Same;
  rsqrt: Same;
  reciprocal: Same;
  square: Same;
  sin: Same;
  cos: Same;
  tan: Same;
  asin: Same;
  acos: Same;
  atan: Same;
  sinh: Same;
  cosh: Same;
  tanh: Same;
  atanh: Same;
  erf: Same;
  logicalNot: Same;
  bitwiseNot: Same;
  isNaN: Same;
  isFinite: Same;
  isInf: Same;
  clip<S extends Shape>(this: Tensor<S>, low?: Operand, high?: Operand): Tensor<S>;
  cast<S extends Shape>(this: Tensor<S>, dtype: DType): Tensor<S>;
  bitcast<S extends Shape>(this: Tensor<S>, dtype: DType): Tensor<S>;

  // Activations
  sigmoid: Same;
  logSigmoid: Same;
  relu: Same;
  relu6: Same;
  silu: Same;
  mish: Same;
  softsign: Same;
  selu: Same;
  hardSigmoid: Same;
  hardSwish: Same;
  softplus: Same;
  gelu<S extends Shape>(this: Tensor<S>, options?: activations.GeluOptions): Tensor<S>;
  elu<S extends Shape>(this: Tensor<S>, alpha?: number): Tensor<S>;
  leakyRelu<S extends Shape>(this: Tensor<S>, slope?: number): Tensor<S>;
  prelu<S extends Shape>(this: Tensor<S>, slope: Operand): Tensor<S>;
  celu<S extends Shape>(this: Tensor<S>, alpha?: number): Tensor<S>;
  hardShrink<S extends Shape>(this: Tensor<S>, threshold?: number): Tensor<S>;
  softShrink<S extends Shape>(this: Tensor<S>, threshold?: number): Tensor<S>;
  hardTanh<S extends Shape>(this: Tensor<S>, low?: number, high?: number): Tensor<S>;
  softmax<S extends Shape>(this: Tensor<S>, axis?: number): Tensor<S>;
  logSoftmax<S extends Shape>(this: Tensor<S>, axis?: number): Tensor<S>;

  // Reductions
  sum: Summary;
  prod: Summary;
  mean: Summary;
  max: Summary;
  min: Summary;
  any: Summary;
  all: Summary;
  logSumExp: Summary;
  var: Summary<reductions.VarianceOptions>;
  variance: Summary<reductions.VarianceOptions>;
  std: Summary<reductions.VarianceOptions>;
  norm: Summary<reductions.NormOptions>;
  argmax: Position;
  argmin: Position;
  cumsum<S extends Shape>(this: Tensor<S>, axis: number): Tensor<S>;

  // Movement
  reshape<const T extends Shape>(shape: T): Tensor<Reshape<T>>;
  flatten(start?: number, end?: number): Tensor;
  squeeze(axes?: number | readonly number[]): Tensor;
  unsqueeze(axis: number): Tensor;
  permute<S extends Shape, const Axes extends readonly number[]>(
    this: Tensor<S>,
    axes: Axes,
  ): Tensor<Permute<S, Axes>>;
  transpose<S extends Shape>(this: Tensor<S>): Tensor<Transpose<S>>;
  transpose(a: number, b: number): Tensor;
  moveAxis(from: number, to: number): Tensor;
  expand<S extends Shape, const T extends Shape>(
    this: Tensor<S>,
    shape: T & CheckBroadcast<S, T>,
  ): Tensor<Fixed<T>>;
  split(sizes: number | readonly number[], axis?: number): Tensor[];
  chunk(count: number, axis?: number): Tensor[];
  unstack(axis?: number): Tensor[];
  flip<S extends Shape>(this: Tensor<S>, axes?: number | readonly number[]): Tensor<S>;
  roll<S extends Shape>(
    this: Tensor<S>,
    shift: number | readonly number[],
    axes?: number | readonly number[],
  ): Tensor<S>;
  pad(widths: readonly (readonly [low: number, high: number])[], options?: padding.PadOptions): Tensor;
  tile(counts: readonly number[]): Tensor;
  repeat(count: number, axis?: number): Tensor;

  // Products
  matmul<A extends Shape, B extends Shape>(
    this: Tensor<A>,
    other: Tensor<B> & CheckMatMul<A, B>,
  ): Tensor<MatMul<A, B>>;
  dot(other: Tensor): Tensor<[]>;
  outer<A extends Shape, B extends Shape>(this: Tensor<A>, other: Tensor<B>): Tensor<[...A, ...B]>;

  // Indexing
  slice(...ranges: readonly Range[]): Tensor;
  index(...indices: readonly indexing.Index[]): Tensor;
  take(indices: Tensor | readonly number[], axis?: number): Tensor;
  gather<I extends Shape>(indices: Tensor<I>, axis: number): Tensor<I>;
  takeAlongAxis<I extends Shape>(indices: Tensor<I>, axis: number): Tensor<I>;
  scatterAdd<S extends Shape>(this: Tensor<S>, indices: Tensor, updates: Tensor, axis?: number): Tensor<S>;
  indexAdd<S extends Shape>(this: Tensor<S>, indices: Tensor, updates: Tensor, axis?: number): Tensor<S>;
  oneHot(classes: number, options?: indexing.OneHotOptions): Tensor;
  tril<S extends Shape>(this: Tensor<S>, diagonal?: number): Tensor<S>;
  triu<S extends Shape>(this: Tensor<S>, diagonal?: number): Tensor<S>;
  diagonal(): Tensor;
  sort<S extends Shape>(this: Tensor<S>, axis?: number, options?: sorting.SortOptions): Tensor<S>;
  argsort<S extends Shape>(this: Tensor<S>, axis?: number, options?: sorting.SortOptions): Tensor<S>;
  topK(count: number, axis?: number, options?: sorting.TopKOptions): sorting.TopK;

  // Differentiation
  /** Adds dL/dp to the `grad` of each parameter that this loss depends on; see {@link backward}. */
  backward(): void;
  stopGradient: Same;

  // Convolution and pooling
  conv1d(weight: Tensor, bias?: Tensor, options?: convolution.ConvOptions): Tensor;
  conv2d(weight: Tensor, bias?: Tensor, options?: convolution.ConvOptions): Tensor;
  conv3d(weight: Tensor, bias?: Tensor, options?: convolution.ConvOptions): Tensor;
  convTranspose1d(weight: Tensor, bias?: Tensor, options?: convolution.ConvTransposeOptions): Tensor;
  convTranspose2d(weight: Tensor, bias?: Tensor, options?: convolution.ConvTransposeOptions): Tensor;
  convTranspose3d(weight: Tensor, bias?: Tensor, options?: convolution.ConvTransposeOptions): Tensor;
  maxPool1d(size: convolution.PerAxis, options?: pooling.MaxPoolOptions): Tensor;
  maxPool2d(size: convolution.PerAxis, options?: pooling.MaxPoolOptions): Tensor;
  maxPool3d(size: convolution.PerAxis, options?: pooling.MaxPoolOptions): Tensor;
  avgPool1d(size: convolution.PerAxis, options?: pooling.AvgPoolOptions): Tensor;
  avgPool2d(size: convolution.PerAxis, options?: pooling.AvgPoolOptions): Tensor;
  avgPool3d(size: convolution.PerAxis, options?: pooling.AvgPoolOptions): Tensor;
  globalAvgPool1d(): Tensor;
  globalAvgPool2d(): Tensor;
  globalMaxPool1d(): Tensor;
  globalMaxPool2d(): Tensor;
  adaptiveAvgPool1d(size: convolution.PerAxis): Tensor;
  adaptiveAvgPool2d(size: convolution.PerAxis): Tensor;
  adaptiveMaxPool1d(size: convolution.PerAxis): Tensor;
  adaptiveMaxPool2d(size: convolution.PerAxis): Tensor;
  interpolate(options: InterpolateOptions): Tensor;

  // Normalisation
  batchNorm<S extends Shape>(
    this: Tensor<S>,
    mean: Tensor,
    variance: Tensor,
    options?: normalization.BatchNormOptions,
  ): Tensor<S>;
  layerNorm<S extends Shape>(this: Tensor<S>, options?: normalization.LayerNormOptions): Tensor<S>;
  rmsNorm<S extends Shape>(
    this: Tensor<S>,
    options?: Omit<normalization.LayerNormOptions, 'bias'>,
  ): Tensor<S>;
  groupNorm<S extends Shape>(
    this: Tensor<S>,
    groups: number,
    options?: normalization.NormalizationOptions,
  ): Tensor<S>;

  // For people
  text(options?: TextOptions): Promise<string>;
  print(options?: TextOptions): Promise<void>;
}

declare module './tensor.js' {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars, @typescript-eslint/no-empty-object-type -- merges with the class, whose type parameters it must repeat
  interface Tensor<S extends Shape = Shape> extends TensorMethods {}
}

type Implementation = (x: Tensor, ...rest: never[]) => unknown;

const METHODS: { readonly [Name in keyof TensorMethods]: Implementation } = {
  add: elementwise.add,
  sub: elementwise.sub,
  mul: elementwise.mul,
  div: elementwise.div,
  floorDiv: elementwise.floorDiv,
  mod: elementwise.mod,
  remainder: elementwise.remainder,
  pow: elementwise.pow,
  maximum: elementwise.maximum,
  minimum: elementwise.minimum,
  atan2: elementwise.atan2,
  logAddExp: elementwise.logAddExp,
  eq: elementwise.eq,
  ne: elementwise.ne,
  lt: elementwise.lt,
  le: elementwise.le,
  gt: elementwise.gt,
  ge: elementwise.ge,
  logicalAnd: elementwise.logicalAnd,
  logicalOr: elementwise.logicalOr,
  logicalXor: elementwise.logicalXor,
  bitwiseAnd: elementwise.bitwiseAnd,
  bitwiseOr: elementwise.bitwiseOr,
  bitwiseXor: elementwise.bitwiseXor,
  neg: elementwise.neg,
  abs: elementwise.abs,
  sign: elementwise.sign,
  floor: elementwise.floor,
  ceil: elementwise.ceil,
  round: elementwise.round,
  trunc: elementwise.trunc,
  exp: elementwise.exp,
  exp2: elementwise.exp2,
  expm1: elementwise.expm1,
  log: elementwise.log,
  log2: elementwise.log2,
  log10: elementwise.log10,
  log1p: elementwise.log1p,
  sqrt: elementwise.sqrt,
  rsqrt: elementwise.rsqrt,
  reciprocal: elementwise.reciprocal,
  square: elementwise.square,
  sin: elementwise.sin,
  cos: elementwise.cos,
  tan: elementwise.tan,
  asin: elementwise.asin,
  acos: elementwise.acos,
  atan: elementwise.atan,
  sinh: elementwise.sinh,
  cosh: elementwise.cosh,
  tanh: elementwise.tanh,
  atanh: elementwise.atanh,
  erf: elementwise.erf,
  logicalNot: elementwise.logicalNot,
  bitwiseNot: elementwise.bitwiseNot,
  isNaN: elementwise.isNaN,
  isFinite: elementwise.isFinite,
  isInf: elementwise.isInf,
  clip: elementwise.clip,
  cast: elementwise.cast,
  bitcast: elementwise.bitcast,

  sigmoid: elementwise.sigmoid,
  logSigmoid: activations.logSigmoid,
  relu: activations.relu,
  relu6: activations.relu6,
  silu: activations.silu,
  mish: activations.mish,
  softsign: activations.softsign,
  selu: activations.selu,
  hardSigmoid: activations.hardSigmoid,
  hardSwish: activations.hardSwish,
  softplus: activations.softplus,
  gelu: activations.gelu,
  elu: activations.elu,
  leakyRelu: activations.leakyRelu,
  prelu: activations.prelu,
  celu: activations.celu,
  hardShrink: activations.hardShrink,
  softShrink: activations.softShrink,
  hardTanh: activations.hardTanh,
  softmax: activations.softmax,
  logSoftmax: activations.logSoftmax,

  sum: reductions.sum,
  prod: reductions.prod,
  mean: reductions.mean,
  max: reductions.max,
  min: reductions.min,
  any: reductions.any,
  all: reductions.all,
  logSumExp: reductions.logSumExp,
  var: reductions.variance,
  variance: reductions.variance,
  std: reductions.std,
  norm: reductions.norm,
  argmax: reductions.argmax,
  argmin: reductions.argmin,
  cumsum: reductions.cumsum,

  reshape: movement.reshape,
  flatten: movement.flatten,
  squeeze: movement.squeeze,
  unsqueeze: movement.unsqueeze,
  permute: movement.permute,
  transpose: movement.transpose,
  moveAxis: movement.moveAxis,
  expand: movement.expand,
  split: movement.split,
  chunk: movement.chunk,
  unstack: movement.unstack,
  flip: movement.flip,
  roll: movement.roll,
  pad: padding.pad,
  tile: padding.tile,
  repeat: padding.repeat,

  matmul: matmul.matmul,
  dot: matmul.dot,
  outer: matmul.outer,

  slice,
  index: indexing.index,
  take: indexing.take,
  gather: indexing.takeAlongAxis,
  takeAlongAxis: indexing.takeAlongAxis,
  scatterAdd: indexing.scatterAdd,
  indexAdd: indexing.indexAdd,
  oneHot: indexing.oneHot,
  tril: diagonals.tril,
  triu: diagonals.triu,
  diagonal: diagonals.diagonal,
  sort: sorting.sort,
  argsort: sorting.argsort,
  topK: sorting.topK,

  conv1d: convolution.conv1d,
  conv2d: convolution.conv2d,
  conv3d: convolution.conv3d,
  convTranspose1d: convolution.convTranspose1d,
  convTranspose2d: convolution.convTranspose2d,
  convTranspose3d: convolution.convTranspose3d,
  maxPool1d: pooling.maxPool1d,
  maxPool2d: pooling.maxPool2d,
  maxPool3d: pooling.maxPool3d,
  avgPool1d: pooling.avgPool1d,
  avgPool2d: pooling.avgPool2d,
  avgPool3d: pooling.avgPool3d,
  globalAvgPool1d: adaptive.globalAvgPool1d,
  globalAvgPool2d: adaptive.globalAvgPool2d,
  globalMaxPool1d: adaptive.globalMaxPool1d,
  globalMaxPool2d: adaptive.globalMaxPool2d,
  adaptiveAvgPool1d: adaptive.adaptiveAvgPool1d,
  adaptiveAvgPool2d: adaptive.adaptiveAvgPool2d,
  adaptiveMaxPool1d: adaptive.adaptiveMaxPool1d,
  adaptiveMaxPool2d: adaptive.adaptiveMaxPool2d,
  interpolate,

  batchNorm: normalization.batchNorm,
  layerNorm: normalization.layerNorm,
  rmsNorm: normalization.rmsNorm,
  groupNorm: normalization.groupNorm,

  backward,
  stopGradient,

  text,
  print,
};

for (const [name, implementation] of Object.entries(METHODS)) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: never[]): unknown {
      return implementation(this, ...rest);
    },
    writable: true,
    configurable: true,
  });
}
