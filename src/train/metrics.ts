import { ArgumentError, ShapeError } from '../core/errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import { abs, cast, eq, ge, gt, logicalAnd, logicalOr, lt, square, sub } from '../tensor/elementwise.js';
import { arange, full } from '../tensor/creation.js';
import { oneHot } from '../tensor/indexing.js';
import { matmul } from '../tensor/matmul.js';
import { reshape, stack, transpose } from '../tensor/movement.js';
import { literal } from '../tensor/operands.js';
import { sum } from '../tensor/reductions.js';
import type { Tensor } from '../tensor/tensor.js';
import { classify, type Classified } from './classes.js';
import { classReport, type Averages } from './class-report.js';

/**
 * A measure of how good outputs are: sums over samples, and a number made of them. The sums of a batch are computed inside the compiled
 * step; those of all batches are added up outside. A measure of one's own is an object with these three members.
 *
 * @example
 * ```ts
 * // The share of samples whose every output has the right sign.
 * const rightSigns: train.Metric = {
 *   name: 'rightSigns',
 *   sums: (outputs, targets) => stack([outputs.mul(targets).gt(0).all(1).sum(), full([], outputs.shape[0] ?? 0)]),
 *   value: ([right = 0, all = 0]) => right / all,
 * };
 * rightSigns.value([3, 4]); // => 0.75
 * ```
 */
export interface Metric {
  /** The name in histories: `accuracy`. */
  readonly name: string;
  /** What a batch adds to the sums: a tensor of rank 1, always of the same length. */
  sums(outputs: Tensor, targets: Tensor): Tensor;
  /** The measure, given the sums over all samples. */
  value(sums: readonly number[]): number;
}

/** What people may write for a metric: `'accuracy'`, `'top5'`, `'f1'`, `'mae'`, … or a metric itself. */
export type MetricSpec = string | Metric;

export interface ClassMetricOptions {
  /**
   * For models with a single output: the output above which class 1 is predicted. 0 when left out, which is right for logits; 0.5 for
   * probabilities.
   */
  readonly threshold?: number;
}

/** The share of samples whose class was predicted. Targets below 0 do not count. */
export function accuracy({ threshold = 0 }: ClassMetricOptions = {}): Metric {
  return share('accuracy', threshold, ({ predicted, actual }) => eq(predicted, actual));
}

/**
 * The share of samples whose class is among the `k` with the highest scores. Of equal scores the one of the lower class counts as
 * higher.
 *
 * @throws ArgumentError unless `k` is a positive integer.
 */
export function topK(k: number): Metric {
  if (!Number.isInteger(k) || k < 1)
    throw new ArgumentError(`topK: k is ${k}; it must be an integer of at least 1`);
  const name = `top${k}`;
  return share(name, 0, ({ scores, actual, classes }) => {
    if (scores === undefined)
      throw new ShapeError(`${name}: a model with one output has no classes to rank`, "use 'accuracy'");
    const numbers: Tensor = reshape(arange(classes), [1, classes]);
    const label: Tensor = reshape(actual, [-1, 1]);
    const own: Tensor = sum(scores.mul(oneHot(actual, classes, { dtype: scores.dtype })), 1, {
      keepDims: true,
    });
    const tied: Tensor = logicalAnd(eq(scores, own), lt(numbers, label));
    const higher: Tensor = sum(cast(logicalOr(gt(scores, own), tied), 'int32'), 1);
    return lt(higher, literal(higher, k));
  });
}

function share(name: string, threshold: number, right: (classified: Classified) => Tensor): Metric {
  return {
    name,
    sums(outputs, targets) {
      const classified = classify(name, outputs, targets, threshold);
      const counted: Tensor = ge(classified.actual, literal(classified.actual, 0));
      const hits: Tensor = logicalAnd(right(classified), counted);
      return stack([sum(cast(hits, 'float32')), sum(cast(counted, 'float32'))]);
    },
    value: ([hits = 0, all = 0]) => hits / all,
  };
}

/** The mean absolute error over all elements. */
export function mae(): Metric {
  return overElements('mae', abs, (mean) => mean);
}

/** The root of the mean squared error over all elements. */
export function rmse(): Metric {
  return overElements('rmse', square, Math.sqrt);
}

function overElements(
  name: string,
  size: (error: Tensor) => Tensor,
  finish: (mean: number) => number,
): Metric {
  return {
    name,
    sums(outputs, targets) {
      if (!sameShape(outputs.shape, targets.shape))
        throw new ShapeError(
          `${name}: outputs have shape ${formatShape(outputs.shape)}, targets ${formatShape(targets.shape)}`,
          'make them equal, with reshape or squeeze',
        );
      const errors = size(sub(outputs, cast(targets, outputs.dtype)));
      return stack([sum(errors), full([], outputs.size, { dtype: errors.dtype })]);
    },
    value: ([total = 0, count = 0]) => finish(total / count),
  };
}

export interface AveragedMetricOptions extends ClassMetricOptions {
  /** `macro` (the default): the mean over the classes. `micro`: over all samples together. */
  readonly average?: 'macro' | 'micro';
}

/** Of the samples predicted to be of a class, the share that are; 0 where none was. See {@link classReport}. */
export function precision(options: AveragedMetricOptions = {}): Metric {
  return averaged('precision', options, ({ precision: value }) => value);
}

/** Of the samples of a class, the share predicted to be of it. See {@link classReport}. */
export function recall(options: AveragedMetricOptions = {}): Metric {
  return averaged('recall', options, ({ recall: value }) => value);
}

/** The harmonic mean of precision and recall. See {@link classReport}. */
export function f1(options: AveragedMetricOptions = {}): Metric {
  return averaged('f1', options, ({ f1: value }) => value);
}

function averaged(
  name: string,
  options: AveragedMetricOptions,
  pick: (averages: Averages) => number,
): Metric {
  const { average = 'macro', threshold = 0 } = options;
  const counts = confusionCounts(name, threshold);
  return { ...counts, value: (sums) => pick(classReport(toMatrix(sums))[average]) };
}

/** A metric whose sums are a confusion matrix, row by row: see {@link toMatrix}. */
export function confusionCounts(name = 'confusion', threshold = 0): Metric {
  return {
    name,
    sums(outputs, targets) {
      const { predicted, actual, classes } = classify(name, outputs, targets, threshold);
      // Counts[a, p] = Σ over samples of [actual = a][predicted = p]: a product of two one-hot matrices.
      const counts = matmul(transpose(oneHot(actual, classes)), oneHot(predicted, classes));
      return reshape(counts, [classes * classes]);
    },
    value: (sums) => classReport(toMatrix(sums)).accuracy,
  };
}

/** The rows of a square matrix that lie one after the other. */
export function toMatrix(elements: readonly number[]): number[][] {
  const n = Math.round(Math.sqrt(elements.length));
  return Array.from({ length: n }, (_, row) => elements.slice(row * n, (row + 1) * n));
}

const NAMED: Readonly<Record<string, () => Metric>> = { accuracy, precision, recall, f1, mae, rmse };

/**
 * The metrics that people name.
 *
 * @throws ArgumentError for a name that is unknown, or stands there twice.
 */
export function resolveMetrics(specs: readonly MetricSpec[]): Metric[] {
  const metrics = specs.map((spec) => (typeof spec === 'string' ? metricNamed(spec) : spec));
  metrics.forEach(({ name }, i) => {
    if (name === 'loss' || metrics.findIndex((other) => other.name === name) !== i)
      throw new ArgumentError(`the metric '${name}' is there twice`, 'give each metric a name of its own');
  });
  return metrics;
}

function metricNamed(name: string): Metric {
  const top = /^top(\d+)$/.exec(name)?.[1];
  if (top !== undefined) return topK(Number(top));
  const make = Object.hasOwn(NAMED, name) ? NAMED[name] : undefined;
  if (make === undefined)
    throw new ArgumentError(
      `unknown metric '${name}'`,
      `known metrics: ${[...Object.keys(NAMED), 'top2, top3, …'].join(', ')}`,
    );
  return make();
}
