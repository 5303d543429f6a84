/** The element-wise primitives on plain numbers. */
import { isFloat, type DType } from '../../core/dtype.js';
import { roundHalfToEven } from '../../core/half.js';
import { erf, pow } from '../../core/special-functions.mjs';
import type { BinaryOp, UnaryOp } from '../../graph/build.js';
import { narrow } from './storage.js';

const truth = (value: boolean): number => (value ? 1 : 0);

/** 1 / (1 + e^-x), without overflow. */
function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

const UNARY: Readonly<Record<Exclude<UnaryOp, 'not'>, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0),
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfToEven,
  trunc: Math.trunc,
  sqrt: Math.sqrt,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  atan: Math.atan,
  tanh: Math.tanh,
  sigmoid,
  erf,
};

type BitOp = 'and' | 'or' | 'xor' | 'shl' | 'shr';

const FLOAT: Readonly<Record<Exclude<BinaryOp, BitOp>, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  mod: (a, b) => a % b,
  pow,
  max: Math.max,
  min: Math.min,
  atan2: Math.atan2,
  eq: (a, b) => truth(a === b),
  ne: (a, b) => truth(a !== b),
  lt: (a, b) => truth(a < b),
  le: (a, b) => truth(a <= b),
};

/** Where integers and bools differ from floats. The result may still have to be wrapped. */
const WHOLE: Readonly<Partial<Record<BinaryOp, (a: number, b: number) => number>>> = {
  mul: Math.imul,
  div: (a, b) => (b === 0 ? 0 : Math.trunc(a / b)),
  mod: (a, b) => (b === 0 ? 0 : a % b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr: (a, b) => a >> b,
};

/** What `op` does to one element of `dtype`. */
export function unaryFunction(op: UnaryOp, dtype: DType): (x: number) => number {
  if (op === 'not') {
    if (dtype === 'bool') return (x) => 1 - x;
    const wrap = narrow(dtype);
    return (x) => wrap(~x);
  }
  const f = UNARY[op];
  if (isFloat(dtype)) return f;
  const wrap = narrow(dtype);
  return (x) => wrap(f(x));
}

/** What `op` does to two elements of `dtype`. */
export function binaryFunction(op: BinaryOp, dtype: DType): (a: number, b: number) => number {
  const plain = (FLOAT as Partial<Record<BinaryOp, (a: number, b: number) => number>>)[op];
  if (isFloat(dtype) && plain !== undefined) return plain;
  if (op === 'shr' && dtype === 'uint32') return (a, b) => a >>> b;
  const f = WHOLE[op] ?? plain;
  if (f === undefined) throw new RangeError(`${op} is not defined for ${dtype}`);
  const wrap = narrow(dtype);
  return (a, b) => wrap(f(a, b));
}
