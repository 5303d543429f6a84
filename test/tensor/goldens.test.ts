/**
 * Every function and its gradient against PyTorch's results, which scripts/goldens/tensor.py has stored. A case is one
 * line: how the function is called here.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { grad, random, tensor, type Tensor } from '../../src/index.js';
import { setDevice } from '../../src/runtime/devices.js';
import * as t from '../../src/tensor/index.js';
import { expectClose } from '../support/close.js';
import { usableDevices } from '../support/devices.js';

interface Golden {
  readonly name: string;
  readonly inputs: readonly { shape: number[]; dtype: 'float32' | 'int32' | 'bool'; data: number[] }[];
  readonly shape: number[];
  readonly output: number[];
  readonly gradients?: (number[] | null)[];
}

const goldens = JSON.parse(
  readFileSync(new URL('../goldens/tensor.json', import.meta.url), 'utf8'),
) as Golden[];

type Call = (...inputs: Tensor[]) => Tensor;

/** The method of that name, without arguments. */
const method =
  (name: t.Elementwise): Call =>
  (x) =>
    name(x);

const einsum =
  (equation: string): Call =>
  (...inputs) =>
    t.einsum(equation, ...inputs);

const multiply: Call = (a, b) => a.matmul(b);

const CASES: Readonly<Record<string, Call>> = {
  neg: (x) => x.neg(),
  abs: (x) => x.abs(),
  sign: (x) => x.sign(),
  exp: (x) => x.exp(),
  expm1: (x) => x.expm1(),
  sin: (x) => x.sin(),
  cos: (x) => x.cos(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  erf: (x) => x.erf(),
  square: (x) => x.square(),
  sinh: (x) => x.sinh(),
  cosh: (x) => x.cosh(),
  atan: (x) => x.atan(),
  tan: (x) => x.tan(),
  log: (x) => x.log(),
  log2: (x) => x.log2(),
  log10: (x) => x.log10(),
  log1p: (x) => x.log1p(),
  sqrt: (x) => x.sqrt(),
  rsqrt: (x) => x.rsqrt(),
  reciprocal: (x) => x.reciprocal(),
  exp2: (x) => x.exp2(),
  floor: (x) => x.floor(),
  ceil: (x) => x.ceil(),
  round: (x) => x.round(),
  trunc: (x) => x.trunc(),
  asin: (x) => x.asin(),
  acos: (x) => x.acos(),
  atanh: (x) => x.atanh(),
  add: (a, b) => a.add(b),
  'add, broadcasting both': (a, b) => a.add(b),
  'sub, a scalar first': (a, b) => a.sub(b),
  'mul, broadcasting': (a, b) => a.mul(b),
  'mul by itself': (x) => x.mul(x),
  div: (a, b) => a.div(b),
  'div of integers': (a, b) => a.div(b),
  floorDiv: (a, b) => a.floorDiv(b),
  'floorDiv of integers': (a, b) => a.floorDiv(b),
  mod: (a, b) => a.mod(b),
  remainder: (a, b) => a.remainder(b),
  'remainder of integers': (a, b) => a.remainder(b),
  'pow of tensors': (a, b) => a.pow(b),
  'pow 2': (x) => x.pow(2),
  'pow 3': (x) => x.pow(3),
  'pow 0.5': (x) => x.pow(0.5),
  'pow -0.5': (x) => x.pow(-0.5),
  'pow -1': (x) => x.pow(-1),
  'pow 1.7': (x) => x.pow(1.7),
  'pow 5': (x) => x.pow(5),
  'pow 0': (x) => x.pow(0),
  'pow 3 of negative numbers': (x) => x.pow(3),
  'maximum, ties share': (a, b) => a.maximum(b),
  'minimum, ties share': (a, b) => a.minimum(b),
  atan2: (a, b) => a.atan2(b),
  logAddExp: (a, b) => a.logAddExp(b),
  where: (c, a, b) => t.where(c, a, b),
  clip: (x) => x.clip(-1, 1.5),
  'clip below only': (x) => x.clip(0.5),
  eq: (a, b) => a.eq(b),
  ne: (a, b) => a.ne(b),
  lt: (a, b) => a.lt(b),
  le: (a, b) => a.le(b),
  gt: (a, b) => a.gt(b),
  ge: (a, b) => a.ge(b),
  'logical and': (a, b) => a.logicalAnd(b),
  'logical or': (a, b) => a.logicalOr(b),
  'logical xor': (a, b) => a.logicalXor(b),
  logicalNot: (x) => x.logicalNot(),

  relu: (x) => x.relu(),
  relu6: (x) => x.relu6(),
  leakyRelu: (x) => x.leakyRelu(0.1),
  elu: (x) => x.elu(1.5),
  celu: (x) => x.celu(1.5),
  selu: (x) => x.selu(),
  softsign: (x) => x.softsign(),
  hardTanh: (x) => x.hardTanh(),
  hardShrink: (x) => x.hardShrink(),
  softShrink: (x) => x.softShrink(),
  hardSigmoid: (x) => x.hardSigmoid(),
  hardSwish: (x) => x.hardSwish(),
  gelu: (x) => x.gelu(),
  'gelu by tanh': (x) => x.gelu({ approximate: 'tanh' }),
  silu: method(t.silu),
  mish: method(t.mish),
  softplus: method(t.softplus),
  logSigmoid: method(t.logSigmoid),
  prelu: (x, w) => x.prelu(w.reshape([3, 1])),
  softmax: (x) => x.softmax(),
  'softmax along axis 0, large': (x) => x.softmax(0),
  logSoftmax: (x) => x.logSoftmax(),
  'logSoftmax, large': (x) => x.logSoftmax(1),

  sum: (x) => x.sum(),
  'sum along 1': (x) => x.sum(1),
  mean: (x) => x.mean(),
  'mean along 1': (x) => x.mean(1),
  prod: (x) => x.prod(),
  'prod along 1': (x) => x.prod(1),
  'prod with zeros': (x) => x.prod(1),
  'sum along 0 and 2, kept': (x) => x.sum([0, 2], { keepDims: true }),
  'sum of bool': (x) => x.sum(),
  amax: (x) => x.max([0, 2]),
  'amax, ties share': (x) => x.max(1),
  amin: (x) => x.min([0, 2]),
  'amin, ties share': (x) => x.min(1),
  var: (x) => x.var(),
  'var along 1, biased, kept': (x) => x.var(1, { correction: 0, keepDims: true }),
  'std along -1': (x) => x.std(-1),
  logSumExp: (x) => x.logSumExp(1),
  'logSumExp over all, kept': (x) => x.logSumExp([0, 1], { keepDims: true }),
  norm: (x) => x.norm(),
  'norm along 1 of zeros': (x) => x.norm(1),
  'norm 1': (x) => x.norm(0, { ord: 1 }),
  'norm 3': (x) => x.norm(0, { ord: 3 }),
  'norm infinity': (x) => x.norm(0, { ord: Infinity }),
  argmax: (x) => x.argmax(1),
  'argmax of all': (x) => x.argmax(),
  'argmin along 0, kept': (x) => x.argmin(0, { keepDims: true }),
  any: (x) => x.any(1),
  all: (x) => x.all(1),
  cumsum: (x) => x.cumsum(1),
  'cumsum of integers along 0': (x) => x.cumsum(0),

  reshape: (x) => x.reshape([3, -1]),
  'flatten from 1': (x) => x.flatten(1),
  permute: (x) => x.permute([2, 0, 1]),
  transpose: (x) => x.transpose(),
  moveAxis: (x) => x.moveAxis(0, 2),
  expand: (x) => x.expand([2, -1, 4]),
  'concat along 1': (a, b) => t.concat([a, b], 1),
  'stack along 1': (a, b) => t.stack([a, b], 1),
  'second part of split': (x) => x.split(2, 1)[1] as Tensor,
  'last of chunk': (x) => x.chunk(3).at(-1) as Tensor,
  flip: (x) => x.flip([0, 2]),
  roll: (x) => x.roll([1, -2], [0, 1]),
  'roll of all': (x) => x.roll(2),
  pad: (x) =>
    x.pad(
      [
        [0, 1],
        [1, 2],
      ],
      { value: 3 },
    ),
  'pad, cutting off': (x) => x.pad([[-1, 2]]),
  'pad by reflect': (x) =>
    x.pad(
      [
        [1, 2],
        [2, 1],
      ],
      { mode: 'reflect' },
    ),
  'pad by replicate': (x) =>
    x.pad(
      [
        [1, 2],
        [2, 1],
      ],
      { mode: 'replicate' },
    ),
  'pad by circular': (x) =>
    x.pad(
      [
        [1, 2],
        [2, 1],
      ],
      { mode: 'circular' },
    ),
  tile: (x) => x.tile([2, 1, 3]),
  'repeat along 1': (x) => x.repeat(3, 1),

  slice: (x) => x.slice([1], [null, -1, 2], -2),
  'slice backwards': (x) => x.slice([null, null, -2]),
  'index with arrays': (x) => x.index([0, 2, 0], [1, 1, 3]),
  'index with arrays that are apart': (x) =>
    x.index(tensor([[0], [2]], { dtype: 'int32' }), null, tensor([[1, 0]], { dtype: 'int32' })),
  'take along 1': (x, i) => x.take(i, 1),
  gather: (x, i) => x.gather(i, 1),
  'gather along 0': (x, i) => x.gather(i, 0),
  scatterAdd: (x, i, u) => x.scatterAdd(i, u),
  'indexAdd along 1': (x, i, u) => x.indexAdd(i, u, 1),
  oneHot: (i) => i.oneHot(5),
  tril: (x) => x.tril(),
  'tril off the diagonal': (x) => x.tril(-1),
  triu: (x) => x.triu(),
  'triu off the diagonal': (x) => x.triu(-1),
  diagonal: (x) => x.diagonal(),
  sort: (x) => x.sort(),
  'sort along 0, descending': (x) => x.sort(0, { descending: true }),
  argsort: (x) => x.argsort(1),
  'topK values': (x) => x.topK(2, 1).values,
  'topK indices of the smallest': (x) => x.topK(2, 0, { largest: false }).indices,

  'matmul: matrices': multiply,
  'matmul: matrix and vector': multiply,
  'matmul: vector and matrix': multiply,
  'matmul: vectors': multiply,
  'matmul: batches': multiply,
  'matmul: batch and matrix': multiply,
  'matmul: matrix and batch': multiply,
  'matmul: vector and batch': multiply,
  'matmul: batch and vector': multiply,
  'matmul: batches that broadcast': multiply,
  'matmul: batches with axes of 1': multiply,
  dot: (a, b) => a.dot(b),
  outer: (a, b) => a.outer(b),
  ...Object.fromEntries(
    goldens
      .filter(({ name }) => name.startsWith('einsum '))
      .map(({ name }) => [name, einsum(name.slice('einsum '.length))]),
  ),

  conv1d: (x, w, b) => t.conv1d(x, w, b, { stride: 2, padding: 1 }),
  'conv1d, dilated': (x, w) => t.conv1d(x, w, undefined, { dilation: 2 }),
  conv2d: (x, w, b) => t.conv2d(x, w, b),
  'conv2d, stride, padding, dilation': (x, w) =>
    t.conv2d(x, w, undefined, { stride: [2, 1], padding: [1, 2], dilation: [1, 2] }),
  'conv2d in groups': (x, w) => t.conv2d(x, w, undefined, { groups: 2, padding: 1 }),
  'conv2d, depthwise': (x, w) => t.conv2d(x, w, undefined, { groups: 3 }),
  'conv2d, same': (x, w) => t.conv2d(x, w, undefined, { padding: 'same' }),
  'conv2d of one sample': (x, w) => t.conv2d(x, w),
  conv3d: (x, w, b) => t.conv3d(x, w, b, { padding: [1, 0, 1] }),
  convTranspose1d: (x, w, b) => t.convTranspose1d(x, w, b, { stride: 2, padding: 1, outputPadding: 1 }),
  convTranspose2d: (x, w) => t.convTranspose2d(x, w, undefined, { stride: [2, 1], padding: [0, 1] }),
  'convTranspose2d in groups, dilated': (x, w) =>
    t.convTranspose2d(x, w, undefined, { groups: 2, dilation: 2 }),
  convTranspose3d: (x, w) => t.convTranspose3d(x, w, undefined, { stride: 2 }),

  maxPool1d: (x) => x.maxPool1d(2),
  maxPool2d: (x) => x.maxPool2d(2),
  'maxPool2d, ties go to the first': (x) => x.maxPool2d(2),
  'maxPool2d, overlapping with ties': (x) => x.maxPool2d(3, { stride: 2, padding: 1 }),
  'maxPool2d, dilated': (x) => x.maxPool2d([2, 3], { stride: 1, padding: 1, dilation: [2, 1] }),
  'maxPool2d, last window hangs over': (x) => x.maxPool2d(2, { ceilMode: true }),
  maxPool3d: (x) => x.maxPool3d(2),
  avgPool1d: (x) => x.avgPool1d(3, { stride: 2, padding: 1 }),
  avgPool2d: (x) => x.avgPool2d(2),
  'avgPool2d, without the padding': (x) => x.avgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }),
  'avgPool2d, last window hangs over': (x) => x.avgPool2d(3, { stride: 2, padding: 1, ceilMode: true }),
  avgPool3d: (x) => x.avgPool3d(2),
  adaptiveAvgPool1d: (x) => x.adaptiveAvgPool1d(3),
  adaptiveAvgPool2d: (x) => x.adaptiveAvgPool2d([2, 3]),
  adaptiveMaxPool1d: (x) => x.adaptiveMaxPool1d(3),
  'adaptiveMaxPool2d, parts overlap, ties go to the first': (x) => x.adaptiveMaxPool2d([2, 3]),

  'interpolate nearest, larger': (x) => x.interpolate({ scaleFactor: 2 }),
  'interpolate nearest, odd sizes': (x) => x.interpolate({ size: [5, 2] }),
  'interpolate bilinear, larger': (x) => x.interpolate({ scaleFactor: 2, mode: 'bilinear' }),
  'interpolate bilinear, odd sizes': (x) => x.interpolate({ size: [5, 2], mode: 'bilinear' }),
  'interpolate bilinear, corners aligned': (x) =>
    x.interpolate({ size: [5, 3], mode: 'bilinear', alignCorners: true }),
  'interpolate linear': (x) => x.interpolate({ size: 7, mode: 'linear' }),

  batchNorm: (x, weight, bias) => {
    const { mean, variance } = t.moments(x, [0, 2, 3]);
    return x.batchNorm(mean, variance, { weight, bias });
  },
  'batchNorm with given moments': (x, mean, variance, weight, bias) =>
    x.batchNorm(mean.stopGradient(), variance.stopGradient(), { weight, bias }),
  layerNorm: (x, weight, bias) => x.layerNorm({ weight, bias }),
  'layerNorm over two axes': (x, weight) => x.layerNorm({ axes: [1, 2], weight }),
  groupNorm: (x, weight, bias) => x.groupNorm(2, { weight, bias }),
  rmsNorm: (x, weight) => x.rmsNorm({ weight }),
};

/** Evaluates what follows on `device`. */
function useDevice(device: string): void {
  beforeAll(() => setDevice(device));
}

/** The numbers with which the elements of a result are multiplied before they are summed to a loss. */
function weightsLike(output: Tensor): Tensor {
  const values = Float32Array.from({ length: output.size }, (_, i) => (((i * 7) % 11) - 5) / 4);
  return tensor(values, { shape: output.shape });
}

test('there is a case for each stored result, and a result for each case', () => {
  expect(Object.keys(CASES).sort()).toEqual(goldens.map(({ name }) => name).sort());
});

describe.each(usableDevices())('functions agree with PyTorch on %s', (device) => {
  useDevice(device);

  test.each(goldens)('$name', async (golden) => {
    const inputs = golden.inputs.map(({ shape, dtype, data }) => tensor(data, { shape, dtype }));
    const output = (CASES[golden.name] as Call)(...inputs);
    expect(output.shape).toEqual(golden.shape);
    expectClose(await output.data(), golden.output);
    if (golden.gradients === undefined) return;
    const slopes = grad(output.mul(weightsLike(output)).sum(), inputs);
    for (const [i, expected] of golden.gradients.entries()) {
      if (golden.inputs[i]?.dtype !== 'float32') continue;
      const slope = slopes[i] as Tensor;
      expect(slope.shape).toEqual(golden.inputs[i].shape);
      expectClose(
        await slope.data(),
        expected ?? golden.inputs[i].data.map(() => 0),
        {},
        `gradients for input ${i}`,
      );
    }
  });
});

describe.each(usableDevices())('second derivatives on %s', (device) => {
  useDevice(device);
  const smooth: readonly [string, (x: Tensor) => Tensor][] = [
    ['exp', (x) => x.exp()],
    ['pow', (x) => x.abs().add(1).pow(2.5)],
    ['tanh', (x) => x.tanh()],
    ['gelu', (x) => x.gelu()],
    ['softplus', (x) => x.softplus()],
    ['softmax', (x) => x.softmax()],
    ['logSumExp', (x) => x.logSumExp(-1)],
    ['layerNorm', (x) => x.layerNorm()],
    ['matmul', (x) => x.matmul(x.transpose())],
    [
      'conv1d',
      (x) => t.conv1d(x.unsqueeze(0), x.slice([0, 3], [0, 2]).unsqueeze(1), undefined, { groups: 3 }),
    ],
    ['maxPool1d', (x) => x.square().maxPool1d(2)],
    ['prod', (x) => x.prod(1)],
    ['cumsum', (x) => x.square().cumsum(1)],
    ['gather', (x) => x.square().take([2, 0, 0])],
    ['norm', (x) => x.norm(1)],
  ];
  test.each(smooth)('%s, against differences of the first', async (_, f) => {
    random.setSeed(3);
    const x = random.normal([3, 4], { dtype: 'float64' });
    const direction = random.normal([3, 4], { dtype: 'float64' });
    const slope = (at: Tensor): Tensor => grad(f(at).square().sum(), at);
    const step = 1e-6;
    const second = grad(slope(x).mul(direction).sum(), x);
    const ahead = slope(x.add(direction.mul(step)));
    const behind = slope(x.sub(direction.mul(step)));
    const expected = await ahead
      .sub(behind)
      .div(2 * step)
      .array1d();
    expectClose(await second.array1d(), expected, { absolute: 1e-4, relative: 1e-5 });
  });
});
