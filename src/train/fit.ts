import { ArgumentError, TrainingError } from '../core/errors.js';
import type { StoredArray } from '../core/safetensors.js';
import { split } from '../data/combine.js';
import { DataLoader } from '../data/loader.js';
import type { Transform } from '../data/transform.js';
import type { Module } from '../nn/module.js';
import { accumulate } from '../optim/accumulate.js';
import { clipByNorm } from '../optim/clipping.js';
import { compose } from '../optim/compose.js';
import { OptimizerSpec, type Optimizer } from '../optim/optimizer.js';
import type { Schedule } from '../optim/schedules.js';
import { Breather } from './breathe.js';
import type { Callback } from './callback.js';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.js';
import { checkSameConfig } from './checkpoint-state.js';
import { evaluationLoader, measureAll } from './evaluate.js';
import type { EpochRecord, History } from './history.js';
import { resolveMetrics, type Metric, type MetricSpec } from './metrics.js';
import { inMode } from './mode.js';
import { checkSameOrder, orderOf, readPosition, type Position } from './position.js';
import { scalePixels, type Preprocess } from './preprocess.js';
import { Run } from './run.js';
import { datasetOf, loaderOf, tensorOf, type DataSource } from './source.js';
import { evaluationStep, trainingStep, type LossFunction, type Step } from './step.js';
import { asValidation, type Totals } from './totals.js';

export interface FitOptions {
  readonly loss: LossFunction;
  /** `optim.adam({ lr: 1e-3 })`, or an optimizer that is bound to the model's parameters already. */
  readonly optimizer: OptimizerSpec | Optimizer;
  /** How often all samples are gone through; 1 when left out. */
  readonly epochs?: number;
  /** Samples in a batch; 32 when left out. */
  readonly batchSize?: number;
  /** Samples to measure with after each epoch. */
  readonly validation?: DataSource;
  /** The share of the training samples, chosen at random, to measure with instead. */
  readonly validationSplit?: number;
  /** `'accuracy'`, `'top5'`, … or metrics of one's own; none when left out. */
  readonly metrics?: readonly MetricSpec[];
  readonly callbacks?: readonly Callback[];
  /** Decides the order of the samples and what is random about the transform; 0 when left out. Weights are drawn when the model is made: see `setSeed`. */
  readonly seed?: number;
  /** Whether each epoch goes through the samples in a new random order; true when left out. */
  readonly shuffle?: boolean;
  /** Changes each training batch before the step: crops, flips. */
  readonly transform?: Transform;
  /** Makes the model's input of a batch, inside the compiled step; {@link scalePixels} when left out. */
  readonly preprocess?: Preprocess;
  /** The learning rate at each step of the optimizer, counted from 0. */
  readonly schedule?: Schedule;
  /** Gradients are scaled down together so that their common norm is at most this. */
  readonly clipNorm?: number;
  /** How many batches' gradients are averaged for one step of the optimizer; 1 when left out. */
  readonly accumulate?: number;
  /** A file that receives a checkpoint after each epoch and when the signal stops the run. Node only. */
  readonly checkpoint?: string;
  /** A checkpoint to go on from, to the same numbers as without the interruption. Node only. */
  readonly resume?: string;
  /** Settings to note in checkpoints; a checkpoint with others is refused. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Stops the run after the present batch. */
  readonly signal?: AbortSignal;
}

/**
 * Trains a model: one compiled step per batch that computes loss, gradients, update and metrics. Afterwards the modules are in
 * the mode (training or evaluation) that they were in before.
 *
 * When the signal stops the run, `fit` saves a checkpoint, if it has a file for it, and returns a history with `interrupted` set.
 *
 * @throws ArgumentError for options outside their domain, or a model with nothing to train.
 * @throws DataError if there are no samples, or a label is none of the data set's classes.
 * @throws ShapeError if the samples do not fit the model.
 * @throws TrainingError if the loss is no longer a finite number, naming epoch and batch.
 * @throws CheckpointError if the checkpoint to resume from belongs to another model, optimizer, or set-up.
 * @throws FileError if a checkpoint cannot be written.
 * @example
 * ```ts
 * const inputs = [[0, 0], [0, 1], [1, 0], [1, 1]];
 * const model = new nn.Linear(2, 1);
 * const history = await train.fit(model, [inputs, [[0], [1], [1], [2]]], {
 *   loss: nn.mse, optimizer: optim.sgd({ lr: 0.1 }), epochs: 20, batchSize: 4,
 * });
 * history.epochs.length; // => 20
 * (history.epochs.at(-1)?.loss ?? 1) < (history.epochs[0]?.loss ?? 0); // => true
 * ```
 */
export async function fit(model: Module, training: DataSource, options: FitOptions): Promise<History> {
  const start = performance.now();
  const job = await prepare(model, training, options);
  const { run } = job;
  await inMode(model, true, async () => {
    let failed = true;
    try {
      await run.call('onTrainBegin');
      while (run.epoch <= run.epochs && !run.isOver) await trainEpoch(job);
      // Epochs that came to their end have saved themselves.
      if (run.batch > 0 || run.interrupted) await job.save();
      failed = false;
    } finally {
      // The error that ended the run matters more than one that it leads to.
      await run.call('onTrainEnd').catch((error: unknown) => {
        if (!failed) throw error;
      });
    }
  });
  return {
    epochs: run.history,
    stopped: run.stopped,
    interrupted: run.interrupted && run.epoch <= run.epochs,
    seconds: (performance.now() - start) / 1000,
  };
}

/** A run and what its epochs need. */
interface Job {
  readonly run: Run;
  readonly step: Step;
  readonly preparesRate: ((batch: number) => void) | undefined;
  readonly validation:
    { readonly step: Step; readonly loader: DataLoader; readonly metrics: readonly Metric[] } | undefined;
  readonly breather: Breather;
  readonly save: () => Promise<void>;
}

async function prepare(model: Module, training: DataSource, options: FitOptions): Promise<Job> {
  const { loss, epochs = 1, preprocess = scalePixels, resume, config, checkpoint: path } = options;
  if (!Number.isInteger(epochs) || epochs < 0)
    throw new ArgumentError(`fit: epochs is ${epochs}; it must be an integer of at least 0`);
  if (model.trainableParameters().length === 0)
    throw new ArgumentError(
      'fit: the model has no parameters to train',
      'all of them are frozen (see unfreeze), or its layers are not attributes of the module',
    );
  const metrics = resolveMetrics(options.metrics ?? []);
  const optimizer = bindOptimizer(model, options);
  const callbacks = options.callbacks ?? [];
  checkNames(callbacks);
  const data = await splitSource(training, options);
  const loader = await loaderOf(data.training, {
    shuffle: options.shuffle ?? true,
    batchSize: options.batchSize,
    seed: options.seed,
    transform: options.transform,
  });
  const resumed = resume === undefined ? undefined : await goOn(resume, model, optimizer, loader, config);
  const position = resumed?.position;
  const run = new Run({
    model,
    optimizer,
    loader,
    epochs,
    metrics,
    callbacks,
    signal: options.signal,
    position,
  });
  if (resumed !== undefined) run.restoreCallbacks(resumed.position, resumed.extras);
  const measures = { loss, metrics };
  return {
    run,
    step: trainingStep(model, optimizer, measures, preprocess),
    preparesRate: rateSetter(optimizer, options),
    validation:
      data.validation === undefined
        ? undefined
        : {
            loader: await evaluationLoader(data.validation, undefined),
            step: evaluationStep(model, measures, preprocess),
            metrics,
          },
    breather: new Breather(),
    save: async () => {
      if (path === undefined) return;
      const { position: present, extras } = await run.position();
      await saveCheckpoint(path, { model, optimizer }, { position: present, extras, config });
    },
  };
}

async function trainEpoch(job: Job): Promise<void> {
  const { run, step, breather, preparesRate } = job;
  const { loader } = run;
  const epoch = run.epoch - 1;
  run.startEpoch();
  await run.call('onEpochBegin');
  for await (const { inputs, targets } of loader.epoch(epoch, { from: run.batch })) {
    preparesRate?.(epoch * loader.length + run.batch);
    const measured = await step(tensorOf(inputs), tensorOf(targets));
    if (!Number.isFinite(measured.loss)) throw notFinite(measured.loss, run);
    run.addBatch(measured, inputs.shape[0] ?? 0);
    await run.call('onBatchEnd');
    await breather.pause();
    if (run.isOver) break;
  }
  run.endTraining();
  if (run.batch < loader.length) return;
  const validated = await validate(job);
  // Interrupted in the middle of measuring: the checkpoint stands before it.
  if (validated === undefined) return;
  const record: EpochRecord = {
    epoch: run.epoch,
    ...run.measured(),
    ...validated,
    seconds: run.seconds,
    samplesPerSecond: run.samplesPerSecond,
    lr: run.optimizer.lr,
  };
  run.endEpoch(record);
  await run.callEpochEnd(record);
  await job.save();
}

/** What the validation data give; nothing at all without such data, undefined if the run was interrupted. */
async function validate({ run, validation, breather }: Job): Promise<Record<string, number> | undefined> {
  if (validation === undefined) return {};
  const { step, loader, metrics } = validation;
  const totals: Totals = await inMode(run.model, false, () =>
    measureAll(step, loader, metrics, breather, () => run.interrupted),
  );
  return totals.samples < loader.samplesPerEpoch ? undefined : asValidation(totals.values());
}

function bindOptimizer(model: Module, options: FitOptions): Optimizer {
  const { optimizer, clipNorm, accumulate: every } = options;
  if (!(optimizer instanceof OptimizerSpec)) {
    for (const [name, value] of Object.entries({ clipNorm, accumulate: every })) {
      if (value !== undefined)
        throw new ArgumentError(
          `fit: ${name} cannot be added to an optimizer that is bound to its parameters already`,
          'pass optim.adam(…) without .for(model), or set it where the optimizer is made',
        );
    }
    return optimizer;
  }
  const { name, lr, transformation, lrScale } = optimizer;
  const clipped =
    clipNorm === undefined
      ? optimizer
      : new OptimizerSpec(name, lr, compose(clipByNorm(clipNorm), transformation), lrScale);
  return (every === undefined ? clipped : accumulate(clipped, every)).for(model);
}

function rateSetter(optimizer: Optimizer, options: FitOptions): ((batch: number) => void) | undefined {
  const { schedule, accumulate: every = 1 } = options;
  if (schedule === undefined) return undefined;
  return (batch) => {
    optimizer.lr = schedule(Math.floor(batch / every));
  };
}

async function splitSource(
  training: DataSource,
  { validation, validationSplit, seed = 0 }: FitOptions,
): Promise<{ training: DataSource; validation: DataSource | undefined }> {
  if (validationSplit === undefined) return { training, validation };
  if (validation !== undefined)
    throw new ArgumentError('fit: both validation and validationSplit are given', 'leave one of them out');
  if (!(validationSplit > 0 && validationSplit < 1))
    throw new ArgumentError(`fit: validationSplit is ${validationSplit}; it must lie between 0 and 1`);
  if (training instanceof DataLoader)
    throw new ArgumentError(
      'fit: a DataLoader cannot be split for validation',
      'pass its data set, or split that with data.split',
    );
  const [larger, smaller] = split(await datasetOf(training), [1 - validationSplit, validationSplit], seed);
  return { training: larger ?? training, validation: smaller };
}

async function goOn(
  path: string,
  model: Module,
  optimizer: Optimizer,
  loader: DataLoader,
  config: unknown,
): Promise<{ position: Position; extras: Readonly<Record<string, StoredArray>> }> {
  const notes = await loadCheckpoint(path, { model, optimizer });
  const position = readPosition(notes.position, path);
  checkSameConfig(notes.config, config, path);
  checkSameOrder(position.order, orderOf(loader), path);
  return { position, extras: notes.extras ?? {} };
}

function checkNames(callbacks: readonly Callback[]): void {
  const names = callbacks.map(({ name }) => name);
  const double = names.find((name, i) => names.indexOf(name) !== i);
  if (double !== undefined)
    throw new ArgumentError(
      `fit: two callbacks are named '${double}'`,
      'give them names of their own, to tell their states apart in checkpoints',
    );
}

function notFinite(loss: number, run: Run): TrainingError {
  const step = (run.epoch - 1) * run.loader.length + run.batch + 1;
  return new TrainingError(
    `the loss is ${loss} in epoch ${run.epoch}, batch ${run.batch + 1} (step ${step})`,
    'lower the learning rate, limit the gradients (clipNorm), and check that inputs are finite and that class indices lie below the number of outputs',
  );
}
