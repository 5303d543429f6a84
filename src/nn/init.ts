/**
 * How weights start. An initialiser makes a float32 tensor of a given shape; its numbers are drawn on the host, so that they
 * are the same on every device and a new model compiles nothing. `setSeed` fixes them.
 */
import { ArgumentError, ShapeError } from '../core/errors.js';
import { checkShape, dim, formatShape, sizeOf, type Shape } from '../core/shape.js';
import type { HostRandom } from '../core/threefry.js';
import { hostNode } from '../tensor/creation.js';
import { hostStream } from '../tensor/random.js';
import { Tensor } from '../tensor/tensor.js';
import { orthogonalMatrix } from './orthogonal.js';

/** Makes the first value of a parameter of the given shape. */
export type Initializer = (shape: Shape) => Tensor;

function filled(shape: Shape, next: () => number): Tensor {
  checkShape(shape, 'init');
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = next();
  return new Tensor(hostNode(data, [...shape], 'float32'));
}

/** An initialiser that draws each number by itself. */
function drawn(next: (random: HostRandom) => number): Initializer {
  return (shape) => {
    const random = hostStream();
    return filled(shape, () => next(random));
  };
}

/** The same number everywhere. */
export function constant(value: number): Initializer {
  return (shape) => filled(shape, () => value);
}

/** Zeros. */
export const zeros: Initializer = constant(0);

/** Ones. */
export const ones: Initializer = constant(1);

export interface NormalOptions {
  /** 0 unless told. */
  readonly mean?: number;
  /** 1 unless told. */
  readonly std?: number;
}

/** Normally distributed numbers. */
export function normal({ mean = 0, std = 1 }: NormalOptions = {}): Initializer {
  return drawn((random) => mean + std * random.normal());
}

export interface UniformOptions {
  /** 0 unless told. */
  readonly low?: number;
  /** 1 unless told. */
  readonly high?: number;
}

/** Numbers evenly spread over [low, high). */
export function uniform({ low = 0, high = 1 }: UniformOptions = {}): Initializer {
  return drawn((random) => low + (high - low) * random.uniform());
}

export interface TruncatedNormalOptions extends NormalOptions {
  /** Numbers below are drawn again; -2 unless told. */
  readonly low?: number;
  /** Numbers above are drawn again; 2 unless told. */
  readonly high?: number;
}

/** The acceptance rate below which drawing again would take too long. */
const RAREST = 1e-3;

/** Normally distributed numbers, drawn again until they lie within `low` and `high` (PyTorch's `trunc_normal_`). */
export function truncatedNormal(options: TruncatedNormalOptions = {}): Initializer {
  const { mean = 0, std = 1, low = -2, high = 2 } = options;
  // The middle of the interval, or the end of it that is nearest to the mean, bounds the density from above.
  const nearest = Math.max(low, Math.min(high, mean));
  const density = Math.exp(-0.5 * ((nearest - mean) / std) ** 2) / (std * Math.sqrt(2 * Math.PI));
  if (!(low < high) || !(std > 0) || density * (high - low) < RAREST) {
    throw new ArgumentError(
      `truncatedNormal: the interval [${low}, ${high}] holds next to nothing of a normal distribution with mean ${mean} and std ${std}`,
      'choose low and high around the mean',
    );
  }
  return drawn((random) => {
    for (;;) {
      const value = mean + std * random.normal();
      if (value >= low && value <= high) return value;
    }
  });
}

/** How many inputs each output has, and how many outputs each input: weights are `[out, in, …kernel]`. */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2) {
    throw new ShapeError(
      `init: a weight of shape ${formatShape(shape)} has no inputs and outputs to scale by`,
      'use init.uniform, init.normal or init.constant for vectors',
    );
  }
  const field = sizeOf(shape.slice(2));
  return { fanIn: dim(shape, 1) * field, fanOut: dim(shape, 0) * field };
}

/** What follows the layer; it decides how much variance must be made up for. */
export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu';

/** The factor for the standard deviation that keeps the variance through a nonlinearity, PyTorch's `calculate_gain`. */
export function gain(nonlinearity: Nonlinearity, slope = 0.01): number {
  const gains: Readonly<Record<Nonlinearity, number>> = {
    linear: 1,
    sigmoid: 1,
    tanh: 5 / 3,
    relu: Math.SQRT2,
    leakyRelu: Math.sqrt(2 / (1 + slope ** 2)),
    selu: 0.75,
  };
  return gains[nonlinearity];
}

export interface XavierOptions {
  /** A factor for the standard deviation; see {@link gain}. 1 unless told. */
  readonly gain?: number;
}

/** Normal with variance gain² · 2 / (fanIn + fanOut) (Glorot and Bengio 2010). */
export function xavierNormal(options: XavierOptions = {}): Initializer {
  return (shape) => normal({ std: xavierStd(shape, options) })(shape);
}

/** Uniform with the variance of {@link xavierNormal}. */
export function xavierUniform(options: XavierOptions = {}): Initializer {
  return (shape) => symmetric(xavierStd(shape, options))(shape);
}

function xavierStd(shape: Shape, options: XavierOptions): number {
  const { fanIn, fanOut } = fans(shape);
  return (options.gain ?? 1) * Math.sqrt(2 / (fanIn + fanOut));
}

export interface KaimingOptions {
  /** Which variance to keep: that of the values (`fanIn`, unless told) or that of the gradients (`fanOut`). */
  readonly mode?: 'fanIn' | 'fanOut';
  /** leakyRelu unless told, with slope `a`. */
  readonly nonlinearity?: Nonlinearity;
  /** The negative slope of leakyRelu; 0 (that is, ReLU) unless told. */
  readonly a?: number;
}

/** Normal with variance gain² / fan (He, Zhang, Ren, Sun 2015). */
export function kaimingNormal(options: KaimingOptions = {}): Initializer {
  return (shape) => normal({ std: kaimingStd(shape, options) })(shape);
}

/** Uniform with the variance of {@link kaimingNormal}. */
export function kaimingUniform(options: KaimingOptions = {}): Initializer {
  return (shape) => symmetric(kaimingStd(shape, options))(shape);
}

function kaimingStd(
  shape: Shape,
  { mode = 'fanIn', nonlinearity = 'leakyRelu', a = 0 }: KaimingOptions,
): number {
  return gain(nonlinearity, a) / Math.sqrt(Math.max(1, fans(shape)[mode]));
}

/** Uniform around 0 with the given standard deviation. */
function symmetric(std: number): Initializer {
  const bound = Math.sqrt(3) * std;
  return uniform({ low: -bound, high: bound });
}

/**
 * Rows that are orthogonal to each other and of length `gain` (columns, when there are more rows than columns), from the
 * QR decomposition of a normal matrix (Saxe, McClelland, Ganguli 2014). Axes after the first count as one.
 */
export function orthogonal(options: XavierOptions = {}): Initializer {
  return (shape) => {
    fans(shape);
    const rows = dim(shape, 0);
    const matrix = orthogonalMatrix(rows, sizeOf(shape.slice(1)), hostStream());
    let next = 0;
    return filled(shape, () => (options.gain ?? 1) * (matrix[next++] ?? 0));
  };
}

/** PyTorch's start for the weights of linear and convolutional layers: uniform within ±1 / √fanIn. */
export const defaultWeight: Initializer = kaimingUniform({ a: Math.sqrt(5) });

/** PyTorch's start for their biases: uniform within ±1 / √fanIn. */
export function defaultBias(fanIn: number): Initializer {
  const bound = 1 / Math.sqrt(fanIn);
  return uniform({ low: -bound, high: bound });
}
