/** Everything of this room that people call. */
import './methods.js';

export * from './activations.js';
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
} from './creation.js';
export { einsum } from './einsum.js';
export * from './elementwise.js';
export { print, text, type TextOptions } from './format.js';
export {
  argsort,
  diagonal,
  gather,
  index,
  indexAdd,
  oneHot,
  scatterAdd,
  slice,
  sort,
  take,
  takeAlongAxis,
  topK,
  tril,
  triu,
  type Index,
  type OneHotOptions,
  type Range,
  type SortOptions,
  type TopK,
  type TopKOptions,
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
  pad,
  permute,
  repeat,
  reshape,
  roll,
  split,
  squeeze,
  stack,
  tile,
  transpose,
  unsqueeze,
  unstack,
  type PadMode,
  type PadOptions,
} from './movement.js';
export * from './normalization.js';
export { literal, type Operand, type ShapeOf } from './operands.js';
export * from './pooling.js';
export * as random from './random.js';
export { Generator, setSeed } from './random.js';
export * from './reductions.js';
export { scan, type ScanOptions, type StepOf } from './scan.js';
export { isTensor, Tensor, type NestedArray } from './tensor.js';
export { isParameter, Parameter, Variable } from './variable.js';
export { vmap, type MappedAxes, type VmapOptions } from './vmap.js';
export { inspect, type Inspection, type KernelTime } from './inspect.js';
export { evaluate } from './evaluate.js';
