/** The element-wise primitives in loop IR. */
import { isFloat, type DType } from '../../core/dtype.js';
import { InternalError } from '../../core/errors.js';
import type { ElementwiseOp } from '../../graph/elementwise-ops.js';
import * as ir from './ir.js';
import type { Builder, Expr } from './ir.js';
import {
  BINARY_MATH,
  bfloat16ToFloat,
  floatToBfloat16,
  floatToHalf,
  halfToFloat,
  UNARY_MATH,
} from './math.js';

/** A constant in every lane that `like` has. */
const like = (value: Expr, n: number): Expr => ir.constant(value.type, n);

/** `op` of values of dtype `from`; the result has dtype `to`. */
export function emitOp(
  b: Builder,
  op: ElementwiseOp,
  from: DType,
  to: DType,
  args: readonly Expr[],
  lanes: number,
): Expr {
  const [x, y, z] = args as [Expr, Expr, Expr];
  if (op === 'where') return ir.select(x, y, z);
  if (op === 'bitcast') return bitcast(x, from, to);
  if (from === 'bool') return logic(op, x, y);
  return isFloat(from) ? float(b, op, x, y) : integer(b, op, from === 'uint32', x, y, lanes);
}

function float(b: Builder, op: ElementwiseOp, x: Expr, y: Expr): Expr {
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'max':
    case 'min':
      return ir.binary(op, x, y);
    case 'eq':
    case 'ne':
    case 'lt':
    case 'le':
      return ir.compare(op, x, y);
    case 'pow':
    case 'atan2':
    case 'mod':
      return BINARY_MATH[op](b, x, y);
    default:
      if (op in UNARY_MATH) return UNARY_MATH[op as keyof typeof UNARY_MATH](b, x);
      throw new InternalError(`${op} of floats`);
  }
}

function logic(op: ElementwiseOp, x: Expr, y: Expr): Expr {
  const no = (value: Expr): Expr =>
    value.type === 'maskv' ? ir.unary('not', value) : ir.binary('xor', value, ir.i32(1));
  switch (op) {
    case 'not':
      return no(x);
    case 'and':
    case 'min':
      return ir.binary('and', x, y);
    case 'or':
    case 'max':
      return ir.binary('or', x, y);
    case 'xor':
    case 'ne':
      return ir.binary('xor', x, y);
    case 'eq':
      return no(ir.binary('xor', x, y));
    case 'lt':
      return ir.binary('and', no(x), y);
    case 'le':
      return ir.binary('or', no(x), y);
    default:
      throw new InternalError(`${op} of bool`);
  }
}

function integer(b: Builder, op: ElementwiseOp, unsigned: boolean, x: Expr, y: Expr, lanes: number): Expr {
  switch (op) {
    case 'neg':
      return ir.sub(like(x, 0), x);
    case 'abs':
      return unsigned ? x : ir.binary('maxS', x, ir.sub(like(x, 0), x));
    case 'sign': {
      const positive = ir.compare(unsigned ? 'gtU' : 'gt', x, like(x, 0));
      const negative = ir.compare('lt', x, like(x, 0));
      const lower = unsigned ? like(x, 0) : ir.select(negative, like(x, -1), like(x, 0));
      return ir.select(positive, like(x, 1), lower);
    }
    case 'not':
      return ir.unary('not', x);
    case 'add':
    case 'sub':
    case 'mul':
    case 'and':
    case 'or':
    case 'xor':
      return ir.binary(op, x, y);
    case 'max':
      return ir.binary(unsigned ? 'maxU' : 'maxS', x, y);
    case 'min':
      return ir.binary(unsigned ? 'minU' : 'minS', x, y);
    case 'eq':
    case 'ne':
      return ir.compare(op, x, y);
    case 'lt':
      return ir.compare(unsigned ? 'ltU' : 'lt', x, y);
    case 'le':
      return ir.compare(unsigned ? 'leU' : 'le', x, y);
    case 'div':
    case 'mod':
      return byLane(b, x, y, lanes, (m, n) => divide(b, op, unsigned, m, n));
    case 'shl':
    case 'shr': {
      const shift = op === 'shl' ? 'shl' : unsigned ? 'shrU' : 'shrS';
      // Lanes that are all moved by the same number are moved at once.
      if (y.kind === 'splat' && ir.isVector(x.type)) return ir.binary(shift, x, y.a);
      return byLane(b, x, y, lanes, (m, n) => ir.binary(shift, m, n));
    }
    default:
      throw new InternalError(`${op} of integers`);
  }
}

/** For what machines only do one number at a time. */
function byLane(b: Builder, x: Expr, y: Expr, lanes: number, each: (x: Expr, y: Expr) => Expr): Expr {
  if (!ir.isVector(x.type)) return each(x, y);
  return ir.lanes(
    Array.from({ length: lanes }, (_, lane) =>
      b.let(each(b.let(ir.extract(x, lane)), b.let(ir.extract(y, lane)))),
    ),
  );
}

/** x / 0 and x mod 0 are 0; -2^31 / -1 wraps to itself. Neither may reach the machine's division, which traps. */
function divide(b: Builder, op: 'div' | 'mod', unsigned: boolean, x: Expr, y: Expr): Expr {
  const m = b.let(x);
  const n = b.let(y);
  const isZero = b.let(ir.compare('eq', n, ir.i32(0)));
  if (unsigned) {
    const safe = ir.select(isZero, ir.i32(1), n);
    return ir.select(isZero, ir.i32(0), ir.binary(op === 'div' ? 'divU' : 'remU', m, safe));
  }
  const isMinusOne = b.let(ir.compare('eq', n, ir.i32(-1)));
  const safe = b.let(ir.select(ir.binary('or', isZero, isMinusOne), ir.i32(1), n));
  if (op === 'mod') {
    return ir.select(ir.binary('or', isZero, isMinusOne), ir.i32(0), ir.binary('remS', m, safe));
  }
  const quotient = ir.select(isMinusOne, ir.sub(ir.i32(0), m), ir.binary('divS', m, safe));
  return ir.select(isZero, ir.i32(0), quotient);
}

function bitcast(x: Expr, from: DType, to: DType): Expr {
  if (isFloat(from) === isFloat(to)) return x;
  if (from === 'float64' || to === 'float64') throw new InternalError('bitcast of float64');
  const vector = ir.isVector(x.type);
  return ir.convert('bits', isFloat(to) ? (vector ? 'f32v' : 'f32') : vector ? 'i32v' : 'i32', x);
}

/** x as another dtype; see the primitive `cast` for the rules. */
export function emitCast(b: Builder, x: Expr, from: DType, to: DType): Expr {
  if (from === to) return x;
  const vector = ir.isVector(x.type);
  if (to === 'bool') return from === 'bool' ? x : ir.compare('ne', x, like(x, 0));
  const number = from === 'bool' && vector ? ir.convert('maskToInt', 'i32v', x) : x;
  if (isFloat(to)) return round(b, toFloat(b, number, from, to), to);
  return narrow(b, toInteger(b, number, from, to), to);
}

function toFloat(b: Builder, x: Expr, from: DType, to: DType): Expr {
  const double = to === 'float64';
  if (isFloat(from)) {
    if ((from === 'float64') === double) return x;
    return double ? ir.convert('widen', 'f64', x) : ir.convert('narrow', 'f32', x);
  }
  const target = double ? 'f64' : ir.isVector(x.type) ? 'f32v' : 'f32';
  return ir.convert(from === 'uint32' ? 'fromU' : 'fromS', target, b.let(x));
}

function toInteger(b: Builder, x: Expr, from: DType, to: DType): Expr {
  if (!isFloat(from)) return x;
  return ir.convert(to === 'uint32' ? 'toU' : 'toS', ir.isVector(x.type) ? 'i32v' : 'i32', b.let(x));
}

/** Keeps the low bits of narrow integers. */
function narrow(b: Builder, x: Expr, to: DType): Expr {
  if (to === 'uint8') return ir.binary('and', x, like(x, 255));
  if (to === 'int8') return ir.binary('shrS', b.let(ir.binary('shl', x, ir.i32(24))), ir.i32(24));
  return x;
}

/** Rounds to a narrow float, which is then computed with as float32. */
function round(b: Builder, x: Expr, to: DType): Expr {
  if (to === 'float16') return halfToFloat(b, b.let(floatToHalf(b, x)));
  if (to === 'bfloat16') return bfloat16ToFloat(b, b.let(floatToBfloat16(b, x)));
  return x;
}
