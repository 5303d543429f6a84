/** Affine views: axes with strides, flattened, merged, and addressed from a flat position. */
import type { Variable } from '../../compiler/index-expr.js';
import { add, binary, i32, mul, sub, type Builder, type Expr } from './ir.js';

/** `extent` steps of `stride` (elements, or bytes where said so). */
export interface Axis {
  readonly extent: number;
  readonly stride: number;
}

export const sizeOf = (axes: readonly { readonly extent: number }[]): number =>
  axes.reduce((n, { extent }) => n * extent, 1);

/** The same positions in the same order with as few axes as possible, outermost first; at least one axis. */
export function mergeAxes(axes: readonly Axis[]): Axis[] {
  const merged: Axis[] = [];
  for (const axis of axes) {
    if (axis.extent === 1) continue;
    const outer = merged.at(-1);
    if (outer?.stride === axis.stride * axis.extent) {
      merged[merged.length - 1] = { extent: outer.extent * axis.extent, stride: axis.stride };
    } else merged.push(axis);
  }
  return merged.length === 0 ? [{ extent: 1, stride: 0 }] : merged;
}

/** How many steps of the innermost axis are neighbours. */
export function runsOf(axes: readonly Axis[]): number {
  const inner = mergeAxes(axes).at(-1);
  return inner?.stride === 1 ? inner.extent : 1;
}

/** Where each position of the axes lies, in order. */
export function positionsOf(axes: readonly Axis[]): number[] {
  let positions = [0];
  for (const { extent, stride } of axes) {
    positions = positions.flatMap((start) => Array.from({ length: extent }, (_, i) => start + i * stride));
  }
  return positions;
}

/** How far apart the first and the last of all positions lie, plus one. */
export const spanOf = (axes: readonly Axis[]): number =>
  axes.reduce((span, { extent, stride }) => span + (extent - 1) * Math.abs(stride), 1);

/** (quotient, remainder) of an unsigned i32 by a constant. */
export function split(b: Builder, value: Expr, by: number): [Expr, Expr] {
  if (by === 1) return [value, i32(0)];
  const quotient = b.let(binary('divU', value, i32(by)), 'quotient');
  return [quotient, b.let(sub(value, mul(quotient, i32(by))), 'remainder')];
}

/** Splits a flat position into one coordinate per extent, outermost first. */
export function coordinatesOf(b: Builder, flat: Expr, extents: readonly number[]): Expr[] {
  const coordinates = new Array<Expr>(extents.length);
  let rest = flat;
  for (let axis = extents.length - 1; axis >= 0; axis--) {
    const extent = extents[axis] ?? 1;
    const outermost = extents.slice(0, axis).every((each) => each === 1);
    if (extent === 1) coordinates[axis] = i32(0);
    else if (outermost) coordinates[axis] = rest;
    else {
      [rest, coordinates[axis]] = split(b, rest, extent);
    }
    if (outermost) rest = i32(0);
  }
  return coordinates;
}

/** The values of `variables` (outermost first) at a flat position. */
export function coordinateMap(b: Builder, flat: Expr, variables: readonly Variable[]): Map<Variable, Expr> {
  const coordinates = coordinatesOf(
    b,
    flat,
    variables.map(({ extent }) => extent),
  );
  return new Map(variables.map((v, axis) => [v, coordinates[axis] ?? i32(0)]));
}

/** Where each of some stretches begins that follow one another. */
export function startsOf(lengths: readonly number[]): number[] {
  let sum = 0;
  return lengths.map((length) => (sum += length) - length);
}

/** `bytes` · Σ coordinate · stride of a flat position. */
export function addressOf(b: Builder, flat: Expr, axes: readonly Axis[], bytes: number): Expr {
  const merged = mergeAxes(axes);
  const coordinates = coordinatesOf(
    b,
    flat,
    merged.map(({ extent }) => extent),
  );
  let address: Expr = i32(0);
  merged.forEach(({ stride }, axis) => {
    address = add(address, mul(coordinates[axis] ?? i32(0), i32(stride * bytes)));
  });
  return b.let(address, 'offset');
}
