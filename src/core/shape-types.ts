/**
 * Shapes for the type checker: what the functions of shape.ts compute from values, computed from types. Whatever is not
 * known (a plain `number` in a shape, or a shape of unknown rank) makes the result less precise, never an error.
 */
import type { Shape } from './shape.js';

/** A shape as results state it: a tuple without `readonly`, or `Shape` when the rank is unknown. */
export type Fixed<S extends Shape> = number extends S['length']
  ? Shape
  : S extends readonly [...infer Sizes extends number[]]
    ? Sizes
    : Shape;

/** Stands where an argument should be when shapes do not fit; its parameter says why. */
export interface ShapeMismatch<Message extends string> {
  readonly shapeMismatch: Message;
}

type Join<S extends Shape> = S extends readonly [infer N extends number, ...infer Rest extends Shape]
  ? Rest extends readonly []
    ? `${N}`
    : `${N}, ${Join<Rest>}`
  : '';

/** `[2, 3]`, as messages print shapes. */
export type ShapeText<S extends Shape> = `[${Join<S>}]`;

/** The common size of two axes of which neither stretches: unknown when both are, `never` when they differ. */
export type SameSize<M extends number, N extends number> = number extends M
  ? N
  : number extends N
    ? M
    : M extends N
      ? M
      : never;

/** The size to which two axes stretch; `never` when they do not. An unknown size may be 1. */
type BroadcastSize<M extends number, N extends number> = M extends 1 ? N : N extends 1 ? M : SameSize<M, N>;

type BroadcastSizes<A extends Shape, B extends Shape, Tail extends number[] = []> = A extends readonly [
  ...infer RestA extends Shape,
  infer M extends number,
]
  ? B extends readonly [...infer RestB extends Shape, infer N extends number]
    ? [BroadcastSize<M, N>] extends [never]
      ? undefined
      : BroadcastSizes<RestA, RestB, [BroadcastSize<M, N>, ...Tail]>
    : [...A, ...Tail]
  : [...B, ...Tail];

type Ranked<A extends Shape, B extends Shape> = number extends A['length'] | B['length'] ? false : true;

/** The shape that `A` and `B` stretch to under NumPy's broadcasting rule. */
export type Broadcast<A extends Shape, B extends Shape> =
  Ranked<A, B> extends true
    ? BroadcastSizes<A, B> extends infer Sizes extends number[]
      ? Sizes
      : Shape
    : Shape;

/** `unknown` where `A` and `B` broadcast, else the reason why they do not. To be intersected with an argument's type. */
export type CheckBroadcast<A extends Shape, B extends Shape> =
  Ranked<A, B> extends true
    ? BroadcastSizes<A, B> extends undefined
      ? ShapeMismatch<`shapes ${ShapeText<A>} and ${ShapeText<B>} do not broadcast`>
      : unknown
    : unknown;

/** What a matrix product makes of its operands: the summed sizes of both, and the result. */
type Product<A extends Shape, B extends Shape> = A extends readonly [infer K extends number]
  ? B extends readonly [infer L extends number]
    ? { readonly sizes: [K, L]; readonly shape: [] }
    : B extends readonly [...infer Batch extends Shape, infer L extends number, infer N extends number]
      ? { readonly sizes: [K, L]; readonly shape: [...Batch, N] }
      : undefined
  : A extends readonly [...infer BatchA extends Shape, infer M extends number, infer K extends number]
    ? B extends readonly [infer L extends number]
      ? { readonly sizes: [K, L]; readonly shape: [...BatchA, M] }
      : B extends readonly [...infer BatchB extends Shape, infer L extends number, infer N extends number]
        ? { readonly sizes: [K, L]; readonly shape: [...Broadcast<BatchA, BatchB>, M, N] }
        : undefined
    : undefined;

/** The shape of `a.matmul(b)`. */
export type MatMul<A extends Shape, B extends Shape> =
  Ranked<A, B> extends true
    ? Product<A, B> extends { readonly shape: infer S extends Shape }
      ? Fixed<S>
      : Shape
    : Shape;

/** `unknown` where `A` and `B` multiply, else the reason why they do not. */
export type CheckMatMul<A extends Shape, B extends Shape> =
  Ranked<A, B> extends true
    ? Product<A, B> extends { readonly sizes: [infer K extends number, infer L extends number] }
      ? [SameSize<K, L>] extends [never]
        ? ShapeMismatch<`matmul: ${ShapeText<A>} and ${ShapeText<B>} do not multiply: ${K} columns meet ${L} rows`>
        : unknown
      : ShapeMismatch<'matmul: a scalar has no rows and columns'>
    : unknown;

/** Axes as functions take them. */
export type AxesArgument = number | readonly number[] | undefined;

type AxisUnion<Axes extends AxesArgument> = Axes extends readonly number[]
  ? Axes[number]
  : Axes extends number
    ? Axes
    : never;

type ReduceSizes<
  S extends Shape,
  Axis extends number,
  Keep extends boolean,
  Before extends unknown[] = [],
> = S extends readonly [infer N extends number, ...infer Rest extends Shape]
  ? `${Before['length'] & number}` | `-${S['length']}` extends infer Names
    ? [Extract<Names, `${Axis}`>] extends [never]
      ? [N, ...ReduceSizes<Rest, Axis, Keep, [...Before, N]>]
      : Keep extends true
        ? [1, ...ReduceSizes<Rest, Axis, Keep, [...Before, N]>]
        : ReduceSizes<Rest, Axis, Keep, [...Before, N]>
    : never
  : [];

/** `S` without the reduced axes (all of them when undefined), or with size 1 there. */
export type Reduce<
  S extends Shape,
  Axes extends AxesArgument = undefined,
  Keep extends boolean = false,
> = boolean extends Keep
  ? Shape
  : number extends S['length']
    ? [Axes, Keep] extends [undefined, false]
      ? []
      : Shape
    : [Axes] extends [undefined]
      ? Keep extends true
        ? Fixed<{ readonly [K in keyof S]: 1 }>
        : []
      : undefined extends Axes
        ? Shape
        : number extends AxisUnion<Axes>
          ? Shape
          : ReduceSizes<S, AxisUnion<Axes>, Keep>;

/** The target of a reshape: sizes of -1 become unknown. */
export type Reshape<T extends Shape> = number extends T['length']
  ? Shape
  : T extends readonly [infer N extends number, ...infer Rest extends Shape]
    ? [`${N}` extends `-${string}` ? number : N, ...Reshape<Rest>]
    : [];

/** `S` with the axes in the order of `Axes`. */
export type Permute<S extends Shape, Axes extends readonly number[]> = number extends
  S['length'] | Axes['length'] | Axes[number]
  ? Shape
  : Fixed<{ readonly [K in keyof Axes]: SizeAt<S, Axes[K]> }>;

/** The size of one axis, which may count from the end. */
export type SizeAt<S extends Shape, Axis extends number> = number extends S['length'] | Axis
  ? number
  : `${Axis}` extends `-${infer Position extends number}`
    ? FromEnd<S, Position>
    : S[Axis];

type FromEnd<
  S extends Shape,
  Position extends number,
  After extends unknown[] = [unknown],
> = S extends readonly [...infer Rest extends Shape, infer N extends number]
  ? After['length'] extends Position
    ? N
    : FromEnd<Rest, Position, [...After, N]>
  : number;

/** The last two axes swapped. */
export type Transpose<S extends Shape> = number extends S['length']
  ? Shape
  : S extends readonly [...infer Batch extends Shape, infer M extends number, infer N extends number]
    ? Fixed<readonly [...Batch, N, M]>
    : Shape;

/** Two shapes joined: sizes must agree but along `Axis`, where the sum is left unknown. `undefined` when they do not. */
type JoinTwo<
  A extends Shape,
  B extends Shape,
  Axis extends number,
  Before extends unknown[] = [],
> = A extends readonly [infer M extends number, ...infer RestA extends Shape]
  ? B extends readonly [infer N extends number, ...infer RestB extends Shape]
    ? [Extract<`${Before['length'] & number}` | `-${A['length']}`, `${Axis}`>] extends [never]
      ? [SameSize<M, N>] extends [never]
        ? undefined
        : Prepend<SameSize<M, N>, JoinTwo<RestA, RestB, Axis, [...Before, M]>>
      : Prepend<number, JoinTwo<RestA, RestB, Axis, [...Before, M]>>
    : undefined
  : B extends readonly []
    ? []
    : undefined;

type Prepend<N extends number, Rest> = Rest extends number[] ? [N, ...Rest] : undefined;

/** The shape of tensors of `Shapes` joined along `Axis`; `undefined` when they do not fit. */
type JoinAll<Shapes extends readonly Shape[], Axis extends number> = Shapes extends readonly [
  infer A extends Shape,
  infer B extends Shape,
  ...infer Rest extends readonly Shape[],
]
  ? number extends A['length'] | B['length'] | Axis
    ? Shape
    : JoinTwo<A, B, Axis> extends infer S extends Shape
      ? JoinAll<[S, ...Rest], Axis>
      : undefined
  : Shapes extends readonly [infer A extends Shape]
    ? A
    : Shape;

export type Concat<Shapes extends readonly Shape[], Axis extends number> =
  JoinAll<Shapes, Axis> extends infer S extends Shape ? Fixed<S> : Shape;

/** `unknown` where the shapes can be joined, else the reason why not. */
export type CheckConcat<Shapes extends readonly Shape[], Axis extends number> =
  JoinAll<Shapes, Axis> extends undefined
    ? ShapeMismatch<'concat: the sizes differ elsewhere than along the axis'>
    : unknown;
