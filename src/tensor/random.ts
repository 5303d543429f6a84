/**
 * Random tensors. The bits come from a counter-based generator (see core/threefry.ts): the same seed gives the same
 * numbers, whatever the device and the number of threads.
 */
import { isFloat, type DType } from '../core/dtype.js';
import { ArgumentError } from '../core/errors.js';
import { checkShape, formatShape, sizeOf, type Shape } from '../core/shape.js';
import type { Fixed } from '../core/shape-types.js';
import { HostRandom } from '../core/threefry.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { readValue, valueOf } from '../runtime/storage.js';
import { hostNode } from './creation.js';
import { Tensor } from './tensor.js';
import { activeTrace } from './trace.js';
import { Variable } from './variable.js';

/**
 * A stream of random numbers. Its state is a {@link Variable} of two words, the seed and how often it was drawn from, so
 * that compiled functions draw anew at each call and checkpoints can hold it.
 *
 * @example
 * ```ts
 * const first = random.uniform([4], { generator: new Generator(7) });
 * const second = random.uniform([4], { generator: new Generator(7) });
 * await first.eq(second).all().array(); // => true
 * ```
 */
export class Generator {
  /** uint32 [2]: seed, draws. */
  readonly state: Variable<[2]>;

  constructor(seed: number) {
    this.state = new Variable(new Tensor<[2]>(hostNode(initialState(seed), [2], 'uint32')));
  }

  /** Starts the stream of `seed` from its beginning. */
  setSeed(seed: number): void {
    this.state.load(initialState(seed));
  }

  /** A key that no other draw has; advances the stream. */
  nextKey(): Node {
    const { node } = this.state;
    if (activeTrace() === undefined && node.value !== undefined) {
      // The key is a copy, so that a tensor drawn now and asked for later does not depend on what the state is by then.
      const key = Uint32Array.from(readValue(valueOf(node)), Number);
      this.state.load(Uint32Array.of(key[0] ?? 0, (key[1] ?? 0) + 1));
      return hostNode(key, [2], 'uint32');
    }
    // (0, 1): the seed stays, the number of draws grows.
    const step = g.cast(g.iota(2), 'uint32');
    this.state.assign(new Tensor(g.add(node, step)));
    return node;
  }
}

function initialState(seed: number): Uint32Array<ArrayBuffer> {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new ArgumentError(`a seed of ${seed}`, 'use an integer from 0 to 2^53 - 1');
  // Seeds beyond 32 bits are folded; the multiplier is 2^32 over the golden ratio.
  const high = Math.floor(seed / 2 ** 32);
  return Uint32Array.of((seed ^ Math.imul(high, 0x9e3779b9)) >>> 0, 0);
}

let shared: Generator | undefined;

/** The generator used where none is given. It starts from seed 0. */
export function defaultGenerator(): Generator {
  shared ??= new Generator(0);
  return shared;
}

let hostSeed = 0;
let hostStreams = 0;

/** Seeds the default generator: the numbers drawn from now on are the same in every run. */
export function setSeed(seed: number): void {
  defaultGenerator().setSeed(seed);
  hostSeed = seed;
  hostStreams = 0;
}

/** A new stream of numbers drawn on the host, independent of all others, that {@link setSeed} determines. Weights start from it. */
export function hostStream(): HostRandom {
  return new HostRandom(hostSeed).fork(hostStreams++);
}

export interface RandomOptions {
  readonly generator?: Generator | undefined;
  /** float32 unless told. */
  readonly dtype?: DType;
}

function draw(shape: Shape, generator: Generator | undefined): Node {
  return g.random((generator ?? defaultGenerator()).nextKey(), shape);
}

function floatDType(operation: string, dtype: DType): 'float32' | 'float64' {
  if (!isFloat(dtype))
    throw new ArgumentError(
      `${operation}: the numbers are floats, ${dtype} cannot hold them`,
      'see random.randint',
    );
  return dtype === 'float64' ? 'float64' : 'float32';
}

/** A number of the user's: a cell, so that other numbers need no other program. */
const cell = (x: Node, value: number): Node => g.stretch(g.scalar({ value }, x.dtype), x.shape);
/** x · scale + shift with numbers of the user's. */
function scaleAndShift(x: Node, scale: number, shift: number): Node {
  return g.add(g.mul(x, cell(x, scale)), cell(x, shift));
}

const shiftRight = (words: Node, bits: number): Node => g.binary('shr', words, g.fillLike(words, bits));

/** Numbers in [0, 1) with all bits that the dtype's significand has: 24 or 53. */
function unitInterval(shape: Shape, dtype: 'float32' | 'float64', generator: Generator | undefined): Node {
  if (dtype === 'float32') return g.times(g.cast(shiftRight(draw(shape, generator), 8), dtype), 2 ** -24);
  const high = g.cast(shiftRight(draw(shape, generator), 5), dtype);
  const low = g.cast(shiftRight(draw(shape, generator), 6), dtype);
  return g.times(g.add(g.times(high, 2 ** 26), low), 2 ** -53);
}

export interface UniformOptions extends RandomOptions {
  /** The smallest number (0). */
  readonly low?: number;
  /** What all numbers are below (1). */
  readonly high?: number;
}

/**
 * Numbers of equal probability in [low, high).
 *
 * @example
 * ```ts
 * random.uniform([2, 3], { low: -1, high: 1 }).shape; // => [2, 3]
 * ```
 */
export function uniform<const S extends Shape>(shape: S, options: UniformOptions = {}): Tensor<Fixed<S>> {
  checkShape(shape, 'uniform');
  const { low = 0, high = 1, dtype = 'float32', generator } = options;
  const unit = unitInterval([...shape], floatDType('uniform', dtype), generator);
  const scaled = low === 0 && high === 1 ? unit : scaleAndShift(unit, high - low, low);
  return new Tensor<Fixed<S>>(g.cast(scaled, dtype));
}

export interface NormalOptions extends RandomOptions {
  /** 0 unless told. */
  readonly mean?: number;
  /** The standard deviation (1). */
  readonly std?: number;
}

/** Numbers of the normal distribution (Box and Muller 1958: two of them from a random radius and a random angle). */
export function normal<const S extends Shape>(shape: S, options: NormalOptions = {}): Tensor<Fixed<S>> {
  checkShape(shape, 'normal');
  const { mean = 0, std = 1, dtype = 'float32', generator } = options;
  const inner = floatDType('normal', dtype);
  const n = sizeOf(shape);
  const half = Math.ceil(n / 2);
  const pair = unitInterval([2, half], inner, generator);
  const part = (i: number): Node => g.reshape(g.slice(pair, [i, 0], [i + 1, half]), [half]);
  // 1 - u lies in (0, 1], where the logarithm is finite.
  const open = g.sub(g.fillLike(part(0), 1), part(0));
  const radius = g.unary('sqrt', g.times(g.unary('log', open), -2));
  const angle = g.times(part(1), 2 * Math.PI);
  const both = g.concat([g.mul(radius, g.unary('cos', angle)), g.mul(radius, g.unary('sin', angle))], 0);
  const standard = g.reshape(g.slice(both, [0], [n]), [...shape]);
  return new Tensor<Fixed<S>>(
    g.cast(mean === 0 && std === 1 ? standard : scaleAndShift(standard, std, mean), dtype),
  );
}

export interface TruncatedNormalOptions extends NormalOptions {
  /** The smallest number; two standard deviations below the mean unless told. */
  readonly low?: number;
  /** The largest number; two standard deviations above the mean unless told. */
  readonly high?: number;
}

/** Numbers of the normal distribution that lie between `low` and `high`, by the inverse of its distribution function. */
export function truncatedNormal<const S extends Shape>(
  shape: S,
  options: TruncatedNormalOptions = {},
): Tensor<Fixed<S>> {
  checkShape(shape, 'truncatedNormal');
  const { mean = 0, std = 1, dtype = 'float32', generator } = options;
  const { low = mean - 2 * std, high = mean + 2 * std } = options;
  if (!(low < high) || !(std > 0)) {
    throw new ArgumentError(
      `truncatedNormal: a range from ${low} to ${high} with standard deviation ${std}`,
      'low must be below high, and std positive',
    );
  }
  const inner = floatDType('truncatedNormal', dtype);
  // erf(z / √2) is uniform between its values at both ends; the step inwards keeps its inverse finite.
  const from = hostErf((low - mean) / std / Math.SQRT2);
  const to = hostErf((high - mean) / std / Math.SQRT2);
  const unit = unitInterval([...shape], inner, generator);
  const quantile = scaleAndShift(unit, to - from, from);
  const edge = 1 - 2 ** -24;
  const safe = g.binary(
    'max',
    g.binary('min', quantile, g.fillLike(quantile, edge)),
    g.fillLike(quantile, -edge),
  );
  const numbers = scaleAndShift(inverseErf(safe), std * Math.SQRT2, mean);
  const held = g.binary('max', g.binary('min', numbers, cell(numbers, high)), cell(numbers, low));
  return new Tensor<Fixed<S>>(g.cast(held, dtype));
}

/** The error function of one number, by its series and, where that is long, its limit (Abramowitz and Stegun 7.1.6). */
function hostErf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

/** Polynomials of Giles, "Approximating the erfinv function" (GPU Computing Gems 2, 2011), highest power first. */
const CENTRAL = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164,
  0.246640727, 1.50140941,
];
const TAIL = [
  -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
  1.00167406, 2.83297682,
];

const polynomial = (x: Node, [first = 0, ...rest]: readonly number[]): Node =>
  rest.reduce((total, coefficient) => g.plus(g.mul(total, x), coefficient), g.fillLike(x, first));

/** The inverse of the error function, to the precision of float32. */
function inverseErf(x: Node): Node {
  const w = g.neg(g.unary('log', g.mul(g.sub(g.fillLike(x, 1), x), g.add(g.fillLike(x, 1), x))));
  const central = polynomial(g.plus(w, -2.5), CENTRAL);
  const tail = polynomial(g.plus(g.unary('sqrt', w), -3), TAIL);
  return g.mul(g.where(g.binary('lt', w, g.fillLike(w, 5)), central, tail), x);
}

/** Truth values (or 0 and 1 of another dtype) that are true with the given probability. */
export function bernoulli<const S extends Shape>(
  shape: S,
  probability: number,
  options: RandomOptions = {},
): Tensor<Fixed<S>> {
  checkShape(shape, 'bernoulli');
  if (!(probability >= 0 && probability <= 1))
    throw new ArgumentError(`bernoulli: a probability of ${probability}`, 'use a number from 0 to 1');
  const unit = unitInterval([...shape], 'float32', options.generator);
  const hit = g.binary('lt', unit, cell(unit, probability));
  return new Tensor<Fixed<S>>(g.cast(hit, options.dtype ?? 'bool'));
}

/**
 * Integers of (nearly, to one part in 2^32 / (high - low)) equal probability from `low` up to but without `high`. int32
 * unless told.
 */
export function randint<const S extends Shape>(
  shape: S,
  low: number,
  high: number,
  options: RandomOptions = {},
): Tensor<Fixed<S>> {
  checkShape(shape, 'randint');
  if (![low, high].every(Number.isInteger) || !(low < high) || high - low > 2 ** 32) {
    throw new ArgumentError(
      `randint: cannot draw integers from ${low} to ${high} (exclusive)`,
      'low must be below high, at most 2^32 apart',
    );
  }
  const words = draw([...shape], options.generator);
  const rest = high - low === 2 ** 32 ? words : g.binary('mod', words, g.fillLike(words, high - low));
  // Modulo 2^32 the sum is right for negative `low` too.
  const shifted = low === 0 ? rest : g.plus(rest, low >>> 0);
  return new Tensor<Fixed<S>>(
    g.cast(g.bitcast(shifted, low < 0 ? 'int32' : 'uint32'), options.dtype ?? 'int32'),
  );
}

/** The integers 0 to n - 1 (int32) in random order: the order that sorts random words. */
export function permutation<const N extends number>(
  n: N,
  options: Omit<RandomOptions, 'dtype'> = {},
): Tensor<[N]> {
  checkShape([n], 'permutation');
  return new Tensor<[N]>(g.argsort(draw([n], options.generator), 0, false));
}

/** The slices of `x` along `axis` in random order. */
export function shuffle<S extends Shape>(
  x: Tensor<S>,
  axis = 0,
  options: Omit<RandomOptions, 'dtype'> = {},
): Tensor<S> {
  const n = x.shape[axis];
  if (n === undefined)
    throw new ArgumentError(`shuffle: ${formatShape(x.shape)} has no axis ${axis}`, 'axes count from 0');
  return new Tensor<S>(g.gather(x.node, permutation(n, options).node, axis));
}
