import fc from 'fast-check';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  CheckpointError,
  DataError,
  FileError,
  FormatError,
  TensorloomError,
} from '../../src/core/errors.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/interop/index.js';
import { BatchNorm1d, crossEntropy, Linear, Sequential } from '../../src/nn/index.js';
import { adam, cosineLr, sgd } from '../../src/optim/index.js';
import { setDevice } from '../../src/runtime/devices.js';
import { setSeed } from '../../src/tensor/random.js';
import {
  earlyStopping,
  fit,
  loadCheckpoint,
  reduceOnPlateau,
  saveCheckpoint,
  type FitOptions,
  type History,
} from '../../src/train/index.js';
import { temporaryFile, temporaryFolder } from '../data/support.js';
import { afterBatches, netWithDropout, points, smallNet, weightsOf, withoutTimes } from './support.js';

const data = points(44);
const options = (more: Partial<FitOptions> = {}): FitOptions => ({
  loss: crossEntropy,
  optimizer: adam({ lr: 0.05 }),
  batchSize: 8,
  epochs: 3,
  metrics: ['accuracy', 'f1'],
  validation: points(10, 2),
  ...more,
});

/** A model with everything that has a state: parameters, running statistics, a random stream. */
const model = (): Sequential => new Sequential(new BatchNorm1d(2), netWithDropout());

interface Outcome {
  readonly history: History;
  readonly weights: Record<string, number[]>;
}
const outcome = async (net: Sequential, history: History): Promise<Outcome> => ({
  history,
  weights: await weightsOf(net),
});

/** Trains, is interrupted after so many batches, and is resumed by what stands in the checkpoint alone. */
async function interrupted(after: number, make: () => Partial<FitOptions> = () => ({})): Promise<Outcome> {
  const checkpoint = join(await temporaryFolder(), 'checkpoint.safetensors');
  const controller = new AbortController();
  const stop = afterBatches(after, () => controller.abort());
  const { callbacks = [], ...more } = make();
  const first = await fit(
    model(),
    data,
    options({ ...more, checkpoint, signal: controller.signal, callbacks: [...callbacks, stop] }),
  );
  expect(first.interrupted).toBe(true);
  // Another process would have drawn other numbers meanwhile.
  setSeed(99);
  const resumed = new Sequential(new BatchNorm1d(2), smallNetOfOtherSeed());
  return outcome(resumed, await fit(resumed, data, options({ ...make(), resume: checkpoint })));
}

const smallNetOfOtherSeed = (): Sequential => {
  const net = netWithDropout();
  setSeed(1234);
  return net;
};

async function uninterrupted(make: () => Partial<FitOptions> = () => ({})): Promise<Outcome> {
  const net = model();
  return outcome(net, await fit(net, data, options(make())));
}

describe('resuming gives the numbers of an uninterrupted run, bit for bit', () => {
  const same = (a: Outcome, b: Outcome): void => {
    expect(withoutTimes(a.history.epochs)).toEqual(withoutTimes(b.history.epochs));
    expect(a.history.stopped).toBe(b.history.stopped);
    expect(a.weights).toEqual(b.weights);
  };
  it.each([
    ['in the middle of the first epoch', 2],
    ['in the middle of a later one', 9],
    ['after the last batch of an epoch, before its validation', 6],
    ['after the first batch of an epoch', 7],
    ['after the very last batch', 18],
  ])('interrupted %s', async (_, after) => {
    same(await interrupted(after), await uninterrupted());
  });
  it('on the reference device', async () => {
    setDevice('reference');
    onTestFinished(() => {
      setDevice('wasm');
    });
    const make = (): Partial<FitOptions> => ({ epochs: 2 });
    same(await interrupted(8, make), await uninterrupted(make));
  });
  it('with a schedule of learning rates', async () => {
    const make = (): Partial<FitOptions> => ({ schedule: cosineLr({ lr: 0.1, steps: 18 }) });
    same(await interrupted(10, make), await uninterrupted(make));
  });
  it('with gradients accumulated over batches', async () => {
    const make = (): Partial<FitOptions> => ({ accumulate: 4 });
    same(await interrupted(10, make), await uninterrupted(make));
  });
  it('with callbacks that remember: early stopping and a falling learning rate', async () => {
    const make = (): Partial<FitOptions> => ({
      epochs: 6,
      callbacks: [
        earlyStopping({ monitor: 'valLoss', patience: 1, minDelta: 0.05 }),
        reduceOnPlateau({ monitor: 'valLoss', patience: 0, threshold: 0.2, factor: 0.5 }),
      ],
    });
    const whole = await uninterrupted(make);
    expect(whole.history.stopped).toMatch(/valLoss has not become better/);
    same(await interrupted(13, make), whole);
  });
  it('after an epoch that ended as it should', async () => {
    const checkpoint = join(await temporaryFolder(), 'checkpoint.safetensors');
    await fit(model(), data, options({ epochs: 1, checkpoint }));
    const resumed = model();
    same(
      await outcome(resumed, await fit(resumed, data, options({ resume: checkpoint }))),
      await uninterrupted(),
    );
  });
  it('and a run that was over stays over', async () => {
    const checkpoint = join(await temporaryFolder(), 'checkpoint.safetensors');
    const whole = model();
    const history = await fit(whole, data, options({ checkpoint }));
    const again = model();
    const second = await fit(again, data, options({ resume: checkpoint }));
    same(await outcome(again, second), await outcome(whole, history));
  });
});

describe('a checkpoint is refused', () => {
  let path: string;
  beforeEach(async () => {
    path = join(await temporaryFolder(), 'checkpoint.safetensors');
    await fit(
      smallNet(),
      data,
      options({ epochs: 1, checkpoint: path, config: { recipe: 'points', lr: 0.05 } }),
    );
  });
  const resume = (net: Sequential, more: Partial<FitOptions> = {}): Promise<History> =>
    fit(net, data, options({ resume: path, ...more }));

  it('by a model of other shapes, which it names', async () => {
    const other = new Sequential(new Linear(2, 8), (x) => x, new Linear(8, 3));
    const attempt = resume(other);
    await expect(attempt).rejects.toThrow(CheckpointError);
    await expect(attempt).rejects.toThrow("'model.2.weight' has shape [2, 8] instead of [3, 8]");
  });
  it('by a model with other layers, and leaves the model as it was', async () => {
    const other = new Sequential(new Linear(2, 8), new Linear(8, 8), new Linear(8, 2));
    const before = await weightsOf(other);
    const attempt = resume(other);
    await expect(attempt).rejects.toThrow(
      /'model\.1\.weight' is missing; 'model\.1\.bias' is missing.*more differences/s,
    );
    expect(await weightsOf(other)).toEqual(before);
  });
  it('by another optimizer', async () => {
    await expect(resume(smallNet(), { optimizer: sgd({ lr: 0.05 }) })).rejects.toThrow(
      /optimizer adam, but this run uses sgd/,
    );
  });
  it.each<[string, Partial<FitOptions>, RegExp]>([
    ['batch size', { batchSize: 4 }, /batchSize 8, but this run has 4/],
    ['seed', { seed: 7 }, /seed 0, but this run has 7/],
    ['shuffling', { shuffle: false }, /shuffle true, but this run has false/],
    ['configuration', { config: { recipe: 'points', lr: 0.1 } }, /made with lr 0\.05, but this run has 0\.1/],
    [
      'recipe',
      { config: { recipe: 'circles', lr: 0.05 } },
      /made with recipe "points", but this run has "circles"/,
    ],
  ])('by a run with another %s', async (_, more, message) => {
    const attempt = resume(smallNet(), more);
    await expect(attempt).rejects.toThrow(CheckpointError);
    await expect(attempt).rejects.toThrow(message);
  });
  it('by a run with other data', async () => {
    const attempt = fit(smallNet(), points(45), options({ resume: path }));
    await expect(attempt).rejects.toThrow(/training samples 44, but this run has 45/);
  });
  it('when it holds a model alone', async () => {
    await saveCheckpoint(path, { model: smallNet() });
    await expect(resume(smallNet())).rejects.toThrow(/holds a model without an optimizer/);
  });
  it('when it does not say where training was', async () => {
    const net = smallNet();
    await saveCheckpoint(path, { model: net, optimizer: adam().for(net) });
    await expect(resume(smallNet())).rejects.toThrow(/does not say where its training was/);
  });
  it('when it is another safetensors file, or of another version', async () => {
    await writeFile(path, encodeSafetensors([]));
    await expect(resume(smallNet())).rejects.toThrow(/but no checkpoint/);
    await writeFile(path, encodeSafetensors([], { format: 'tensorloom checkpoint', version: '99' }));
    await expect(resume(smallNet())).rejects.toThrow(/checkpoint version 99; this library reads version 1/);
  });
  it('when it is missing', async () => {
    await expect(resume(smallNet(), { resume: `${path}.none` })).rejects.toThrow(DataError);
  });
  it.each([
    ['position', '{'],
    ['position', '[]'],
    ['position', '{"epoch":-1}'],
    ['position', '{"epoch":1,"batch":0,"totals":{"samples":0,"weighted":0,"sums":[["a"]]}}'],
    ['optimizer', '3'],
    ['optimizer', '{"name":"adam","lr":-1}'],
  ])('when its %s is %s', async (key, text) => {
    const { tensors, metadata } = decodeSafetensors(await readFile(path));
    await writeFile(path, encodeSafetensors(tensors, { ...metadata, [key]: text }));
    await expect(resume(smallNet())).rejects.toThrow(FormatError);
  });
  it('with an error of ours whatever its bytes are (fast-check)', async () => {
    const sound = await readFile(path);
    const net = smallNet();
    const optimizer = adam().for(net);
    const header = Number(sound.readBigUInt64LE(0)) + 8;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(header - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        async (changes) => {
          const bytes = Uint8Array.from(sound);
          for (const [at, value] of changes) bytes[at] = value;
          await writeFile(path, bytes);
          try {
            await loadCheckpoint(path, { model: net, optimizer });
          } catch (error) {
            expect(error).toBeInstanceOf(TensorloomError);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('saveCheckpoint', () => {
  it('keeps model, optimizer, learning rate and notes', async () => {
    const path = join(await temporaryFolder(), 'checkpoint.safetensors');
    const net = model();
    const optimizer = adam({ lr: 0.05 }).for(net);
    await fit(net, data, options({ optimizer, epochs: 1 }));
    optimizer.lr = 0.01;
    await saveCheckpoint(path, { model: net, optimizer }, { config: { a: [1, Number.NaN] } });
    const other = model();
    const otherOptimizer = adam({ lr: 0.05 }).for(other);
    const notes = await loadCheckpoint(path, { model: other, optimizer: otherOptimizer });
    expect(notes.config).toEqual({ a: [1, Number.NaN] });
    expect(await weightsOf(other)).toEqual(await weightsOf(net));
    expect(otherOptimizer.lr).toBe(0.01);
    for (const [name, variable] of Object.entries(optimizer.namedState()))
      expect(await otherOptimizer.namedState()[name]?.array1d(), name).toEqual(await variable.array1d());
  });
  it('gives a model its weights without an optimizer', async () => {
    const path = join(await temporaryFolder(), 'checkpoint.safetensors');
    const net = model();
    await fit(net, data, options({ epochs: 1, checkpoint: path }));
    const other = model();
    await loadCheckpoint(path, { model: other });
    expect(await weightsOf(other)).toEqual(await weightsOf(net));
  });
  it('reports a folder that cannot be written to, and training stops there', async () => {
    const path = join(await temporaryFile('file', ''), 'checkpoint.safetensors');
    await expect(saveCheckpoint(path, { model: smallNet() })).rejects.toThrow(FileError);
    await expect(fit(smallNet(), data, options({ checkpoint: path }))).rejects.toThrow(FileError);
  });
});

describe('fit with a signal', () => {
  it('stops after the present batch, and says so', async () => {
    const controller = new AbortController();
    const batches: number[] = [];
    const history = await fit(
      smallNet(),
      data,
      options({
        signal: controller.signal,
        callbacks: [
          afterBatches(3, () => controller.abort()),
          { name: 'count', onBatchEnd: ({ batch }) => void batches.push(batch) },
        ],
      }),
    );
    expect(batches).toEqual([1, 2, 3]);
    expect([history.interrupted, history.epochs.length]).toEqual([true, 0]);
  });
  it('does nothing if it was aborted before', async () => {
    const net = smallNet();
    const before = await weightsOf(net);
    const history = await fit(net, data, options({ signal: AbortSignal.abort() }));
    expect([history.interrupted, history.epochs]).toEqual([true, []]);
    expect(await weightsOf(net)).toEqual(before);
  });
});
