/** Checks of constructor arguments and of input shapes, worded alike for all layers. */
import { ArgumentError, ShapeError } from '../core/errors.js';
import { formatShape, type Shape } from '../core/shape.js';

/** Throws unless `value` is a positive integer. */
export function checkPositiveInteger(layer: string, name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new ArgumentError(`${layer}: ${name} is ${value}`, `${name} must be a positive integer`);
  }
}

/** Throws unless `value` is at least 0 (and finite). */
export function checkNonNegative(layer: string, name: string, value: number): void {
  if (!(value >= 0 && value < Infinity)) {
    throw new ArgumentError(`${layer}: ${name} is ${value}`, `${name} must be a number of at least 0`);
  }
}

/** Throws unless `value` lies between 0 and 1, both included. */
export function checkFraction(layer: string, name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) {
    throw new ArgumentError(`${layer}: ${name} is ${value}`, `${name} must be between 0 and 1`);
  }
}

/** Throws unless `axis` of an input exists and has `size` elements; `meaning` is what a layer calls that size. */
export function checkInputAxis(
  layer: string,
  shape: Shape,
  axis: number,
  size: number,
  meaning: string,
): void {
  const at = axis < 0 ? shape.length + axis : axis;
  if (shape[at] === size) return;
  const place = axis === -1 ? 'the last axis' : `axis ${axis}`;
  throw new ShapeError(
    `${layer}: the input of shape ${formatShape(shape)} has ${shape[at] ?? 'nothing'} along ${place} where ${size} ${meaning} are expected`,
    `pass an input with ${size} there, or build the layer for ${shape[at] ?? 'such'} ${meaning}`,
  );
}

/** Throws unless an input has one of the given ranks. */
export function checkInputRank(layer: string, shape: Shape, ranks: readonly number[], layout: string): void {
  if (ranks.includes(shape.length)) return;
  throw new ShapeError(
    `${layer}: the input of shape ${formatShape(shape)} has ${shape.length} axes`,
    `pass a tensor laid out as ${layout}`,
  );
}
