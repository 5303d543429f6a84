/**
 * The one-dimensional transforms of Winograd's minimal filtering F(4, 3) and F(3, 4), at the points 0, ±1, ±2 and ∞: 4 outputs of a filter of 3 from 6 inputs with 6
 * multiplications, or 3 outputs of a filter of 4. Applied along rows and columns they make F(4x4, 3x3) and F(3x3, 4x4). Matrices as in Lavin and
 * Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016); those of F(3, 4) follow from the same points, and the input's is the same.
 */
import { add, constant, fma, mul, sub, type Builder, type Expr } from './ir.js';

/** Outputs of a tile along one axis, and inputs. */
export const TILE_OUTPUTS = 4;
export const TILE_INPUTS = 6;
/** Products for each tile and pair of channels. */
export const TILE_POINTS = TILE_INPUTS * TILE_INPUTS;

/** Some outputs of a transform, which share what they are computed from. */
export interface Part {
  readonly outputs: readonly number[];
  /** `at` gives an input, once computed. */
  readonly apply: (b: Builder, at: (input: number) => Expr) => readonly Expr[];
}

/** A transform in parts. Together they need little more than the whole, and each by itself fits the registers. */
export interface Transform {
  readonly name: string;
  readonly inputs: number;
  readonly parts: readonly Part[];
}

const times = (value: Expr, factor: number, summand: Expr): Expr =>
  fma(value, constant(value.type, factor), summand);
const scaled = (value: Expr, factor: number): Expr => mul(value, constant(value.type, factor));

/** Two outputs that are the sum and the difference of the same: of points 1 and -1, or 2 and -2. */
function both(b: Builder, even: Expr, odd: Expr): readonly Expr[] {
  const kept = [b.let(even, 'even'), b.let(odd, 'odd')] as const;
  return [add(...kept), sub(...kept)];
}

/** Bᵀd. */
export const INPUT: Transform = {
  name: 'input',
  inputs: 6,
  parts: [
    { outputs: [0], apply: (_, at) => [times(at(0), 4, times(at(2), -5, at(4)))] },
    { outputs: [1, 2], apply: (b, at) => both(b, times(at(2), -4, at(4)), times(at(1), -4, at(3))) },
    {
      outputs: [3, 4],
      apply: (b, at) => {
        const even = b.let(sub(at(4), at(2)), 'even');
        const odd = b.let(sub(at(3), at(1)), 'odd');
        return [times(odd, 2, even), times(odd, -2, even)];
      },
    },
    { outputs: [5], apply: (_, at) => [times(at(1), 4, times(at(3), -5, at(5)))] },
  ],
};

/** Gg. */
export const FILTER: Transform = {
  name: 'filter',
  inputs: 3,
  parts: [
    { outputs: [0], apply: (_, at) => [scaled(at(0), 1 / 4)] },
    { outputs: [1, 2], apply: (b, at) => both(b, scaled(add(at(0), at(2)), -1 / 6), scaled(at(1), -1 / 6)) },
    {
      outputs: [3, 4],
      apply: (b, at) => both(b, times(at(0), 1 / 24, scaled(at(2), 1 / 6)), scaled(at(1), 1 / 12)),
    },
    { outputs: [5], apply: (_, at) => [at(2)] },
  ],
};

/** Aᵀm. */
export const OUTPUT: Transform = {
  name: 'output',
  inputs: 6,
  parts: [
    {
      outputs: [0, 2],
      apply: (b, at) => {
        const sum = b.let(add(at(1), at(2)), 'sum');
        const sum2 = b.let(add(at(3), at(4)), 'sum2');
        return [add(add(at(0), sum), sum2), times(sum2, 4, sum)];
      },
    },
    {
      outputs: [1, 3],
      apply: (b, at) => {
        const difference = b.let(sub(at(1), at(2)), 'difference');
        const difference2 = b.let(sub(at(3), at(4)), 'difference2');
        return [times(difference2, 2, difference), times(difference2, 8, add(difference, at(5)))];
      },
    },
  ],
};

/** Gg of F(3, 4). */
export const LONG_FILTER: Transform = {
  name: 'longFilter',
  inputs: 4,
  parts: [
    { outputs: [0], apply: (_, at) => [scaled(at(0), 1 / 4)] },
    {
      outputs: [1, 2],
      apply: (b, at) => both(b, scaled(add(at(0), at(2)), -1 / 6), scaled(add(at(1), at(3)), -1 / 6)),
    },
    {
      outputs: [3, 4],
      apply: (b, at) =>
        both(b, times(at(0), 1 / 24, scaled(at(2), 1 / 6)), times(at(1), 1 / 12, scaled(at(3), 1 / 3))),
    },
    { outputs: [5], apply: (_, at) => [at(3)] },
  ],
};

/** Aᵀm of F(3, 4). */
export const SHORT_OUTPUT: Transform = {
  name: 'shortOutput',
  inputs: 6,
  parts: [
    {
      outputs: [0, 2],
      apply: (b, at) => {
        const sum = b.let(add(at(1), at(2)), 'sum');
        const sum2 = b.let(add(at(3), at(4)), 'sum2');
        return [add(add(at(0), sum), sum2), times(sum2, 4, add(sum, at(5)))];
      },
    },
    {
      outputs: [1],
      apply: (_, at) => [times(sub(at(3), at(4)), 2, sub(at(1), at(2)))],
    },
  ],
};

/**
 * Transforms a square along both axes: `read` gives element (row, column), `write` takes each result. Part by part: a part's rows first along columns, then
 * those along rows, so that about a dozen values are alive at a time. Inputs that several parts need are read again.
 */
export function transformSquare(
  b: Builder,
  transform: Transform,
  read: (row: number, column: number) => Expr,
  write: (row: number, column: number, value: Expr) => void,
): void {
  for (const rows of transform.parts) {
    const lines: Expr[][] = rows.outputs.map(() => []);
    for (let column = 0; column < transform.inputs; column++) {
      const values = rows.apply(
        b,
        once(b, (row) => read(row, column)),
      );
      values.forEach((value, n) => lines[n]?.push(b.let(value, 'line')));
    }
    rows.outputs.forEach((row, n) => {
      const line = lines[n] ?? [];
      for (const columns of transform.parts) {
        const values = columns.apply(b, (column) => line[column] as Expr);
        columns.outputs.forEach((column, m) => {
          write(row, column, values[m] as Expr);
        });
      }
    });
  }
}

/** Computes each of several values when it is first asked for. */
function once(b: Builder, read: (n: number) => Expr): (n: number) => Expr {
  const known = new Map<number, Expr>();
  return (n) => {
    let value = known.get(n);
    if (value === undefined) known.set(n, (value = b.let(read(n), 'd')));
    return value;
  };
}
