/**
 * Every layer and loss, and their gradients, against PyTorch's results, which scripts/goldens/nn.py has stored. A case is
 * one line: how the thing is made here.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import * as nn from '../../src/nn/index.js';
import { setDevice } from '../../src/runtime/devices.js';
import { grad, tensor, type Tensor } from '../../src/tensor/index.js';
import { expectClose } from '../support/close.js';
import { usableDevices } from '../support/devices.js';

interface Values {
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32';
  readonly data: number[];
}

interface Golden {
  readonly name: string;
  readonly inputs: readonly Values[];
  readonly parameters: Readonly<Record<string, Values>>;
  readonly shape: number[];
  readonly output: number[];
  readonly gradients: readonly (number[] | null)[];
  readonly parameterGradients: Readonly<Record<string, number[]>>;
  readonly statistics: Readonly<Record<string, number[]>>;
}

const goldens = JSON.parse(readFileSync(new URL('../goldens/nn.json', import.meta.url), 'utf8')) as Golden[];

const LAYERS: Readonly<Record<string, () => nn.Module>> = {
  Linear: () => new nn.Linear(4, 3),
  'Linear, no bias, rank 3': () => new nn.Linear(4, 3, { bias: false }),
  'Linear, a vector': () => new nn.Linear(4, 3),
  Conv1d: () => new nn.Conv1d(2, 3, 3, { stride: 2, padding: 1 }),
  Conv2d: () => new nn.Conv2d(2, 3, 3),
  'Conv2d, stride, padding, dilation': () =>
    new nn.Conv2d(2, 4, [3, 2], { stride: [2, 1], padding: [1, 2], dilation: [2, 1] }),
  'Conv2d, groups': () => new nn.Conv2d(4, 4, 3, { groups: 2, padding: 1, bias: false }),
  'Conv2d, same': () => new nn.Conv2d(1, 2, 3, { padding: 'same' }),
  Conv3d: () => new nn.Conv3d(1, 2, 2),
  ConvTranspose1d: () => new nn.ConvTranspose1d(2, 3, 3, { stride: 2 }),
  ConvTranspose2d: () => new nn.ConvTranspose2d(2, 3, 3, { stride: 2, padding: 1, outputPadding: 1 }),
  'ConvTranspose2d, groups': () => new nn.ConvTranspose2d(4, 2, 2, { groups: 2 }),
  ConvTranspose3d: () => new nn.ConvTranspose3d(1, 2, 2),
  MaxPool1d: () => new nn.MaxPool1d(3, { stride: 2 }),
  MaxPool2d: () => new nn.MaxPool2d(2),
  'MaxPool2d, overlapping, padded': () => new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
  AvgPool1d: () => new nn.AvgPool1d(2),
  AvgPool2d: () => new nn.AvgPool2d(3, { stride: 2, padding: 1 }),
  AdaptiveAvgPool1d: () => new nn.AdaptiveAvgPool1d(3),
  AdaptiveAvgPool2d: () => new nn.AdaptiveAvgPool2d([3, 2]),
  GlobalAvgPool: () => new nn.GlobalAvgPool(),
  Flatten: () => new nn.Flatten(),
  'BatchNorm1d, training': () => new nn.BatchNorm1d(3),
  'BatchNorm1d, of sequences, training': () => new nn.BatchNorm1d(2),
  'BatchNorm2d, training': () => warm(new nn.BatchNorm2d(2, { momentum: 0.3 })),
  'BatchNorm2d, evaluating': () => warm(new nn.BatchNorm2d(2)).eval(),
  'BatchNorm2d, not affine': () => new nn.BatchNorm2d(2, { affine: false }),
  LayerNorm: () => new nn.LayerNorm(5),
  'LayerNorm, two axes, not affine': () => new nn.LayerNorm([3, 4], { affine: false }),
  Embedding: () => new nn.Embedding(6, 3),
  'Embedding, padding': () => new nn.Embedding(5, 2, { paddingIndex: 1 }),
  ReLU: () => new nn.ReLU(),
  ReLU6: () => new nn.ReLU6(),
  LeakyReLU: () => new nn.LeakyReLU(0.2),
  PReLU: () => new nn.PReLU(3),
  ELU: () => new nn.ELU(1.5),
  CELU: () => new nn.CELU(0.7),
  SELU: () => new nn.SELU(),
  GELU: () => new nn.GELU(),
  'GELU, by tanh': () => new nn.GELU({ approximate: 'tanh' }),
  SiLU: () => new nn.SiLU(),
  Mish: () => new nn.Mish(),
  Softplus: () => new nn.Softplus(),
  Softsign: () => new nn.Softsign(),
  Sigmoid: () => new nn.Sigmoid(),
  LogSigmoid: () => new nn.LogSigmoid(),
  Tanh: () => new nn.Tanh(),
  HardTanh: () => new nn.HardTanh(-0.5, 2),
  HardSigmoid: () => new nn.HardSigmoid(),
  HardSwish: () => new nn.HardSwish(),
  HardShrink: () => new nn.HardShrink(0.7),
  SoftShrink: () => new nn.SoftShrink(0.7),
  Softmax: () => new nn.Softmax(1),
  LogSoftmax: () => new nn.LogSoftmax(),
};

function warm(layer: nn.BatchNorm2d): nn.BatchNorm2d {
  layer.runningMean.load(Float32Array.of(0.5, -1));
  layer.runningVar.load(Float32Array.of(2, 0.5));
  return layer;
}

const weight = tensor([0.2, 1, 3, 0.5]);

const LOSSES: Readonly<Record<string, (...inputs: Tensor[]) => Tensor>> = {
  mse: (p, t) => nn.mse(p, t),
  'mse, sum': (p, t) => nn.mse(p, t, { reduction: 'sum' }),
  'mse, none': (p, t) => nn.mse(p, t, { reduction: 'none' }),
  l1: (p, t) => nn.l1(p, t),
  huber: (p, t) => nn.huber(p, t, { delta: 1.5 }),
  smoothL1: (p, t) => nn.smoothL1(p, t, { beta: 0.7 }),
  'crossEntropy, indices': (x, t) => nn.crossEntropy(x, t),
  'crossEntropy, large logits': (x, t) => nn.crossEntropy(x, t.cast('uint8')),
  'crossEntropy, sum': (x, t) => nn.crossEntropy(x, t, { reduction: 'sum' }),
  'crossEntropy, none': (x, t) => nn.crossEntropy(x, t.cast('uint8'), { reduction: 'none' }),
  'crossEntropy, one sample': (x, t) => nn.crossEntropy(x, t),
  'crossEntropy, pixels': (x, t) => nn.crossEntropy(x, t),
  'crossEntropy, smoothing': (x, t) => nn.crossEntropy(x, t, { labelSmoothing: 0.1 }),
  'crossEntropy, weight': (x, t) => nn.crossEntropy(x, t, { weight }),
  'crossEntropy, weight, smoothing': (x, t) => nn.crossEntropy(x, t, { weight, labelSmoothing: 0.2 }),
  'crossEntropy, ignore': (x, t) => nn.crossEntropy(x, t.cast('float32'), { ignoreIndex: 0 }),
  'crossEntropy, ignore -1, weight, smoothing': (x, t) =>
    nn.crossEntropy(x, t, { ignoreIndex: -1, weight, labelSmoothing: 0.1 }),
  'crossEntropy, ignore, none': (x, t) => nn.crossEntropy(x, t, { ignoreIndex: 0, reduction: 'none' }),
  'crossEntropy, probabilities': (x, t) => nn.crossEntropy(x, t),
  'crossEntropy, probabilities, weight, smoothing': (x, t) =>
    nn.crossEntropy(x, t, { weight, labelSmoothing: 0.2 }),
  nll: (x, t) => nn.nll(x, t),
  'nll, weight, ignore': (x, t) => nn.nll(x, t, { weight, ignoreIndex: 0 }),
  binaryCrossEntropy: (p, t) => nn.binaryCrossEntropy(p, t),
  'binaryCrossEntropy, certain': (p, t) => nn.binaryCrossEntropy(p, t),
  binaryCrossEntropyWithLogits: (x, t) => nn.binaryCrossEntropyWithLogits(x, t),
  'binaryCrossEntropyWithLogits, weights': (x, t, w, posWeight) =>
    nn.binaryCrossEntropyWithLogits(x, t, { weight: w, posWeight }),
  klDivergence: (q, t) => nn.klDivergence(q, t),
  'klDivergence, batchMean': (q, t) => nn.klDivergence(q, t, { reduction: 'batchMean' }),
  'klDivergence, logTarget': (q, t) => nn.klDivergence(q, t, { reduction: 'sum', logTarget: true }),
  hinge: (p, t) => nn.hinge(p, t),
  hingeEmbedding: (p, t) => nn.hingeEmbedding(p, t, { margin: 1.5 }),
  cosineSimilarity: (a, b) => nn.cosineSimilarity(a, b),
  cosineEmbedding: (a, b, t) => nn.cosineEmbedding(a, b, t.stopGradient(), { margin: 0.1 }),
};

const read = ({ shape, dtype, data }: Values): Tensor => tensor(data, { dtype, shape });

/** The sum of outputs times fixed weights: a loss that makes every output count differently. */
function weigh(output: Tensor): Tensor {
  const weights = Float32Array.from({ length: output.size }, (_, i) => (((i * 7) % 11) - 5) / 4);
  return output.mul(tensor(weights, { shape: output.shape })).sum();
}

async function check(
  golden: Golden,
  inputs: Tensor[],
  output: Tensor,
  model: nn.Module | undefined,
): Promise<void> {
  const parameters = model?.namedParameters() ?? {};
  const found = grad(weigh(output), { inputs, parameters });
  expect(output.shape).toEqual(golden.shape);
  expectClose(await output.data(), golden.output, {}, 'outputs');
  for (const [i, expected] of golden.gradients.entries()) {
    if (expected !== null)
      expectClose((await found.inputs[i]?.data()) ?? [], expected, {}, `gradients of input ${i}`);
  }
  expect(Object.keys(parameters)).toEqual(Object.keys(golden.parameterGradients));
  for (const [name, expected] of Object.entries(golden.parameterGradients)) {
    expectClose((await found.parameters[name]?.data()) ?? [], expected, {}, `gradients of ${name}`);
  }
  for (const [name, expected] of Object.entries(golden.statistics)) {
    expectClose((await model?.namedVariables()[name]?.data()) ?? [], expected, {}, name);
  }
}

describe.each(usableDevices())('on %s, PyTorch gives the same for', (device) => {
  beforeAll(() => {
    setDevice(device);
  });

  for (const golden of goldens) {
    test(golden.name, async () => {
      const inputs = golden.inputs.map(read);
      const layer = LAYERS[golden.name]?.();
      const loss = LOSSES[golden.name];
      if (layer !== undefined) {
        const [x] = inputs;
        const saved = Object.fromEntries(
          Object.entries(golden.parameters).map(([name, values]) => [name, read(values)]),
        );
        layer.loadState(saved, { strict: false });
        if (x !== undefined) await check(golden, inputs, layer.forward(x), layer);
      } else if (loss !== undefined) {
        await check(golden, inputs, loss(...inputs), undefined);
      } else {
        expect.fail(`no entry for '${golden.name}'`);
      }
    });
  }

  test('every entry of the tables', () => {
    expect([...Object.keys(LAYERS), ...Object.keys(LOSSES)].sort()).toEqual(
      goldens.map(({ name }) => name).sort(),
    );
  });
});
