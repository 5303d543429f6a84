import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ArgumentError, FileError } from '../../src/core/errors.js';
import { crossEntropy } from '../../src/nn/index.js';
import { adam, sgd } from '../../src/optim/index.js';
import {
  bestCheckpoint,
  csvLogger,
  earlyStopping,
  evaluate,
  fit,
  jsonlLogger,
  loadCheckpoint,
  progress,
  reduceOnPlateau,
  type Callback,
  type EpochRecord,
  type FitOptions,
  type TrainingRun,
} from '../../src/train/index.js';
import { temporaryFile, temporaryFolder } from '../data/support.js';
import { afterBatches, points, smallNet, weightsOf } from './support.js';

const data = points(32);
const train = (callbacks: readonly Callback[], more: Partial<FitOptions> = {}) =>
  fit(smallNet(), data, {
    loss: crossEntropy,
    optimizer: adam({ lr: 0.05 }),
    batchSize: 16,
    epochs: 3,
    callbacks,
    ...more,
  });

/** A run for callbacks that look at records only. */
const runOf = (net = smallNet()): TrainingRun & { reasons: string[] } => {
  const reasons: string[] = [];
  return {
    model: net,
    optimizer: sgd({ lr: 1 }).for(net),
    reasons,
    stop: (reason: string) => void reasons.push(reason),
    interrupted: false,
  } as unknown as TrainingRun & { reasons: string[] };
};
const record = (epoch: number, more: Partial<EpochRecord>): EpochRecord => ({
  epoch,
  loss: 1,
  seconds: 1,
  samplesPerSecond: 1,
  lr: 1,
  ...more,
});

/** How many epochs of these losses a callback bears. */
async function epochsBorne(callback: Callback, name: string, values: readonly number[]): Promise<number> {
  const run = runOf();
  for (const [i, value] of values.entries()) {
    await callback.onEpochEnd?.(run, record(i + 1, { [name]: value }));
    if (run.reasons.length > 0) return i + 1;
  }
  return values.length;
}

describe('earlyStopping', () => {
  it.each<[string, Parameters<typeof earlyStopping>[0], string, number[], number]>([
    ['bears `patience` epochs without a new best', { patience: 2 }, 'valLoss', [3, 2, 2, 2, 2, 2], 5],
    ['starts to count anew at a new best', { patience: 1 }, 'valLoss', [3, 4, 2, 4, 4, 4], 5],
    ['wants small losses', { patience: 0 }, 'valLoss', [1, 2, 1], 2],
    ['wants large accuracies', { patience: 0, monitor: 'valAccuracy' }, 'valAccuracy', [1, 2, 1], 3],
    ['wants what it is told to', { patience: 0, monitor: 'score', mode: 'min' }, 'score', [1, 2, 1], 2],
    ['wants improvements of minDelta', { patience: 0, minDelta: 0.5 }, 'valLoss', [3, 2, 1.8, 1], 3],
    ['takes NaN for no improvement', { patience: 1 }, 'valLoss', [3, Number.NaN, Number.NaN, 1], 3],
  ])('%s', async (_, options, name, values, borne) => {
    expect(await epochsBorne(earlyStopping(options), name, values)).toBe(borne);
  });
  it('gives the model the weights of its best epoch', async () => {
    const net = smallNet();
    const run = runOf(net);
    const callback = earlyStopping({ patience: 0 });
    await callback.onEpochEnd?.(run, record(1, { valLoss: 1 }));
    const best = await weightsOf(net);
    net.namedVariables()['0.bias']?.load(new Float32Array(8).fill(7));
    await callback.onEpochEnd?.(run, record(2, { valLoss: 2 }));
    expect(run.reasons).toEqual(['valLoss has not become better for 1 epoch (best 1)']);
    await callback.onTrainEnd?.(run);
    expect(await weightsOf(net)).toEqual(best);
  });
  it('watches the training loss where nothing is validated', async () => {
    expect(await epochsBorne(earlyStopping({ patience: 0 }), 'loss', [1, 2])).toBe(2);
  });
  it('says what can be watched when something else is asked for', async () => {
    const attempt = train([earlyStopping({ monitor: 'valAcuracy' })]);
    await expect(attempt).rejects.toThrow(ArgumentError);
    await expect(attempt).rejects.toThrow(/no 'valAcuracy' to monitor.*measured are epoch, loss/s);
  });
  it('refuses a negative patience', () => {
    expect(() => earlyStopping({ patience: -1 })).toThrow(ArgumentError);
  });
});

describe('bestCheckpoint', () => {
  it('keeps the model of the best epoch', async () => {
    const path = join(await temporaryFolder(), 'best.safetensors');
    const validation = points(20, 5);
    const history = await train([bestCheckpoint(path, { monitor: 'valLoss' })], {
      validation,
      epochs: 5,
      optimizer: sgd(),
      // From the third epoch on the model gets worse.
      schedule: (step) => (step < 4 ? 0.3 : 5),
    });
    const losses = history.epochs.map(({ valLoss }) => valLoss ?? Infinity);
    expect(Math.min(...losses)).toBeLessThan(losses.at(-1) ?? 0);
    const best = smallNet();
    await loadCheckpoint(path, { model: best });
    expect((await evaluate(best, validation, { loss: crossEntropy })).loss).toBeCloseTo(
      Math.min(...losses),
      6,
    );
  });
});

describe('reduceOnPlateau', () => {
  it('lowers the rate of the optimizer when the measurement stays', async () => {
    const run = runOf();
    const callback = reduceOnPlateau({ factor: 0.5, patience: 1, minLr: 0.2 });
    const rates = [];
    for (const [i, valLoss] of [3, 3, 3, 3, 3, 3, 3, 3].entries()) {
      await callback.onEpochEnd?.(run, record(i + 1, { valLoss }));
      rates.push(run.optimizer.lr);
    }
    expect(rates).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2]);
  });
  it('leaves it while accuracies grow', async () => {
    const run = runOf();
    const callback = reduceOnPlateau({ monitor: 'accuracy', patience: 0 });
    for (const accuracy of [0.1, 0.2, 0.3]) await callback.onEpochEnd?.(run, record(1, { accuracy }));
    expect(run.optimizer.lr).toBe(1);
  });
});

describe('jsonlLogger and csvLogger', () => {
  const lines = async (path: string): Promise<string[]> =>
    (await readFile(path, 'utf8')).trimEnd().split('\n');
  it('write a line for each epoch', async () => {
    const folder = await temporaryFolder();
    const [jsonl, csv] = [join(folder, 'a.jsonl'), join(folder, 'a.csv')];
    const { epochs } = await train([jsonlLogger(jsonl), csvLogger(csv)], { metrics: ['accuracy'] });
    expect((await lines(jsonl)).map((line) => JSON.parse(line) as unknown)).toEqual(epochs);
    const [header, first] = await lines(csv);
    expect(header).toBe('epoch,loss,accuracy,seconds,samplesPerSecond,lr');
    expect(first?.split(',').map(Number)).toEqual(Object.values(epochs[0] ?? {}));
    expect(await lines(csv)).toHaveLength(4);
  });
  it('replace the file of an earlier run', async () => {
    const path = await temporaryFile('a.jsonl', 'old\n');
    await train([jsonlLogger(path)], { epochs: 1 });
    expect(await lines(path)).toHaveLength(1);
  });
  it('go on where the checkpoint of a resumed run stands', async () => {
    const folder = await temporaryFolder();
    const [jsonl, csv, checkpoint] = ['a.jsonl', 'a.csv', 'c.safetensors'].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    const callbacks = (): Callback[] => [jsonlLogger(jsonl), csvLogger(csv)];
    const controller = new AbortController();
    const stop = afterBatches(3, () => controller.abort());
    await train([...callbacks(), stop], { checkpoint, signal: controller.signal });
    // As if the process had died while it wrote the second line.
    await writeFile(jsonl, `${await readFile(jsonl, 'utf8')}{"epoch":2,"lo`);
    const { epochs } = await train(callbacks(), { resume: checkpoint });
    expect((await lines(jsonl)).map((line) => (JSON.parse(line) as EpochRecord).epoch)).toEqual([1, 2, 3]);
    expect((await lines(csv)).slice(1).map((line) => Number(line.split(',')[1]))).toEqual(
      epochs.map(({ loss }) => loss),
    );
  });
  it('report a folder that is not there before any training', async () => {
    const path = join(await temporaryFolder(), 'gone', 'a.csv');
    let batches = 0;
    const count: Callback = {
      name: 'count',
      onBatchEnd: () => {
        batches++;
      },
    };
    await expect(train([csvLogger(path), count])).rejects.toThrow(FileError);
    expect(batches).toBe(0);
  });
});

describe('progress', () => {
  /** A stream that keeps what is written. */
  function recorder(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
    const chunks: string[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _, done) {
        chunks.push(chunk.toString());
        done();
      },
    });
    Object.assign(stream, {
      isTTY,
      columns: 120,
      cursorTo: () => true,
      moveCursor: () => true,
      clearLine: () => true,
      clearScreenDown: () => true,
    });
    return { stream: stream as unknown as NodeJS.WriteStream, text: () => chunks.join('') };
  }
  it('writes one plain line for each epoch where there is no terminal', async () => {
    const { stream, text } = recorder(false);
    await train([progress({ stream })], { metrics: ['accuracy'] });
    const lines = text().trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(
      /^epoch 2\/3 {2}loss \d\.\d{4} {2}accuracy \d\.\d{4} {2}\d+\.\ds {2}\d+ samples\/s$/,
    );
  });
  it('writes to whatever can write', async () => {
    const chunks: string[] = [];
    await train([progress({ stream: { write: (text) => chunks.push(text) } })]);
    expect(chunks).toHaveLength(3);
  });
  it('draws a bar on a terminal: loss, accuracy, samples a second, time left', async () => {
    const { stream, text } = recorder(true);
    await train([progress({ stream })], { metrics: ['accuracy'] });
    expect(text()).toMatch(/epoch 1\/3 \[ +\] 0\/2/);
    expect(text()).toMatch(
      /epoch 1\/3 \[=+\] 2\/2 {2}loss \d\.\d{4} {2}accuracy \d\.\d{4} {2}\d+ samples\/s {2}0\.0s left/,
    );
  });
  it('gives the terminal its cursor back, after an error too', async () => {
    const { stream, text } = recorder(true);
    const fails: Callback = {
      name: 'fails',
      onBatchEnd: () => {
        throw new Error('stop here');
      },
    };
    await expect(train([progress({ stream }), fails])).rejects.toThrow('stop here');
    const [hide, show] = ['\u001B[?25l', '\u001B[?25h'];
    expect(text().lastIndexOf(show)).toBeGreaterThan(text().lastIndexOf(hide));
  });
  it('says why training stopped early', async () => {
    const { stream, text } = recorder(false);
    const stopper: Callback = { name: 'stopper', onEpochEnd: (run) => run.stop('it is good enough') };
    await train([progress({ stream }), stopper]);
    expect(text()).toMatch(/stopped: it is good enough\n$/);
  });
});
