/** Dtypes in memory and in computation: raw elements, the values they stand for, and the ways between. */
import type { DType } from '../../core/dtype.js';
import { InternalError } from '../../core/errors.js';
import * as ir from './ir.js';
import type { Builder, Element, Expr, Type } from './ir.js';
import { bfloat16ToFloat, floatToBfloat16, floatToHalf, halfToFloat } from './math.js';

/** How a dtype lies in memory. */
export const ELEMENT: Readonly<Record<DType, Element>> = {
  float32: 'f32',
  float64: 'f64',
  int32: 'i32',
  uint32: 'i32',
  bool: 'u8',
  uint8: 'u8',
  int8: 'i8',
  float16: 'u16',
  bfloat16: 'u16',
};

/** The scalar type in which a dtype is computed. bool is a truth value: i32 0 or 1, a mask in vectors. */
export function scalarType(dtype: DType): 'i32' | 'f32' | 'f64' {
  if (dtype === 'float64') return 'f64';
  return dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16' ? 'f32' : 'i32';
}

/** The type of a value, of which vectors have one per lane. */
export function valueType(dtype: DType, vector: boolean): Type {
  const type = scalarType(dtype);
  if (!vector) return type;
  if (dtype === 'bool') return 'maskv';
  if (type === 'f64') throw new InternalError('there are no vectors of float64');
  return type === 'f32' ? 'f32v' : 'i32v';
}

export function constantOf(dtype: DType, value: number): Expr {
  const type = scalarType(dtype);
  if (dtype === 'bool') return ir.i32(value === 0 ? 0 : 1);
  return type === 'i32' ? ir.i32(value) : type === 'f32' ? ir.f32(Math.fround(value)) : ir.f64(value);
}

/** A scalar value in every lane. */
export function splatValue(value: Expr, dtype: DType): Expr {
  return dtype === 'bool' ? ir.splat(value, 'maskv') : ir.splat(value);
}

/** A vector of `type` from the values of its lanes. */
export function joinLanes(parts: readonly Expr[], type: Type): Expr {
  if (type !== 'maskv') return ir.lanes(parts);
  return ir.compare('ne', ir.lanes(parts), ir.splat(ir.i32(0)));
}

export function extractLane(value: Expr, lane: number): Expr {
  return value.type === 'maskv'
    ? ir.extract(ir.convert('maskToInt', 'i32v', value), lane)
    : ir.extract(value, lane);
}

/** Raw element → value. */
export function decode(b: Builder, raw: Expr, dtype: DType): Expr {
  if (dtype === 'bool') return ir.compare('ne', raw, ir.isVector(raw.type) ? ir.splat(ir.i32(0)) : ir.i32(0));
  if (dtype === 'float16') return halfToFloat(b, raw);
  return dtype === 'bfloat16' ? bfloat16ToFloat(b, raw) : raw;
}

/** Value → raw element, in a local. */
export function encode(b: Builder, value: Expr, dtype: DType): Expr {
  if (dtype === 'bool' && value.type === 'maskv') return b.let(ir.convert('maskToInt', 'i32v', value));
  if (dtype === 'float16') return b.let(floatToHalf(b, value));
  return dtype === 'bfloat16' ? b.let(floatToBfloat16(b, value)) : b.let(value);
}
