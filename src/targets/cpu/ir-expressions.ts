/** Makers of expressions. They check types, so that a mistake shows where it is made and not in an encoder. */
import { InternalError } from '../../core/errors.js';
import {
  type BinaryOp,
  type CompareOp,
  type ConvertOp,
  type Element,
  type Expr,
  type HostFunction,
  type Local,
  type ShuffleOrder,
  type Type,
  type UnaryOp,
  isFloatType,
  isVector,
  loadedType,
} from './ir-language.js';

/** Called where a check has failed, so that messages are made only then: there are ten thousand expressions in a program. */
export function refuse(message: string): never {
  throw new InternalError(`loop IR: ${message}`);
}

let locals = 0;

/** A fresh local; `name` is for people. */
export const local = (type: Type, name = 't'): Local => ({ id: locals++, name, type });

export const get = (variable: Local): Expr => ({ kind: 'local', type: variable.type, local: variable });
export const i32 = (value: number): Expr => ({ kind: 'const', type: 'i32', value: value | 0 });
export const f32 = (value: number): Expr => ({ kind: 'const', type: 'f32', value });
export const f64 = (value: number): Expr => ({ kind: 'const', type: 'f64', value });

/** A constant of `type`, splat if it is a vector. */
export function constant(type: Type, value: number): Expr {
  switch (type) {
    case 'f32v':
      return splat(f32(value));
    case 'i32v':
      return splat(i32(value));
    case 'maskv':
      return splat(i32(value), 'maskv');
    case 'f64':
      return f64(value);
    case 'f32':
      return f32(value);
    case 'i32':
      return i32(value);
  }
}

export function unary(op: UnaryOp, a: Expr): Expr {
  return { kind: 'unary', type: a.type, op, a };
}

export function binary(op: BinaryOp, a: Expr, b: Expr): Expr {
  if (isShift(op) && isVector(a.type)) {
    if (b.type !== 'i32') refuse(`${op} of a vector takes a scalar count`);
  } else if (a.type !== b.type) refuse(`${op} of ${a.type} and ${b.type}`);
  if (a.kind === 'const' && b.kind === 'const' && a.type === 'i32') {
    if (op === 'add') return i32(a.value + b.value);
    if (op === 'sub') return i32(a.value - b.value);
    if (op === 'mul') return i32(Math.imul(a.value, b.value));
  }
  if (b.kind === 'const' && b.type === 'i32' && a.type === 'i32') {
    if (b.value === 0 && (op === 'add' || op === 'sub')) return a;
    if (b.value === 1 && (op === 'mul' || op === 'divS' || op === 'divU')) return a;
    if (b.value === 0 && op === 'mul') return b;
  }
  if (a.kind === 'const' && a.type === 'i32' && a.value === 0 && op === 'add') return b;
  return { kind: 'binary', type: a.type, op, a, b };
}

const isShift = (op: BinaryOp): boolean => op === 'shl' || op === 'shrS' || op === 'shrU';

export const add = (a: Expr, b: Expr): Expr => binary('add', a, b);
export const sub = (a: Expr, b: Expr): Expr => binary('sub', a, b);
export const mul = (a: Expr, b: Expr): Expr => binary('mul', a, b);

export function compare(op: CompareOp, a: Expr, b: Expr): Expr {
  if (a.type !== b.type) refuse(`${op} of ${a.type} and ${b.type}`);
  return { kind: 'compare', type: isVector(a.type) ? 'maskv' : 'i32', op, a, b };
}

export function fma(a: Expr, b: Expr, c: Expr): Expr {
  if (a.type !== b.type || b.type !== c.type || !isFloatType(a.type))
    refuse(`fma of ${a.type}, ${b.type} and ${c.type}`);
  return { kind: 'fma', type: a.type, a, b, c };
}

export function select(condition: Expr, a: Expr, b: Expr): Expr {
  if (a.type !== b.type) refuse(`select of ${a.type} and ${b.type}`);
  if (condition.type !== (isVector(a.type) ? 'maskv' : 'i32'))
    refuse(`select of ${a.type} by ${condition.type}`);
  return { kind: 'select', type: a.type, condition, a, b };
}

export const convert = (op: ConvertOp, type: Type, a: Expr): Expr => ({ kind: 'convert', type, op, a });

export function load(element: Element, address: Expr, offset = 0, vector = false): Expr {
  if (vector && element === 'f64') refuse('there are no vectors of f64');
  const scalar = loadedType(element);
  return {
    kind: 'load',
    type: vector ? (scalar === 'f32' ? 'f32v' : 'i32v') : scalar,
    element,
    address,
    offset,
  };
}

export const loadSplat = (element: 'f32' | 'i32', address: Expr, offset = 0): Expr => ({
  kind: 'loadSplat',
  type: element === 'f32' ? 'f32v' : 'i32v',
  element,
  address,
  offset,
});

const vectorOf = (element: Element): 'f32v' | 'i32v' => (element === 'f32' ? 'f32v' : 'i32v');

export const loadStrided = (element: Element, address: Expr, stride: number): Expr => ({
  kind: 'loadStrided',
  type: vectorOf(element),
  element,
  address,
  stride,
});

export const gather = (element: Element, base: Expr, index: Expr, mask?: Expr): Expr => ({
  kind: 'gather',
  type: vectorOf(element),
  element,
  base,
  index,
  ...(mask === undefined ? {} : { mask }),
});

/** A load of the lanes that `mask` has. */
export function loadMasked(element: Element, address: Expr, offset: number, mask: Expr): Expr {
  if (mask.type !== 'maskv') refuse(`a load masked by ${mask.type}`);
  return { kind: 'load', type: vectorOf(element), element, address, offset, mask };
}

export function permute(a: Expr, index: Expr): Expr {
  if (index.type !== 'i32v' || (a.type !== 'f32v' && a.type !== 'i32v'))
    refuse(`permute of ${a.type} by ${index.type}`);
  return { kind: 'permute', type: a.type === 'f32v' ? 'f32v' : 'i32v', a, index };
}

export function shuffle(order: ShuffleOrder, a: Expr, b: Expr): Expr {
  if (a.type !== b.type || (a.type !== 'f32v' && a.type !== 'i32v'))
    refuse(`${order} of ${a.type} and ${b.type}`);
  return { kind: 'shuffle', type: a.type === 'f32v' ? 'f32v' : 'i32v', order, a, b };
}

export function dotBytes(sum: Expr, a: Expr, b: Expr): Expr {
  if ([sum, a, b].some(({ type }) => type !== 'i32v')) refuse('dotBytes takes i32v');
  return { kind: 'dotBytes', type: 'i32v', sum, a, b };
}

/** A scalar in every lane; an i32 truth value becomes a mask when `type` says so. */
export function splat(a: Expr, type?: 'maskv'): Expr {
  if (a.type !== 'i32' && a.type !== 'f32') refuse(`splat of ${a.type}`);
  return { kind: 'splat', type: type ?? (a.type === 'f32' ? 'f32v' : 'i32v'), a };
}

export const laneIndex: Expr = { kind: 'laneIndex', type: 'i32v' };
export const lanes = (parts: readonly Expr[]): Expr => ({
  kind: 'lanes',
  type: parts[0]?.type === 'f32' ? 'f32v' : 'i32v',
  parts,
});

type ReduceLanes = Extract<Expr, { kind: 'reduceLanes' }>['op'];
export const reduceLanes = (op: ReduceLanes, a: Expr): Expr => ({
  kind: 'reduceLanes',
  type: a.type === 'f32v' ? 'f32' : 'i32',
  op,
  a,
});

export const extract = (a: Expr, lane: number): Expr => ({
  kind: 'extract',
  type: a.type === 'f32v' ? 'f32' : 'i32',
  a,
  lane,
});

export const host = (name: HostFunction, ...args: Expr[]): Expr => ({
  kind: 'host',
  type: 'f64',
  name,
  args,
});
export const atomicAdd = (address: Expr, value: Expr): Expr => ({
  kind: 'atomicAdd',
  type: 'i32',
  address,
  value,
});
