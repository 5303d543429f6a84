/** Functions of single elements. Two operands broadcast; their dtypes are promoted; numbers take the tensor's dtype. */
import { bytesPerElement, isFloat, type DType } from '../core/dtype.js';
import { DTypeError } from '../core/errors.js';
import { broadcastShapes, type Shape } from '../core/shape.js';
import type { Broadcast, CheckBroadcast } from '../core/shape-types.js';
import * as g from '../graph/build.js';
import type { BinaryOp, UnaryOp } from '../graph/build.js';
import type { Node } from '../graph/node.js';
import {
  alignOperands,
  broadcastTo,
  commonDType,
  computable,
  fractional,
  fractionalDType,
  type Operand,
  type ShapeOf,
} from './operands.js';
import { isTensor, Tensor } from './tensor.js';

/** A function of each element by itself. */
export type Elementwise = <S extends Shape>(x: Tensor<S>) => Tensor<S>;

/** A function of pairs of elements. */
export type Pairwise = <A extends Operand, B extends Operand>(
  a: A,
  b: B & CheckBroadcast<ShapeOf<A>, ShapeOf<B>>,
) => Tensor<Broadcast<ShapeOf<A>, ShapeOf<B>>>;

/** A function whose results are fractions: integers are taken as float32. */
function fractions(compute: (x: Node) => Node): Elementwise {
  return <S extends Shape>(x: Tensor<S>) =>
    new Tensor<S>(g.cast(compute(fractional(x.node)), fractionalDType(x.dtype)));
}

/** A function that keeps the dtype. */
function keepsDType(compute: (x: Node) => Node): Elementwise {
  return <S extends Shape>(x: Tensor<S>) => new Tensor<S>(g.cast(compute(computable(x.node)), x.dtype));
}

/** A function that leaves integers as they are. */
function roundsTo(op: UnaryOp): Elementwise {
  return keepsDType((x) => (isFloat(x.dtype) ? g.unary(op, x) : x));
}

const fractionsOf = (op: UnaryOp): Elementwise => fractions((x) => g.unary(op, x));

/** -x. */
export const neg = keepsDType(g.neg);
/** |x|; the gradient at 0 is 0. */
export const abs = keepsDType((x) => g.unary('abs', x));
/** -1, 0 or 1. */
export const sign = keepsDType((x) => g.unary('sign', x));
/** The largest integer that is not above x. */
export const floor = roundsTo('floor');
/** The smallest integer that is not below x. */
export const ceil = roundsTo('ceil');
/** The nearest integer, halves to the even one. */
export const round = roundsTo('round');
/** x without its fraction. */
export const trunc = roundsTo('trunc');

/** e^x. */
export const exp = fractionsOf('exp');
/** 2^x. */
export const exp2 = fractions((x) => g.unary('exp', g.times(x, Math.LN2)));
/** e^x - 1, exact near 0. */
export const expm1 = fractionsOf('expm1');
/** The natural logarithm. */
export const log = fractionsOf('log');
/** The logarithm to base 2. */
export const log2 = fractions((x) => g.times(g.unary('log', x), Math.LOG2E));
/** The logarithm to base 10. */
export const log10 = fractions((x) => g.times(g.unary('log', x), Math.LOG10E));
/** log(1 + x), exact near 0. */
export const log1p = fractionsOf('log1p');
/** The square root; NaN for negative x. */
export const sqrt = fractionsOf('sqrt');
/** 1 / √x. */
export const rsqrt = fractions((x) => g.div(g.fillLike(x, 1), g.unary('sqrt', x)));
/** 1 / x. */
export const reciprocal = fractions((x) => g.div(g.fillLike(x, 1), x));
/** x · x. */
export const square = keepsDType((x) => g.mul(x, x));

export const sin = fractionsOf('sin');
export const cos = fractionsOf('cos');
export const tan = fractionsOf('tan');
/** The inverse of the sine, from -π/2 to π/2. */
export const asin = fractions((x) => g.binary('atan2', x, coLength(x)));
/** The inverse of the cosine, from 0 to π. */
export const acos = fractions((x) => g.binary('atan2', coLength(x), x));
export const atan = fractionsOf('atan');
/** The hyperbolic sine, exact near 0. */
export const sinh = fractions((x) => {
  // With m = e^x - 1: sinh x = (m + m / (m + 1)) / 2.
  const m = g.unary('expm1', x);
  return g.times(g.add(m, g.div(m, g.plus(m, 1))), 0.5);
});
/** The hyperbolic cosine. */
export const cosh = fractions((x) => g.times(g.add(g.unary('exp', x), g.unary('exp', g.neg(x))), 0.5));
export const tanh = fractionsOf('tanh');
/** The inverse of the hyperbolic tangent. */
export const atanh = fractions((x) => g.times(g.sub(g.unary('log1p', x), g.unary('log1p', g.neg(x))), 0.5));
/** 1 / (1 + e^-x). */
export const sigmoid = fractionsOf('sigmoid');
/** The error function, 2/√π ∫₀ˣ e^(-t²) dt. */
export const erf = fractionsOf('erf');

/** √(1 - x²), written so that x near 1 loses nothing. */
function coLength(x: Node): Node {
  const one = g.fillLike(x, 1);
  return g.unary('sqrt', g.mul(g.sub(one, x), g.add(one, x)));
}

function pairwise(operation: string, op: BinaryOp, result?: 'bool' | 'fraction'): Pairwise {
  return (a: Operand, b: Operand) => {
    const wanted = result === 'fraction' ? fractionalDType(commonDType([a, b])) : undefined;
    const { nodes, dtype } = alignOperands(operation, [a, b], wanted);
    const node = g.binary(op, nodes[0] as Node, nodes[1] as Node);
    return new Tensor(result === 'bool' ? node : g.cast(node, dtype));
  };
}

/**
 * a + b.
 *
 * @example
 * ```ts
 * await add(tensor([1, 2]), tensor([[10], [20]])).array(); // => [[11, 12], [21, 22]]
 * ```
 */
export const add = pairwise('add', 'add');
/** a - b. */
export const sub = pairwise('sub', 'sub');
/** a · b, element by element. */
export const mul = pairwise('mul', 'mul');
/**
 * a / b as a fraction: integers give float32. See {@link floorDiv} for integer division.
 *
 * @example
 * ```ts
 * await div(tensor([1, 2], { dtype: 'int32' }), 4).array(); // => [0.25, 0.5]
 * ```
 */
export const div = pairwise('div', 'div', 'fraction');
/** The remainder with the sign of the dividend, as C's fmod: -7 mod 3 is -1. */
export const mod = pairwise('mod', 'mod');
/** The larger of two elements; NaN if either is. */
export const maximum = pairwise('maximum', 'max');
/** The smaller of two elements; NaN if either is. */
export const minimum = pairwise('minimum', 'min');
/** The angle of the point (b, a), from -π to π. */
export const atan2 = pairwise('atan2', 'atan2', 'fraction');

/** Whether a equals b; NaN equals nothing. */
export const eq = pairwise('eq', 'eq', 'bool');
export const ne = pairwise('ne', 'ne', 'bool');
/** a < b. */
export const lt = pairwise('lt', 'lt', 'bool');
/** a ≤ b. */
export const le = pairwise('le', 'le', 'bool');
/** a > b. */
export const gt = ((a: Operand, b: Operand) => lt(b, a)) as Pairwise;
/** a ≥ b. */
export const ge = ((a: Operand, b: Operand) => le(b, a)) as Pairwise;

/** ⌊a / b⌋. */
export const floorDiv = ((a: Operand, b: Operand) => {
  const { nodes, dtype } = alignOperands('floorDiv', [a, b]);
  const [x, y] = nodes as [Node, Node];
  if (isFloat(x.dtype)) return new Tensor(g.cast(g.unary('floor', g.div(x, y)), dtype));
  const quotient = g.div(x, y);
  return new Tensor(g.cast(g.sub(quotient, g.cast(roundsAway(x, y), x.dtype)), dtype));
}) as Pairwise;

/** The remainder with the sign of the divisor, as Python's %: -7 remainder 3 is 2. */
export const remainder = ((a: Operand, b: Operand) => {
  const { nodes, dtype } = alignOperands('remainder', [a, b]);
  const [x, y] = nodes as [Node, Node];
  const rest = g.binary('mod', x, y);
  return new Tensor(g.cast(g.where(roundsAway(x, y), g.add(rest, y), rest), dtype));
}) as Pairwise;

/** Where truncating x / y rounds up: the remainder is not 0 and its sign is not the divisor's. */
function roundsAway(x: Node, y: Node): Node {
  const zero = g.fillLike(x, 0);
  const rest = g.binary('mod', x, y);
  const differs = g.binary('ne', g.binary('lt', rest, zero), g.binary('lt', y, zero));
  return g.binary('and', g.binary('ne', rest, zero), differs);
}

/** Exponents for which products are faster and more exact than the general power. */
const LARGEST_PRODUCT = 4;

/**
 * a to the power of b. A number as the exponent is part of the program: small ones become products.
 *
 * @example
 * ```ts
 * await pow(tensor([1, 2, 3]), 2).array(); // => [1, 4, 9]
 * ```
 */
export const pow = ((a: Operand, b: Operand) =>
  typeof b === 'number' && isTensor(a) ? powerOf(a, b) : generalPower(a, b)) as Pairwise;

function generalPower(a: Operand, b: Operand): Tensor {
  const common = commonDType([a, b]);
  // float64 holds every power that fits into 32 bits.
  const { nodes } = alignOperands('pow', [a, b], isFloat(common) ? common : 'float64');
  return new Tensor(g.cast(g.binary('pow', nodes[0] as Node, nodes[1] as Node), common));
}

function powerOf(x: Tensor, exponent: number): Tensor {
  const whole = Number.isInteger(exponent) && exponent >= 0;
  if (whole && (exponent <= LARGEST_PRODUCT || !isFloat(x.dtype))) {
    return keepsDType((base) => repeatedProduct(base, exponent))(x);
  }
  if (exponent === 0.5) return sqrt(x);
  if (exponent === -0.5) return rsqrt(x);
  if (exponent === -1) return reciprocal(x);
  return fractions((base) => g.binary('pow', base, g.fillLike(base, exponent)))(x);
}

function repeatedProduct(x: Node, exponent: number): Node {
  if (exponent === 0) return g.fillLike(x, 1);
  if (exponent === 1) return x;
  const half = repeatedProduct(x, Math.floor(exponent / 2));
  const square = g.mul(half, half);
  return exponent % 2 === 0 ? square : g.mul(square, x);
}

/**
 * a where the condition holds, b elsewhere.
 *
 * @example
 * ```ts
 * const x = tensor([-1, 2, -3]);
 * await where(x.lt(0), 0, x).array(); // => [0, 2, 0]
 * ```
 */
export function where<C extends Shape, A extends Operand, B extends Operand>(
  condition: Tensor<C>,
  a: A & CheckBroadcast<C, ShapeOf<A>>,
  b: B & CheckBroadcast<Broadcast<C, ShapeOf<A>>, ShapeOf<B>>,
): Tensor<Broadcast<Broadcast<C, ShapeOf<A>>, ShapeOf<B>>> {
  const dtype = commonDType([a, b]);

  const { nodes } = alignOperands('where', [a, b], dtype);
  const [x, y] = nodes as [Node, Node];
  return new Tensor(g.cast(select(condition.node, x, y), dtype));
}

function select(condition: Node, x: Node, y: Node): Node {
  const shape = broadcastShapes(condition.shape, x.shape, 'where');
  return g.where(broadcastTo(condition, shape), broadcastTo(x, shape), broadcastTo(y, shape));
}

/**
 * x held between `low` and `high`; either may be left out. The gradient is 1 from `low` to `high`, both included.
 *
 * @example
 * ```ts
 * await clip(tensor([-2, 0.5, 3]), 0, 1).array(); // => [0, 0.5, 1]
 * ```
 */
export function clip<S extends Shape>(x: Tensor<S>, low?: Operand, high?: Operand): Tensor<S> {
  let result: Tensor = x;
  // Comparisons are false for NaN, so it stays.
  const [from, to] = [bound(x, low), bound(x, high)];
  if (from !== undefined) result = where(lt(result, from), from, result);
  if (to !== undefined) result = where(gt(result, to), to, result);
  return result as Tensor<S>;
}

/** A negative bound of unsigned numbers is 0, where as one of them it would be among the largest. */
function bound(x: Tensor, limit: Operand | undefined): Operand | undefined {
  return typeof limit === 'number' && x.dtype.startsWith('uint') ? Math.max(limit, 0) : limit;
}

/** Whether x is NaN. */
export const isNaN = <S extends Shape>(x: Tensor<S>): Tensor<S> =>
  new Tensor<S>(g.binary('ne', computable(x.node), computable(x.node)));

/** Whether x is neither infinite nor NaN. */
export function isFinite<S extends Shape>(x: Tensor<S>): Tensor<S> {
  const node = fractional(x.node);
  return new Tensor<S>(g.binary('lt', g.unary('abs', node), g.fillLike(node, Infinity)));
}

/** Whether x is infinite, of either sign. */
export function isInf<S extends Shape>(x: Tensor<S>): Tensor<S> {
  const node = fractional(x.node);
  return new Tensor<S>(g.binary('eq', g.unary('abs', node), g.fillLike(node, Infinity)));
}

function logical(operation: string, op: BinaryOp): Pairwise {
  return (a: Operand, b: Operand) => {
    const { nodes } = alignOperands(operation, [a, b]);
    return new Tensor(g.binary(op, g.cast(nodes[0] as Node, 'bool'), g.cast(nodes[1] as Node, 'bool')));
  };
}

/** Whether both are not 0. */
export const logicalAnd = logical('logicalAnd', 'and');
/** Whether one of them is not 0. */
export const logicalOr = logical('logicalOr', 'or');
/** Whether exactly one of them is not 0. */
export const logicalXor = logical('logicalXor', 'xor');
/** Whether x is 0. */
export const logicalNot: Elementwise = <S extends Shape>(x: Tensor<S>) =>
  new Tensor<S>(g.unary('not', g.cast(x.node, 'bool')));

/** The bits that are set in both; integers and bool only. */
export const bitwiseAnd = pairwise('bitwiseAnd', 'and');
/** The bits that are set in one of them; integers and bool only. */
export const bitwiseOr = pairwise('bitwiseOr', 'or');
/** The bits that are set in exactly one of them; integers and bool only. */
export const bitwiseXor = pairwise('bitwiseXor', 'xor');
/** All bits inverted; integers and bool only. */
export const bitwiseNot = keepsDType((x) => g.unary('not', x));

/** log(e^a + e^b) without overflow. */
export const logAddExp = ((a: Operand, b: Operand) => {
  const { nodes, dtype } = alignOperands('logAddExp', [a, b], fractionalDType(commonDType([a, b])));
  const [x, y] = nodes as [Node, Node];
  const larger = g.stopGradient(g.binary('max', x, y));
  const shift = g.where(
    g.binary('lt', g.unary('abs', larger), g.fillLike(larger, Infinity)),
    larger,
    g.fillLike(larger, 0),
  );
  const total = g.add(g.unary('exp', g.sub(x, shift)), g.unary('exp', g.sub(y, shift)));
  return new Tensor(g.cast(g.add(shift, g.unary('log', total)), dtype));
}) as Pairwise;

/**
 * The same values as another dtype. Floats become integers by truncation, and saturate; anything but 0 becomes true.
 *
 * @example
 * ```ts
 * await cast(tensor([-1.7, 0, 2.5]), 'int32').array(); // => [-1, 0, 2]
 * ```
 */
export function cast<S extends Shape>(x: Tensor<S>, dtype: DType): Tensor<S> {
  return new Tensor<S>(g.cast(x.node, dtype));
}

/** The same bits read as another dtype of the same size. */
export function bitcast<S extends Shape>(x: Tensor<S>, dtype: DType): Tensor<S> {
  if (bytesPerElement(dtype) !== bytesPerElement(x.dtype)) {
    throw new DTypeError(
      `bitcast: ${x.dtype} has ${bytesPerElement(x.dtype)} bytes an element, ${dtype} has ${bytesPerElement(dtype)}`,
      'choose a dtype of the same size, or cast() to convert the values',
    );
  }
  return new Tensor<S>(g.bitcast(x.node, dtype));
}
