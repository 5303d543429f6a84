import { DataError } from '../core/errors.js';
import type { HostArray } from './host-array.js';

/** The classes of a labelled data set: their names, or just how many there are. */
export type Classes = number | readonly string[];

/** How many classes there are. */
export function classCount(classes: Classes): number {
  return typeof classes === 'number' ? classes : classes.length;
}

/** The names of the classes; `0`, `1`, … when only their number is known. */
export function classNames(classes: Classes): readonly string[] {
  return typeof classes === 'number' ? Array.from({ length: classes }, (_, i) => String(i)) : classes;
}

/**
 * Checks that every label is an integer from 0 to the number of classes less one. A label out of range would index
 * past the end of the model's output, far from where the mistake was made.
 *
 * @param indices names the samples in messages when the labels are those of a batch.
 * @throws DataError with the sample's index and its label.
 */
export function checkLabels(labels: HostArray, classes: Classes, indices?: ArrayLike<number>): void {
  const count = classCount(classes);
  const { data } = labels;
  for (let i = 0; i < data.length; i++) {
    const label = data[i] ?? 0;
    if (!Number.isInteger(label) || label < 0 || label >= count) {
      throw new DataError(
        `sample ${indices?.[i] ?? i} has label ${label}, but the ${count} classes are numbered 0 to ${count - 1}`,
        'labels are whole numbers from 0; check the number of classes and whether the labels start at 1',
      );
    }
  }
}
