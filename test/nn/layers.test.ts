import { describe, expect, test } from 'vitest';
import { ArgumentError, DTypeError, ShapeError } from '../../src/core/errors.js';
import * as nn from '../../src/nn/index.js';
import { compile, grad, ones, setSeed, tensor, zeros, type Tensor } from '../../src/tensor/index.js';

describe('constructors refuse', () => {
  const cases: Readonly<Record<string, readonly [() => unknown, RegExp]>> = {
    'no features': [() => new nn.Linear(0, 3), /Linear: inFeatures is 0/],
    'half a feature': [() => new nn.Linear(3, 1.5), /Linear: outFeatures is 1.5/],
    'no channels': [() => new nn.Conv2d(-1, 3, 3), /Conv2d: inChannels is -1/],
    'a kernel of size 0': [() => new nn.Conv2d(1, 3, 0), /Conv2d: kernelSize is 0/],
    'a kernel of other rank': [() => new nn.Conv1d(1, 3, [3, 3]), /Conv1d: kernelSize is \[3, 3\]/],
    'a stride of 0': [() => new nn.ConvTranspose2d(1, 3, 3, { stride: 0 }), /ConvTranspose2d: stride is 0/],
    'groups that do not divide': [
      () => new nn.Conv2d(3, 4, 3, { groups: 2 }),
      /3 input and 4 output channels .* 2 groups/,
    ],
    'a window of size 0': [() => new nn.MaxPool2d(0), /MaxPool2d: the window size is 0/],
    'a probability above 1': [() => new nn.Dropout(1.2), /Dropout: p is 1.2/],
    'no statistics': [() => new nn.BatchNorm2d(0), /BatchNorm2d: features is 0/],
    'a negative epsilon': [() => new nn.LayerNorm(3, { epsilon: -1 }), /LayerNorm: epsilon is -1/],
    'an empty table': [() => new nn.Embedding(0, 3), /Embedding: count is 0/],
    'padding outside the table': [() => new nn.Embedding(4, 3, { paddingIndex: 4 }), /paddingIndex is 4/],
  };
  for (const [name, [make, message]] of Object.entries(cases)) {
    test(name, () => {
      expect(make).toThrow(ArgumentError);
      expect(make).toThrow(message);
    });
  }
});

describe('layers name themselves and the sizes when an input does not fit', () => {
  const cases: Readonly<Record<string, readonly [nn.Module, number[], RegExp]>> = {
    Linear: [
      new nn.Linear(4, 2),
      [3, 5],
      /Linear: .*\[3, 5\] has 5 along the last axis where 4 features are expected/,
    ],
    'Linear, a scalar': [new nn.Linear(4, 2), [], /Linear: .*\[\] has nothing/],
    'Conv2d, channels': [
      new nn.Conv2d(3, 2, 3),
      [1, 1, 8, 8],
      /Conv2d: .* has 1 along axis 1 where 3 channels are expected/,
    ],
    'Conv2d, rank': [
      new nn.Conv2d(3, 2, 3),
      [8, 8],
      /Conv2d: .*\[8, 8\] has 2 axes[^]*\[batch, channels, height, width\]/,
    ],
    ConvTranspose1d: [new nn.ConvTranspose1d(3, 2, 3), [1, 2, 8], /ConvTranspose1d: .* 3 channels/],
    BatchNorm2d: [new nn.BatchNorm2d(3), [4, 2, 5, 5], /BatchNorm2d: .* 3 channels/],
    'BatchNorm1d, one sample': [new nn.BatchNorm1d(3), [1, 3], /BatchNorm1d: .* one value per channel/],
    LayerNorm: [new nn.LayerNorm([2, 3]), [4, 5, 3], /LayerNorm: .* has 5 along axis -2 where 2 features/],
    GlobalAvgPool: [new nn.GlobalAvgPool(), [4, 5], /GlobalAvgPool: .* has 2 axes/],
    PReLU: [new nn.PReLU(3), [4, 5], /PReLU: .* 3 channels/],
  };
  for (const [name, [layer, shape, message]] of Object.entries(cases)) {
    test(name, () => {
      expect(() => layer.forward(zeros(shape))).toThrow(ShapeError);
      expect(() => layer.forward(zeros(shape))).toThrow(message);
    });
  }

  test('Embedding refuses fractions', () => {
    expect(() => new nn.Embedding(3, 2).forward(zeros([2]))).toThrow(DTypeError);
  });
});

describe('Dropout', () => {
  test('drops about p of the elements and scales the others', async () => {
    setSeed(1);
    const values = await new nn.Dropout(0.25).forward(ones([10_000])).data();
    const dropped = values.filter((value) => value === 0).length;
    expect(Math.abs(dropped - 2500)).toBeLessThan(150);
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
  });

  test('draws anew at each call, compiled or not', async () => {
    const layer = new nn.Dropout(0.5);
    const step = compile((x: Tensor) => layer.forward(x));
    const seen = new Set<string>();
    for (let i = 0; i < 3; i++) {
      seen.add(String(await step(ones([64])).data()));
      seen.add(String(await layer.forward(ones([64])).data()));
    }
    expect(seen.size).toBe(6);
  });

  test('lets gradients through where it let values through', async () => {
    const layer = new nn.Dropout(0.5);
    const x = ones([32]);
    const y = layer.forward(x);
    expect(await grad(y.sum(), x).array()).toEqual(await y.array());
  });

  test('does nothing in evaluation mode, nor with p = 0; with p = 1 it drops all', async () => {
    expect(
      await new nn.Dropout(0.9)
        .eval()
        .forward(ones([4]))
        .array(),
    ).toEqual([1, 1, 1, 1]);
    expect(await new nn.Dropout(0).forward(ones([4])).array()).toEqual([1, 1, 1, 1]);
    expect(await new nn.Dropout(1).forward(ones([4])).array()).toEqual([0, 0, 0, 0]);
  });

  test('setSeed makes it repeat', async () => {
    const draw = async (): Promise<unknown> => {
      setSeed(3);
      return new nn.Dropout(0.5).forward(ones([64])).array();
    };
    expect(await draw()).toEqual(await draw());
  });
});

describe('BatchNorm', () => {
  test('updates its statistics inside compiled functions', async () => {
    const layer = new nn.BatchNorm1d(1, { momentum: 0.5 });
    const step = compile((x: Tensor) => layer.forward(x));
    step(tensor([[1], [3]]));
    step(tensor([[5], [9]]));
    expect(await layer.runningMean.array()).toEqual([0.5 * 0.5 * 2 + 0.5 * 7]);
    expect(await layer.runningVar.array()).toEqual([0.5 * (0.5 + 0.5 * 2) + 0.5 * 8]);
  });

  test('keeps its statistics in evaluation mode', async () => {
    const layer = new nn.BatchNorm1d(1).eval();
    await layer.forward(tensor([[1], [3]])).data();
    expect(await layer.runningMean.array()).toEqual([0]);
  });

  test('its statistics are no parameters', () => {
    expect(Object.keys(new nn.BatchNorm2d(2).namedParameters())).toEqual(['weight', 'bias']);
  });
});

test('Embedding: the padding row starts as zeros', async () => {
  expect(await new nn.Embedding(3, 2, { paddingIndex: 1, weightInit: nn.init.ones }).weight.array()).toEqual([
    [1, 1],
    [0, 0],
    [1, 1],
  ]);
});

describe('losses refuse', () => {
  test('shapes that would only stretch', () => {
    const [p, t]: [Tensor, Tensor] = [zeros([4, 1]), zeros([4])];
    expect(() => nn.mse(p, t)).toThrow(/mse: predictions of shape \[4, 1\] meet targets of shape \[4\]/);
  });
  test('targets that belong to other logits', () => {
    const [x, t]: [Tensor, Tensor] = [zeros([4, 10]), zeros([5], { dtype: 'int32' })];
    expect(() => nn.crossEntropy(x, t)).toThrow(
      /targets of shape \[5\] do not belong to logits of shape \[4, 10\]/,
    );
  });
  test('one-hot integers, which are no probabilities', () => {
    expect(() => nn.crossEntropy(zeros([4, 10]), zeros([4, 10], { dtype: 'int32' }))).toThrow(ShapeError);
  });
  test('unknown reductions', () => {
    expect(() => nn.l1(zeros([1]), zeros([1]), { reduction: 'average' as 'mean' })).toThrow(
      /unknown reduction 'average'/,
    );
  });
  test('smoothing by more than everything', () => {
    expect(() => nn.crossEntropy(zeros([1, 2]), zeros([1]), { labelSmoothing: 2 })).toThrow(ArgumentError);
  });
});

test('crossEntropy: the gradient is softmax minus one-hot', async () => {
  const logits = zeros([1, 4]);
  const slope = grad(nn.crossEntropy(logits, tensor([2])), logits);
  expect(await slope.array()).toEqual([[0.25, 0.25, -0.75, 0.25]]);
});
