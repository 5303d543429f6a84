import { DataLoader } from '../data/loader.js';
import type { Module } from '../nn/module.js';
import { Breather } from './breathe.js';
import { confusionCounts, resolveMetrics, toMatrix, type Metric, type MetricSpec } from './metrics.js';
import { inMode } from './mode.js';
import { scalePixels, type Preprocess } from './preprocess.js';
import { loaderOf, tensorOf, type DataSource } from './source.js';
import { evaluationStep, type LossFunction, type Measures, type Step } from './step.js';
import { Totals } from './totals.js';

/** Samples in a batch where nothing has to be remembered for gradients. */
const EVALUATION_BATCH = 128;

export interface MeasuringOptions {
  /** Samples in a batch; 128 when left out. It changes nothing but time and memory. */
  readonly batchSize?: number;
  /** Makes the model's input of a batch, inside the compiled step; {@link scalePixels} when left out. */
  readonly preprocess?: Preprocess;
}

export interface EvaluateOptions extends MeasuringOptions {
  readonly loss: LossFunction;
  /** `'accuracy'`, `'top5'`, … or metrics of one's own; none when left out. */
  readonly metrics?: readonly MetricSpec[];
}

/** The mean loss over the samples, and each metric by its name. */
export interface Evaluation {
  readonly loss: number;
  readonly accuracy?: number;
  readonly [metric: string]: number | undefined;
}

/**
 * Measures a model, in evaluation mode and without changing it.
 *
 * @throws ArgumentError for an unknown metric or a batch size that is no positive integer.
 * @throws DataError if there are no samples, or a label is none of the data set's classes.
 * @throws ShapeError if the samples do not fit the model.
 * @example
 * ```ts
 * const model = new nn.Linear(2, 2);
 * model.loadState({ weight: tensor([[1, 0], [0, 1]]), bias: tensor([0, 0]) });
 * const samples = [[[1, 0], [0, 1], [3, 1]], [0, 1, 1]] as const;
 * const { accuracy } = await train.evaluate(model, samples, { loss: nn.crossEntropy, metrics: ['accuracy'] });
 * accuracy?.toFixed(3); // => '0.667'
 * ```
 */
export async function evaluate(
  model: Module,
  source: DataSource,
  options: EvaluateOptions,
): Promise<Evaluation> {
  const metrics = resolveMetrics(options.metrics ?? []);
  const totals = await measure(model, source, { loss: options.loss, metrics }, options);
  return totals.values();
}

/**
 * How often each class was taken for each: `matrix[actual][predicted]` samples.
 *
 * @throws as {@link evaluate} does.
 */
export async function confusionMatrix(
  model: Module,
  source: DataSource,
  options: MeasuringOptions = {},
): Promise<number[][]> {
  const counts = confusionCounts();
  const totals = await measure(model, source, { metrics: [counts] }, options);
  return toMatrix(totals.sumsOf(counts.name));
}

async function measure(
  model: Module,
  source: DataSource,
  measures: Measures,
  options: MeasuringOptions,
): Promise<Totals> {
  const loader = await evaluationLoader(source, options.batchSize);
  const step = evaluationStep(model, measures, options.preprocess ?? scalePixels);
  return inMode(model, false, () => measureAll(step, loader, measures.metrics, new Breather(), () => false));
}

/** The batches of a source that is measured: in order, and large. */
export function evaluationLoader(source: DataSource, batchSize: number | undefined): Promise<DataLoader> {
  const isLoader = source instanceof DataLoader;
  return loaderOf(source, {
    shuffle: false,
    batchSize: isLoader ? batchSize : (batchSize ?? EVALUATION_BATCH),
  });
}

/** Measures all batches of a loader's first epoch, or those before `isOver` says so. */
export async function measureAll(
  step: Step,
  loader: DataLoader,
  metrics: readonly Metric[],
  breather: Breather,
  isOver: () => boolean,
): Promise<Totals> {
  const totals = new Totals(metrics);
  for await (const { inputs, targets } of loader.epoch(0)) {
    if (isOver()) break;
    totals.add(await step(tensorOf(inputs), tensorOf(targets)), inputs.shape[0] ?? 0);
    await breather.pause();
  }
  return totals;
}
