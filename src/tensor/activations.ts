/** The functions between layers. Where one has a kink, its slope there is PyTorch's. */
import { ArgumentError } from '../core/errors.js';
import { normalizeAxis, type Shape } from '../core/shape.js';
import * as g from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { lt, mul, where, type Elementwise } from './elementwise.js';
import { computable, fractional, fractionalDType, type Operand } from './operands.js';
import { Tensor } from './tensor.js';

const literal = g.fillLike;
const below = (x: Node, value: number): Node => g.binary('lt', x, literal(x, value));
const above = (x: Node, value: number): Node => g.binary('lt', literal(x, value), x);
const atMost = (x: Node, value: number): Node => g.binary('le', x, literal(x, value));
const exp = (x: Node): Node => g.unary('exp', x);

function apply<S extends Shape>(x: Tensor<S>, compute: (x: Node) => Node): Tensor<S> {
  return new Tensor<S>(g.cast(compute(fractional(x.node)), fractionalDType(x.dtype)));
}

const activation =
  (compute: (x: Node) => Node): Elementwise =>
  (x) =>
    apply(x, compute);

/** x held between two numbers. At both ends the slope is 0, as PyTorch's hardtanh and relu6 have it. */
function between(x: Node, low: number, high: number): Node {
  return g.where(atMost(x, low), literal(x, low), g.where(below(x, high), x, literal(x, high)));
}

/**
 * x where it is positive, 0 elsewhere; the slope at 0 is 0.
 *
 * @example
 * ```ts
 * await relu(tensor([-1, 0, 2])).array(); // => [0, 0, 2]
 * ```
 */
export const relu: Elementwise = <S extends Shape>(x: Tensor<S>) => {
  const node = computable(x.node);
  // Asking for x ≤ 0, not x > 0, lets NaN through.
  return new Tensor<S>(g.cast(g.where(atMost(node, 0), literal(node, 0), node), x.dtype));
};

/** x between 0 and 6. */
export const relu6 = activation((x) => between(x, 0, 6));

/** x where it is positive, `slope` · x elsewhere. */
export function leakyRelu<S extends Shape>(x: Tensor<S>, slope = 0.01): Tensor<S> {
  return apply(x, (node) => g.where(above(node, 0), node, g.times(node, slope)));
}

/** {@link leakyRelu} with a slope that is learnt; it broadcasts. */
export function prelu<S extends Shape>(x: Tensor<S>, slope: Operand): Tensor<S> {
  return where(lt(0, x as Tensor), x as Tensor, mul(x as Tensor, slope)) as Tensor<S>;
}

/** x where it is positive, α(e^x - 1) elsewhere (Clevert, Unterthiner, Hochreiter 2016). */
export function elu<S extends Shape>(x: Tensor<S>, alpha = 1): Tensor<S> {
  return apply(x, (node) => eluOf(node, alpha, 1));
}

/** max(0, x) + min(0, α(e^(x/α) - 1)): ELU with a slope without jumps (Barron 2017). */
export function celu<S extends Shape>(x: Tensor<S>, alpha = 1): Tensor<S> {
  return apply(x, (node) => eluOf(node, alpha, 1 / alpha));
}

function eluOf(x: Node, alpha: number, rate: number): Node {
  const positive = above(x, 0);
  // The branch not taken must stay finite, for its gradient is multiplied by 0.
  const negative = g.where(positive, literal(x, 0), rate === 1 ? x : g.times(x, rate));
  const bent = g.unary('expm1', negative);
  return g.where(positive, x, alpha === 1 ? bent : g.times(bent, alpha));
}

/** The self-normalising unit (Klambauer et al. 2017, with its two constants). */
export const selu = activation((x) => g.times(eluOf(x, 1.6732632423543772, 1), 1.0507009873554805));

export interface GeluOptions {
  /** `tanh` is the faster formula of the paper; `none` (the default) the exact one. */
  readonly approximate?: 'none' | 'tanh';
}

/** x Φ(x) with the normal distribution's Φ (Hendrycks and Gimpel 2016). */
export function gelu<S extends Shape>(x: Tensor<S>, options: GeluOptions = {}): Tensor<S> {
  return apply(x, options.approximate === 'tanh' ? geluByTanh : geluExact);
}

function geluExact(x: Node): Node {
  return g.mul(g.times(x, 0.5), g.plus(g.unary('erf', g.times(x, Math.SQRT1_2)), 1));
}

function geluByTanh(x: Node): Node {
  const cube = g.mul(g.mul(x, x), x);
  const inner = g.times(g.add(x, g.times(cube, 0.044715)), Math.sqrt(2 / Math.PI));
  return g.mul(g.times(x, 0.5), g.plus(g.unary('tanh', inner), 1));
}

/** x · sigmoid(x), also called swish. */
export const silu = activation((x) => g.mul(x, g.unary('sigmoid', x)));

/** Above this, log(1 + e^x) is x in float64 as well. */
const SOFTPLUS_LINEAR = 36;

function softplusOf(x: Node): Node {
  const large = above(x, SOFTPLUS_LINEAR);
  const safe = g.where(large, literal(x, 0), x);
  return g.where(large, x, g.unary('log1p', exp(safe)));
}

/** log(1 + e^x), without overflow. */
export const softplus = activation(softplusOf);

/** log(sigmoid(x)), exact where the sigmoid is nearly 0. */
export const logSigmoid = activation((x) => g.neg(softplusOf(g.neg(x))));

/** x · tanh(softplus(x)) (Misra 2019). */
export const mish = activation((x) => g.mul(x, g.unary('tanh', softplusOf(x))));

/** x / (1 + |x|). */
export const softsign = activation((x) => g.div(x, g.plus(g.unary('abs', x), 1)));

/** x between `low` and `high`; the slope at both is 0. */
export function hardTanh<S extends Shape>(x: Tensor<S>, low = -1, high = 1): Tensor<S> {
  if (!(low < high))
    throw new ArgumentError(`hardTanh: the range [${low}, ${high}] is empty`, 'low must be below high');
  return apply(x, (node) => between(node, low, high));
}

/** A sigmoid of three straight lines: x / 6 + 1/2 between 0 and 1. */
export const hardSigmoid = activation(hardSigmoidOf);

function hardSigmoidOf(x: Node): Node {
  return g.where(
    atMost(x, -3),
    literal(x, 0),
    g.where(below(x, 3), g.plus(g.times(x, 1 / 6), 0.5), literal(x, 1)),
  );
}

/** x · hardSigmoid(x) (Howard et al. 2019). */
export const hardSwish = activation((x) => g.mul(x, hardSigmoidOf(x)));

/** x where |x| > `threshold`, 0 elsewhere. */
export function hardShrink<S extends Shape>(x: Tensor<S>, threshold = 0.5): Tensor<S> {
  return apply(x, (node) => g.where(atMost(g.unary('abs', node), threshold), literal(node, 0), node));
}

/** x moved by `threshold` towards 0, and 0 where that would cross it. */
export function softShrink<S extends Shape>(x: Tensor<S>, threshold = 0.5): Tensor<S> {
  return apply(x, (node) =>
    g.where(
      above(node, threshold),
      g.plus(node, -threshold),
      g.where(below(node, -threshold), g.plus(node, threshold), literal(node, 0)),
    ),
  );
}

/** x minus its largest element along `axis`. The shift changes no result and so needs no gradient. */
function shifted(x: Node, axis: number): Node {
  const largest = g.stopGradient(g.reduce('reduceMax', x, [axis]));
  return g.sub(x, g.unreduce(largest, [axis], x.shape));
}

/**
 * e^x divided by its sum along `axis` (the last unless told).
 *
 * @example
 * ```ts
 * await softmax(tensor([0, 0])).array(); // => [0.5, 0.5]
 * ```
 */
export function softmax<S extends Shape>(x: Tensor<S>, axis = -1): Tensor<S> {
  const at = normalizeAxis(axis, x.rank, 'softmax');
  return apply(x, (node) => {
    const powers = exp(shifted(node, at));
    // One division for each sum, which is neither tiny nor huge: divisions of vectors would take most of the time.
    const total = g.sum(powers, [at]);
    return g.mul(powers, g.unreduce(g.div(literal(total, 1), total), [at], node.shape));
  });
}

/** The logarithm of {@link softmax}, without its loss of small values. */
export function logSoftmax<S extends Shape>(x: Tensor<S>, axis = -1): Tensor<S> {
  const at = normalizeAxis(axis, x.rank, 'logSoftmax');
  return apply(x, (node) => {
    const logits = shifted(node, at);
    const total = g.unary('log', g.sum(exp(logits), [at]));
    return g.sub(logits, g.unreduce(total, [at], node.shape));
  });
}
