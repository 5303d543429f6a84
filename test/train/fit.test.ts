import { describe, expect, it } from 'vitest';
import { ArgumentError, DataError, ShapeError, TrainingError } from '../../src/core/errors.js';
import { ArrayDataset, DataLoader, hostArray } from '../../src/data/index.js';
import {
  crossEntropy,
  mse,
  binaryCrossEntropyWithLogits,
  Linear,
  Sequential,
  BatchNorm1d,
} from '../../src/nn/index.js';
import { adam, constantLr, sgd } from '../../src/optim/index.js';
import { compile, grad, ones, tensor, zeros, type Tensor } from '../../src/tensor/index.js';
import {
  confusionMatrix,
  evaluate,
  fit,
  normalizePixels,
  predict,
  scalePixels,
  type Callback,
  type FitOptions,
} from '../../src/train/index.js';
import { netWithDropout, pictureNet, points, smallNet, weightsOf, withoutTimes } from './support.js';

const options = (more: Partial<FitOptions> = {}): FitOptions => ({
  loss: crossEntropy,
  optimizer: adam({ lr: 0.05 }),
  batchSize: 16,
  metrics: ['accuracy'],
  ...more,
});

describe('fit', () => {
  it('learns, and records each epoch', async () => {
    const history = await fit(smallNet(), points(120), options({ epochs: 8, validation: points(50, 2) }));
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const last = history.epochs.at(-1);
    expect(last?.accuracy).toBeGreaterThan(0.9);
    expect(last?.valAccuracy).toBeGreaterThan(0.9);
    expect(last?.loss).toBeLessThan(history.epochs[0]?.loss ?? 0);
    expect(last?.samplesPerSecond).toBeGreaterThan(0);
    expect([history.stopped, history.interrupted]).toEqual([undefined, false]);
  });
  it('does what a loop by hand does', async () => {
    const data = points(40);
    const [fitted, byHand] = [smallNet(), smallNet()];
    const history = await fit(fitted, data, options({ epochs: 2, seed: 5 }));
    const optimizer = adam({ lr: 0.05 }).for(byHand);
    const step = compile((x: Tensor, y: Tensor) => {
      const loss = crossEntropy(byHand.forward(x), y);
      optimizer.step(grad(loss, byHand.parameters()));
      return loss;
    });
    const loader = new DataLoader(data, { batchSize: 16, shuffle: true, seed: 5 });
    const means: number[] = [];
    for (const epoch of [0, 1]) {
      let total = 0;
      for await (const { inputs, targets } of loader.epoch(epoch)) {
        const [x, y] = [inputs, targets].map((part) => tensor(part.data, { shape: part.shape }));
        if (x && y) total += (await step(x, y).item()) * (inputs.shape[0] ?? 0);
      }
      means.push(total / 40);
    }
    history.epochs.forEach(({ loss }, i) => expect(loss).toBeCloseTo(means[i] ?? 0, 5));
    const [a, b] = [await weightsOf(fitted), await weightsOf(byHand)];
    for (const name of Object.keys(a))
      a[name]?.forEach((weight, i) => expect(weight).toBeCloseTo(b[name]?.[i] ?? Number.NaN, 5));
  });
  it('gives the same numbers for the same seed', async () => {
    const run = async (seed: number): Promise<unknown> => {
      const { epochs } = await fit(netWithDropout(), points(40), options({ epochs: 2, seed }));
      return withoutTimes(epochs);
    };
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
  });
  it('takes tensors, nested arrays, data sets and loaders', async () => {
    const { inputs, targets } = points(32);
    const x = tensor(inputs.data, { shape: inputs.shape });
    const y = tensor(targets.data, { shape: targets.shape });
    const losses = [];
    for (const source of [
      [x, y] as const,
      [inputs, targets] as const,
      [(await x.array()) as number[][], (await y.array()) as number[]] as const,
      points(32),
    ]) {
      losses.push((await fit(smallNet(), source, options())).epochs[0]?.loss);
    }
    const loader = new DataLoader(points(32), { batchSize: 16, shuffle: true });
    losses.push(
      (await fit(smallNet(), loader, { loss: crossEntropy, optimizer: adam({ lr: 0.05 }) })).epochs[0]?.loss,
    );
    expect(new Set(losses).size).toBe(1);
  });
  it('trains on a last batch that is smaller', async () => {
    const { epochs } = await fit(smallNet(), points(20), options());
    const whole = await evaluate(smallNet(), points(20), { loss: crossEntropy });
    expect(epochs).toHaveLength(1);
    expect(whole.loss).toBeGreaterThan(0);
  });
  it('leaves frozen parameters as they are', async () => {
    const model = smallNet();
    const [first] = model.layers;
    if (!(first instanceof Linear)) throw new Error('not the model this test is for');
    first.freeze();
    const before = await weightsOf(model);
    await fit(model, points(20), options());
    const after = await weightsOf(model);
    expect([after['0.weight'], after['0.bias']]).toEqual([before['0.weight'], before['0.bias']]);
    expect(after['2.weight']).not.toEqual(before['2.weight']);
  });
  it('trains in training mode, measures in evaluation mode, and leaves each module in its own', async () => {
    const norm = new BatchNorm1d(2);
    const model = new Sequential(norm, new Linear(2, 2));
    norm.eval();
    const modes: boolean[] = [];
    const watch: Callback = { name: 'watch', onBatchEnd: () => void modes.push(norm.training) };
    await fit(model, points(32), options({ validation: points(8), callbacks: [watch] }));
    expect(modes).toEqual([true, true]);
    expect([norm.training, model.training]).toEqual([false, true]);
    const running = (await weightsOf(model))['0.runningMean'];
    expect(running).not.toEqual([0, 0]);
  });
  it('measures a share of the training samples with validationSplit', async () => {
    const seen: number[] = [];
    const count: Callback = { name: 'count', onEpochEnd: (run) => void seen.push(run.loader.dataset.length) };
    const { epochs } = await fit(
      smallNet(),
      points(40),
      options({ validationSplit: 0.25, callbacks: [count] }),
    );
    expect(seen).toEqual([30]);
    expect(epochs[0]?.valLoss).toBeGreaterThan(0);
  });
  it('scales bytes to 0..1 unless told otherwise', async () => {
    const pictures = new ArrayDataset(
      hostArray(new Uint8Array([255, 0, 0, 0, 0, 0, 0, 255]), [2, 1, 2, 2]),
      hostArray(new Int32Array([0, 1]), [2]),
    );
    const model = pictureNet();
    const scaled = tensor([
      [1, 0, 0, 0],
      [0, 0, 0, 1],
    ]);
    const expected = await crossEntropy(model.forward(scaled), tensor([0, 1], { dtype: 'int32' })).item();
    expect((await evaluate(model, pictures, { loss: crossEntropy })).loss).toBeCloseTo(expected, 5);
    const doubled = await evaluate(model, pictures, {
      loss: crossEntropy,
      preprocess: (x) => scalePixels(x).mul(2),
    });
    expect(doubled.loss).not.toBeCloseTo(expected, 3);
    const { epochs } = await fit(
      model,
      pictures,
      options({ preprocess: normalizePixels({ mean: [0.5], std: [0.5] }) }),
    );
    expect(epochs).toHaveLength(1);
  });
  it('accumulates the gradients of several batches', async () => {
    const inputs = points(32);
    const [accumulated, whole] = [smallNet(), smallNet()];
    const plain = { loss: crossEntropy, optimizer: sgd({ lr: 0.5 }), shuffle: false };
    await fit(accumulated, inputs, { ...plain, batchSize: 8, accumulate: 4 });
    await fit(whole, inputs, { ...plain, batchSize: 32 });
    const [a, b] = [await weightsOf(accumulated), await weightsOf(whole)];
    a['0.weight']?.forEach((weight, i) => expect(weight).toBeCloseTo(b['0.weight']?.[i] ?? Number.NaN, 5));
    expect(a).not.toEqual(await weightsOf(smallNet()));
  });
  it('limits the norm of the gradients', async () => {
    const model = smallNet();
    const before = await weightsOf(model);
    await fit(model, points(16), {
      loss: crossEntropy,
      optimizer: sgd({ lr: 1 }),
      batchSize: 16,
      clipNorm: 1e-3,
    });
    const after = await weightsOf(model);
    const squares = Object.keys(after).flatMap((name) =>
      (after[name] ?? []).map((w, i) => (w - (before[name]?.[i] ?? 0)) ** 2),
    );
    expect(Math.sqrt(squares.reduce((a, b) => a + b))).toBeCloseTo(1e-3, 5);
  });
  it('follows a schedule of learning rates, counted in steps of the optimizer', async () => {
    const asked: number[] = [];
    const schedule = (step: number): number => {
      asked.push(step);
      return 0.1 / (1 + step);
    };
    const { epochs } = await fit(smallNet(), points(32), options({ epochs: 2, schedule }));
    expect(asked).toEqual([0, 1, 2, 3]);
    expect(epochs.map(({ lr }) => lr)).toEqual([0.1 / 2, 0.1 / 4]);
    const still = smallNet();
    const before = await weightsOf(still);
    await fit(still, points(32), { loss: crossEntropy, optimizer: sgd({ lr: 1 }), schedule: constantLr(0) });
    expect(await weightsOf(still)).toEqual(before);
  });
  it('calls back in order', async () => {
    const calls: string[] = [];
    const callback: Callback = {
      name: 'log',
      onTrainBegin: () => void calls.push('begin'),
      onEpochBegin: ({ epoch }) => void calls.push(`epoch ${epoch}`),
      onBatchEnd: ({ batch, samples }) => void calls.push(`batch ${batch} (${samples})`),
      onEpochEnd: ({ history }, { epoch }) => void calls.push(`end of ${epoch}, ${history.length} done`),
      onTrainEnd: () => void calls.push('end'),
    };
    await fit(smallNet(), points(20), options({ callbacks: [callback] }));
    expect(calls).toEqual(['begin', 'epoch 1', 'batch 1 (16)', 'batch 2 (20)', 'end of 1, 1 done', 'end']);
  });
  it('stops when a callback asks it to', async () => {
    const stopper: Callback = {
      name: 'stopper',
      onBatchEnd: (run) => {
        if (run.batch === 1) run.stop('enough');
      },
    };
    const history = await fit(smallNet(), points(40), options({ epochs: 3, callbacks: [stopper] }));
    expect([history.stopped, history.epochs.length, history.interrupted]).toEqual(['enough', 0, false]);
  });
  it('lets timers run', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const slow: Callback = {
      name: 'slow',
      onBatchEnd: () => {
        const until = performance.now() + 30;
        while (performance.now() < until);
      },
    };
    await fit(smallNet(), points(40), options({ batchSize: 4, callbacks: [slow] }));
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(2);
  });
});

describe('fit: what goes wrong', () => {
  it('names the step at which the loss is no longer a number', async () => {
    const inputs = Array.from({ length: 12 }, (_, i) => [i === 9 ? Number.NaN : 1, 1]);
    const data = new ArrayDataset(
      inputs,
      inputs.map(() => [1]),
    );
    const attempt = fit(new Linear(2, 1), data, {
      loss: mse,
      optimizer: sgd({ lr: 0.01 }),
      batchSize: 4,
      shuffle: false,
    });
    await expect(attempt).rejects.toThrow(TrainingError);
    await expect(attempt).rejects.toThrow('the loss is NaN in epoch 1, batch 3 (step 3)');
    await expect(attempt).rejects.toThrow(/lower the learning rate/);
  });
  it('names the step at which the loss is infinite', async () => {
    const attempt = fit(new Linear(1, 1), [ones([8, 1]), zeros([8, 1])], {
      loss: mse,
      optimizer: sgd({ lr: 1e20 }),
      batchSize: 4,
      epochs: 9,
    });
    await expect(attempt).rejects.toThrow(/the loss is (Infinity|NaN) in epoch \d, batch \d/);
  });
  it('ends the callbacks after an error, and reports the first error', async () => {
    const calls: string[] = [];
    const callback: Callback = {
      name: 'fails',
      onBatchEnd: () => {
        throw new Error('first');
      },
      onTrainEnd: () => {
        calls.push('end');
        throw new Error('second');
      },
    };
    await expect(fit(smallNet(), points(20), options({ callbacks: [callback] }))).rejects.toThrow('first');
    expect(calls).toEqual(['end']);
  });
  it.each<[string, Partial<FitOptions>, RegExp]>([
    ['a batch size of 0', { batchSize: 0 }, /batchSize is 0/],
    ['half an epoch', { epochs: 0.5 }, /epochs is 0.5/],
    ['an unknown metric', { metrics: ['acuracy'] }, /unknown metric 'acuracy'/],
    ['validationSplit of 1', { validationSplit: 1 }, /validationSplit is 1/],
    [
      'two validations',
      { validation: points(4), validationSplit: 0.5 },
      /both validation and validationSplit/,
    ],
    [
      'two callbacks of one name',
      { callbacks: [{ name: 'a' }, { name: 'a' }] },
      /two callbacks are named 'a'/,
    ],
    ['an accumulation over 0 batches', { accumulate: 0 }, /every is 0/],
    ['a norm of 0', { clipNorm: 0 }, /clipNorm is 0/],
  ])('refuses %s', async (_, more, message) => {
    const attempt = fit(smallNet(), points(8), options(more));
    await expect(attempt).rejects.toThrow(ArgumentError);
    await expect(attempt).rejects.toThrow(message);
  });
  it('refuses what a bound optimizer or a loader has of its own', async () => {
    const model = smallNet();
    const bound = adam().for(model);
    await expect(fit(model, points(8), options({ optimizer: bound, clipNorm: 1 }))).rejects.toThrow(
      /clipNorm cannot be added/,
    );
    await expect(fit(model, new DataLoader(points(8)), options())).rejects.toThrow(
      /batchSize is given, but the data come as a DataLoader/,
    );
  });
  it('refuses a model with nothing to train', async () => {
    await expect(fit(smallNet().freeze(), points(8), options())).rejects.toThrow(/no parameters to train/);
  });
  it('reports samples that do not fit the model or the loss', async () => {
    await expect(fit(smallNet(), [ones([4, 3]), zeros([4])], options())).rejects.toThrow(ShapeError);
    await expect(fit(smallNet(), [ones([4, 2]), zeros([4, 7])], options())).rejects.toThrow(ShapeError);
    await expect(fit(smallNet(), [ones([4, 2]), zeros([3])], options())).rejects.toThrow(ShapeError);
    await expect(fit(smallNet(), [zeros([0, 2]), zeros([0])], options())).rejects.toThrow(DataError);
  });
});

describe('evaluate, confusionMatrix and predict', () => {
  const identity = (): Linear => {
    const model = new Linear(2, 2);
    model.loadState({
      weight: tensor([
        [1, 0],
        [0, 1],
      ]),
      bias: tensor([0, 0]),
    });
    return model;
  };
  const samples = [
    [
      [2, 0],
      [0, 2],
      [3, 1],
      [0, 5],
    ],
    [0, 1, 1, 1],
  ] as const;
  it('measure all samples, whatever the batch size', async () => {
    for (const batchSize of [1, 3, 100]) {
      const result = await evaluate(identity(), samples, {
        loss: crossEntropy,
        metrics: ['accuracy', 'f1'],
        batchSize,
      });
      expect(result.accuracy).toBe(0.75);
      const softplus = (x: number): number => Math.log(1 + Math.exp(x));
      expect(result.loss).toBeCloseTo((softplus(-2) + softplus(-2) + softplus(2) + softplus(-5)) / 4, 5);
      expect(await confusionMatrix(identity(), samples, { batchSize })).toEqual([
        [1, 0],
        [1, 2],
      ]);
    }
  });
  it('do not change the model, its mode or its running statistics', async () => {
    const model = new Sequential(new BatchNorm1d(2), netWithDropout());
    const before = await weightsOf(model);
    const first = await evaluate(model, points(20), { loss: crossEntropy });
    expect(await evaluate(model, points(20), { loss: crossEntropy })).toEqual(first);
    expect(await weightsOf(model)).toEqual(before);
    expect(model.training).toBe(true);
  });
  it('give the outputs in the order of the inputs', async () => {
    const outputs = await predict(
      identity(),
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      { batchSize: 2 },
    );
    expect(await outputs.array()).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect(await (await predict(identity(), ones([3, 2]))).array()).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
  });
  it('refuse empty inputs and bad batch sizes', async () => {
    await expect(predict(identity(), zeros([0, 2]))).rejects.toThrow(ArgumentError);
    await expect(predict(identity(), ones([1, 2]), { batchSize: 0 })).rejects.toThrow(ArgumentError);
  });
  it('work with a single output', async () => {
    const model = new Linear(1, 1);
    model.loadState({ weight: tensor([[1]]), bias: tensor([0]) });
    const data = [
      [[-1], [2], [3]],
      [[0], [1], [0]],
    ] as const;
    const { accuracy } = await evaluate(model, data, {
      loss: binaryCrossEntropyWithLogits,
      metrics: ['accuracy'],
    });
    expect(accuracy).toBeCloseTo(2 / 3, 12);
    expect(await confusionMatrix(model, data)).toEqual([
      [1, 1],
      [0, 1],
    ]);
  });
});
