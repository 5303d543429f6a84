import { ShapeError } from '../core/errors.js';

/** Precision, recall and their harmonic mean. */
export interface Averages {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** How well one class was told from the others. */
export interface ClassScores extends Averages {
  /** Samples of this class. */
  readonly support: number;
}

export interface ClassReport {
  readonly accuracy: number;
  readonly perClass: readonly ClassScores[];
  /** The mean over the classes that occur, among the samples or the predictions. */
  readonly macro: Averages;
  /** Over all samples together; all three equal the accuracy where each sample has one class. */
  readonly micro: Averages;
}

/**
 * Precision, recall and F1 of each class and over all of them. A share of nothing counts as 0.
 *
 * @param matrix `matrix[actual][predicted]` samples.
 * @throws ShapeError unless the matrix is square.
 * @example
 * ```ts
 * const report = train.classReport([[8, 2], [4, 6]]);
 * report.accuracy; // => 0.7
 * report.perClass[1]?.precision; // => 0.75
 * report.perClass[1]?.recall; // => 0.6
 * ```
 */
export function classReport(matrix: readonly (readonly number[])[]): ClassReport {
  if (matrix.some((row) => row.length !== matrix.length))
    throw new ShapeError(`classReport: a matrix of ${matrix.length} rows needs as many columns`);
  const classes = matrix.map((row, i) => ({
    hits: row[i] ?? 0,
    actual: total(row),
    predicted: total(matrix.map((other) => other[i] ?? 0)),
  }));
  const perClass = classes.map(({ hits, actual, predicted }) => ({
    ...scores(hits, actual, predicted),
    support: actual,
  }));
  const present = perClass.filter((_, i) => (classes[i]?.actual ?? 0) + (classes[i]?.predicted ?? 0) > 0);
  const mean = (values: readonly number[]): number => ratio(total(values), values.length);
  const samples = total(classes.map(({ actual }) => actual));
  const hits = total(classes.map((each) => each.hits));
  return {
    accuracy: ratio(hits, samples),
    perClass,
    macro: {
      precision: mean(present.map(({ precision }) => precision)),
      recall: mean(present.map(({ recall }) => recall)),
      f1: mean(present.map(({ f1 }) => f1)),
    },
    micro: scores(hits, samples, total(classes.map(({ predicted }) => predicted))),
  };
}

function scores(hits: number, actual: number, predicted: number): Averages {
  return {
    precision: ratio(hits, predicted),
    recall: ratio(hits, actual),
    f1: ratio(2 * hits, predicted + actual),
  };
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
