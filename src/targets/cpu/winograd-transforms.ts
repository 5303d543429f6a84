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

type Four = readonly [Expr, Expr, Expr, Expr];
type Six = readonly [...Four, Expr, Expr];

/** Numbers for which `read` gives the expressions, each computed once. */
export const four = (b: Builder, read: (i: number) => Expr): Four => {
  const at = (i: number): Expr => b.let(read(i), 'd');
  return [at(0), at(1), at(2), at(3)];
};
export const six = (b: Builder, read: (i: number) => Expr): Six => {
  const at = (i: number): Expr => b.let(read(i), 'd');
  return [at(0), at(1), at(2), at(3), at(4), at(5)];
};

/** Bᵀd. */
export function transformInput(b: Builder, [d0, d1, d2, d3, d4, d5]: Six): Expr[] {
  const c = (value: number): Expr => constant(d0.type, value);
  const even = b.let(fma(d2, c(-4), d4));
  const odd = b.let(fma(d1, c(-4), d3));
  const even2 = b.let(sub(d4, d2));
  const odd2 = b.let(sub(d3, d1));
  return [
    fma(d0, c(4), fma(d2, c(-5), d4)),
    add(even, odd),
    sub(even, odd),
    fma(odd2, c(2), even2),
    fma(odd2, c(-2), even2),
    fma(d1, c(4), fma(d3, c(-5), d5)),
  ];
}

/** Gg. */
export function transformFilter(b: Builder, g0: Expr, g1: Expr, g2: Expr): Expr[] {
  const c = (value: number): Expr => constant(g0.type, value);
  const even = b.let(mul(add(g0, g2), c(-1 / 6)));
  const odd = b.let(mul(g1, c(1 / 6)));
  const even2 = b.let(fma(g0, c(1 / 24), mul(g2, c(1 / 6))));
  const odd2 = b.let(mul(g1, c(1 / 12)));
  return [mul(g0, c(1 / 4)), sub(even, odd), add(even, odd), add(even2, odd2), sub(even2, odd2), g2];
}

/** Aᵀm. */
export function transformOutput(b: Builder, [m0, m1, m2, m3, m4, m5]: Six): Expr[] {
  const c = (value: number): Expr => constant(m0.type, value);
  const sum = b.let(add(m1, m2));
  const difference = b.let(sub(m1, m2));
  const sum2 = b.let(add(m3, m4));
  const difference2 = b.let(sub(m3, m4));
  return [
    add(add(m0, sum), sum2),
    fma(difference2, c(2), difference),
    fma(sum2, c(4), sum),
    fma(difference2, c(8), add(difference, m5)),
  ];
}

/** Gg of F(3, 4). */
export function transformLongFilter(b: Builder, [g0, g1, g2, g3]: Four): Expr[] {
  const c = (value: number): Expr => constant(g0.type, value);
  const even = b.let(mul(add(g0, g2), c(-1 / 6)));
  const odd = b.let(mul(add(g1, g3), c(1 / 6)));
  const even2 = b.let(fma(g0, c(1 / 24), mul(g2, c(1 / 6))));
  const odd2 = b.let(fma(g1, c(1 / 12), mul(g3, c(1 / 3))));
  return [mul(g0, c(1 / 4)), sub(even, odd), add(even, odd), add(even2, odd2), sub(even2, odd2), g3];
}

/** Aᵀm of F(3, 4). */
export function transformShortOutput(b: Builder, [m0, m1, m2, m3, m4, m5]: Six): Expr[] {
  const c = (value: number): Expr => constant(m0.type, value);
  const sum = b.let(add(m1, m2));
  const sum2 = b.let(add(m3, m4));
  return [add(add(m0, sum), sum2), fma(sub(m3, m4), c(2), sub(m1, m2)), fma(sum2, c(4), add(sum, m5))];
}
