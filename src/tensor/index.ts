/** Everything of this room that people call. */
import './methods.js';

export * from './activations.js';
export * from './adaptive-pooling.js';
export {
  backward,
  checkpoint,
  customGradient,
  grad,
  stopGradient,
  valueAndGrad,
  type Gradients,
} from './autograd.js';
export { compile } from './compile.js';
export {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type ConvOptions,
  type ConvTransposeOptions,
  type Padding,
  type PerAxis,
} from './convolution.js';
export {
  arange,
  eye,
  full,
  fullLike,
  linspace,
  ones,
  onesLike,
  tensor,
  zeros,
  zerosLike,
  type CreationOptions,
  type NestedInput,
  type TensorOptions,
} from './creation.js';
export { diagonal, tril, triu } from './diagonals.js';
export { einsum } from './einsum.js';
export * from './elementwise.js';
export { print, text, type TextOptions } from './format.js';
export {
  gather,
  index,
  indexAdd,
  oneHot,
  scatterAdd,
  take,
  takeAlongAxis,
  type Index,
  type OneHotOptions,
} from './indexing.js';
export * from './interpolate.js';
export { jvp } from './jvp.js';
export { dot, matmul, outer } from './matmul.js';
export {
  broadcastTensors,
  chunk,
  concat,
  expand,
  flatten,
  flip,
  moveAxis,
  permute,
  reshape,
  roll,
  split,
  squeeze,
  stack,
  transpose,
  unsqueeze,
  unstack,
} from './movement.js';
export * from './normalization.js';
export { literal, type Operand, type ShapeOf } from './operands.js';
export * from './padding.js';
export {
  avgPool1d,
  avgPool2d,
  avgPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type AvgPoolOptions,
  type MaxPoolOptions,
  type PoolOptions,
} from './pooling.js';
export * as random from './random.js';
export { Generator, setSeed } from './random.js';
export * from './reductions.js';
export { slice, type Range } from './slicing.js';
export { argsort, sort, topK, type SortOptions, type TopK, type TopKOptions } from './sorting.js';
export { scan, type ScanOptions, type StepOf } from './scan.js';
export { isTensor, Tensor, type NestedArray } from './tensor.js';
export { isParameter, Parameter, Variable } from './variable.js';
export { vmap, type MappedAxes, type VmapOptions } from './vmap.js';
export {
  inspect,
  type Ceilings,
  type Inspection,
  type KernelKind,
  type KernelProfile,
  type KernelSpan,
  type MemorySpeed,
  type Profile,
  type ProfileOptions,
} from './inspect.js';
export { evaluate } from './evaluate.js';
export { assume } from './trace.js';
