/**
 * The loop IR: what every CPU target encodes. Explicit loops, scalars, vectors of L lanes (L belongs to the target),
 * loads, stores, fused multiply-add. Expressions are trees; a value used twice is a local. Addresses are bytes in the
 * 32-bit heap.
 */
import { InternalError } from '../../core/errors.js';

/** Scalars, vectors of L lanes, and vector masks. A scalar truth value is an i32, 0 or 1. */
export type Type = 'i32' | 'f32' | 'f64' | 'i32v' | 'f32v' | 'maskv';

/** How an element lies in memory. Loads widen u8, i8 and u16 to i32 (or i32v), stores keep the low bits. */
export type Element = 'f32' | 'f64' | 'i32' | 'u8' | 'i8' | 'u16';

/** A mutable variable of a function. */
export interface Local {
  /** Of no other local. */
  readonly id: number;
  /** For people; others may have the same. */
  readonly name: string;
  readonly type: Type;
}

export type UnaryOp =
  | 'neg'
  | 'abs'
  | 'sqrt'
  | 'floor'
  | 'ceil'
  | 'trunc'
  /** To the nearest integer, halves to even. */
  | 'nearest'
  /** Bits of i32 and i32v, truth of maskv. */
  | 'not';

/** min and max give NaN if either side is NaN. Shifts take the count modulo 32; on vectors the count is a scalar i32. */
export type BinaryOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'min'
  | 'max'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shrS'
  | 'shrU'
  /** i32 scalars only; the caller keeps the divisor from being 0 (and from -2^31 / -1). */
  | 'divS'
  | 'divU'
  | 'remS'
  | 'remU'
  /** Of i32v and i32. */
  | 'minS'
  | 'minU'
  | 'maxS'
  | 'maxU';

/** Results: i32 for scalars, maskv for vectors. lt, le, gt, ge of integers are signed; the U ones unsigned. */
export type CompareOp = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'ltU' | 'leU' | 'gtU' | 'geU';

export type ConvertOp =
  /** f32(v) or f64 from signed or unsigned i32(v). */
  | 'fromS'
  | 'fromU'
  /** i32(v) from f32(v) or f64: towards zero, saturating, NaN gives 0. */
  | 'toS'
  | 'toU'
  /** f32 from f64, f64 from f32. */
  | 'widen'
  | 'narrow'
  /** The same bits: f32(v) ↔ i32(v). */
  | 'bits'
  /** maskv → i32v of 0 and 1. */
  | 'maskToInt';

/** Functions of float64 scalars that targets take from the host. */
export type HostFunction =
  | 'exp'
  | 'expm1'
  | 'log'
  | 'log1p'
  | 'sin'
  | 'cos'
  | 'tan'
  | 'atan'
  | 'tanh'
  | 'erf'
  | 'pow'
  | 'atan2'
  | 'fmod'
  /** Takes nothing: the time, by a clock that all threads share. Its unit is the target's own, and steady. */
  | 'now';

/**
 * How lanes of two vectors come together. `low1` and `high1`: the lower, or upper, halves of each block of four lanes, elements of a and b taking turns;
 * `low2` and `high2`: the same in pairs. `evenBlocks` and `oddBlocks`: blocks of a with even, or odd, numbers, then those of b; only with 8 lanes or more.
 */
export type ShuffleOrder = 'low1' | 'high1' | 'low2' | 'high2' | 'evenBlocks' | 'oddBlocks';

export type Expr =
  | { readonly kind: 'const'; readonly type: 'i32' | 'f32' | 'f64'; readonly value: number }
  | { readonly kind: 'local'; readonly type: Type; readonly local: Local }
  | { readonly kind: 'unary'; readonly type: Type; readonly op: UnaryOp; readonly a: Expr }
  | {
      readonly kind: 'binary';
      readonly type: Type;
      readonly op: BinaryOp;
      readonly a: Expr;
      readonly b: Expr;
    }
  | {
      readonly kind: 'compare';
      readonly type: 'i32' | 'maskv';
      readonly op: CompareOp;
      readonly a: Expr;
      readonly b: Expr;
    }
  /** a·b + c, rounded once where the machine can. */
  | { readonly kind: 'fma'; readonly type: Type; readonly a: Expr; readonly b: Expr; readonly c: Expr }
  /** a where the condition (i32 for scalars, maskv for vectors) holds, else b. Both are evaluated. */
  | {
      readonly kind: 'select';
      readonly type: Type;
      readonly condition: Expr;
      readonly a: Expr;
      readonly b: Expr;
    }
  | { readonly kind: 'convert'; readonly type: Type; readonly op: ConvertOp; readonly a: Expr }
  /** `type` i32, f32, f64 or their vectors (L neighbours); the address is `address + offset`, offset >= 0 and constant. */
  | {
      readonly kind: 'load';
      readonly type: Type;
      readonly element: Element;
      readonly address: Expr;
      readonly offset: number;
      /** Lanes of a vector to read; others are 0, and their memory is not touched. Only for machines with masks. */
      readonly mask?: Expr;
    }
  /** One element, in every lane. */
  | {
      readonly kind: 'loadSplat';
      readonly type: 'f32v' | 'i32v';
      readonly element: 'f32' | 'i32';
      readonly address: Expr;
      readonly offset: number;
    }
  /** Lane l holds the element at address + l·stride elements, stride a constant other than 1. */
  | {
      readonly kind: 'loadStrided';
      readonly type: 'f32v' | 'i32v';
      readonly element: Element;
      readonly address: Expr;
      readonly stride: number;
    }
  /** Lane l holds the element number index[l] counted from `base`. */
  | {
      readonly kind: 'gather';
      readonly type: 'f32v' | 'i32v';
      readonly element: Element;
      readonly base: Expr;
      readonly index: Expr;
      /** As that of a load. */
      readonly mask?: Expr;
    }
  /** Lane l holds lane index[l] of `a`; indices are below L. Only for machines with masks. */
  | { readonly kind: 'permute'; readonly type: 'f32v' | 'i32v'; readonly a: Expr; readonly index: Expr }
  | {
      readonly kind: 'shuffle';
      readonly type: 'f32v' | 'i32v';
      readonly order: ShuffleOrder;
      readonly a: Expr;
      readonly b: Expr;
    }
  /**
   * In each lane, `sum` plus the four products of the bytes of `a`, unsigned, with those of `b`, signed. Only for machines with `dotBytes`; see
   * dot-bytes.ts for all.
   */
  | {
      readonly kind: 'dotBytes';
      readonly type: 'i32v';
      readonly sum: Expr;
      readonly a: Expr;
      readonly b: Expr;
    }
  | { readonly kind: 'splat'; readonly type: 'f32v' | 'i32v' | 'maskv'; readonly a: Expr }
  /** 0, 1, …, L-1. */
  | { readonly kind: 'laneIndex'; readonly type: 'i32v' }
  /** A vector from L scalars. */
  | { readonly kind: 'lanes'; readonly type: 'f32v' | 'i32v'; readonly parts: readonly Expr[] }
  /** A scalar from all lanes of a vector. Of a maskv: `and` (all) and `or` (any), as 0 or 1. */
  | {
      readonly kind: 'reduceLanes';
      readonly type: 'f32' | 'i32';
      readonly op: 'add' | 'mul' | 'min' | 'max' | 'minS' | 'maxS' | 'minU' | 'maxU' | 'and' | 'or';
      readonly a: Expr;
    }
  | { readonly kind: 'extract'; readonly type: 'f32' | 'i32'; readonly a: Expr; readonly lane: number }
  | {
      readonly kind: 'host';
      readonly type: 'f64';
      readonly name: HostFunction;
      readonly args: readonly Expr[];
    }
  /** Adds to the i32 at an address, one thread at a time; gives what was there before. */
  | { readonly kind: 'atomicAdd'; readonly type: 'i32'; readonly address: Expr; readonly value: Expr };

export type Statement =
  | { readonly kind: 'set'; readonly local: Local; readonly value: Expr }
  /** With `count` (i32, 0 to L), only the first lanes of a vector are written. */
  | {
      readonly kind: 'store';
      readonly element: Element;
      readonly address: Expr;
      readonly offset: number;
      readonly value: Expr;
      readonly count?: Expr;
    }
  /**
   * Lane l goes to the element number index[l] counted from `base`; with `count`, only the first lanes do. Of lanes with equal indices the last
   * one stays. Elements of four bytes, and only for machines with masks.
   */
  | {
      readonly kind: 'scatter';
      readonly base: Expr;
      readonly index: Expr;
      readonly value: Expr;
      readonly count?: Expr;
    }
  /** A hint that the cache line of an address will be read, soon (level 1) or later (level 2). The address may be any. Machines may do nothing. */
  | { readonly kind: 'prefetch'; readonly address: Expr; readonly offset: number; readonly level: 1 | 2 }
  /** local = from; while (local < to) { body; local += step }. `to` is evaluated once; step is positive. Signed. */
  | {
      readonly kind: 'for';
      readonly local: Local;
      readonly from: Expr;
      readonly to: Expr;
      readonly step: number;
      readonly body: readonly Statement[];
    }
  | { readonly kind: 'while'; readonly condition: Expr; readonly body: readonly Statement[] }
  | {
      readonly kind: 'if';
      readonly condition: Expr;
      readonly then: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expr[] }
  /** Bytes. */
  | { readonly kind: 'fillZero'; readonly address: Expr; readonly length: Expr }
  /** Bytes; the ranges do not overlap. */
  | { readonly kind: 'copy'; readonly to: Expr; readonly from: Expr; readonly length: Expr }
  /**
   * All threads of the program meet here that have entered it. `state` is the address of the words in `attendance.ts`, zero at first, `threads` the number
   * that was called. Spins shortly, then waits (where threads may block).
   */
  | { readonly kind: 'barrier'; readonly state: Expr; readonly threads: Expr };

/** A function without a result. Parameters are i32. */
export interface Func {
  readonly name: string;
  readonly parameters: readonly Local[];
  readonly body: readonly Statement[];
  /** Whether the host may call it. */
  readonly exported: boolean;
}

export interface Module {
  readonly functions: readonly Func[];
}

export const isVector = (type: Type): boolean => type === 'f32v' || type === 'i32v' || type === 'maskv';
const isFloatType = (type: Type): boolean => type === 'f32' || type === 'f32v' || type === 'f64';

/** Bytes of one element in memory. */
export const ELEMENT_BYTES: Readonly<Record<Element, number>> = {
  f32: 4,
  f64: 8,
  i32: 4,
  u8: 1,
  i8: 1,
  u16: 2,
};

/** The scalar type of an element once loaded. */
export function loadedType(element: Element): 'i32' | 'f32' | 'f64' {
  return element === 'f32' || element === 'f64' ? element : 'i32';
}

// Constructors. They check types, so that a mistake shows where it is made and not in an encoder.

/** Called where a check has failed, so that messages are made only then: there are ten thousand expressions in a program. */
function refuse(message: string): never {
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

const ZERO = f32(0);

/** Collects statements; loops and conditions nest through callbacks. */
export class Builder {
  statements: Statement[] = [];

  /** Stores `value` in a fresh local and gives its use; constants and locals stay as they are. */
  let(value: Expr, name = 't'): Expr {
    if (value.kind === 'const' || value.kind === 'local') return value;
    const variable = local(value.type, name);
    this.set(variable, value);
    return get(variable);
  }

  /** A fresh local that starts as `value` and will change. */
  variable(value: Expr, name = 'v'): Local {
    const variable = local(value.type, name);
    this.set(variable, value);
    return variable;
  }

  set(variable: Local, value: Expr): void {
    if (variable.type !== value.type) refuse(`${variable.name}: ${variable.type} = ${value.type}`);
    this.statements.push({ kind: 'set', local: variable, value });
  }

  store(element: Element, address: Expr, value: Expr, offset = 0, count?: Expr): void {
    const base = { kind: 'store', element, address, offset, value } as const;
    this.statements.push(count === undefined ? base : { ...base, count });
  }

  scatter(base: Expr, index: Expr, value: Expr, count?: Expr): void {
    const scattered = { kind: 'scatter', base, index, value } as const;
    this.statements.push(count === undefined ? scattered : { ...scattered, count });
  }

  prefetch(address: Expr, offset: number, level: 1 | 2 = 1): void {
    this.statements.push({ kind: 'prefetch', address, offset, level });
  }

  /**
   * Turns as many vectors as they have lanes: lane l of vector r changes places with lane r of vector l. Squares of four inside each block of lanes
   * first, then the blocks, by halves.
   */
  transpose(rows: readonly Local[]): void {
    const join = (order: ShuffleOrder, a: Expr | undefined, b: Expr | undefined): Expr =>
      this.let(shuffle(order, a ?? ZERO, b ?? ZERO), 'turned');
    const turned = (parts: readonly Expr[]): Expr[] => {
      if (parts.length === 1) return [...parts];
      const pairs = (order: ShuffleOrder): Expr[] =>
        Array.from({ length: parts.length / 2 }, (_, n) => join(order, parts[2 * n], parts[2 * n + 1]));
      const even = turned(pairs('evenBlocks'));
      const odd = turned(pairs('oddBlocks'));
      return [...even.keys()].flatMap((n) => [even[n], odd[n]]) as Expr[];
    };
    const fours = Array.from({ length: rows.length / 4 }, (_, n) => {
      const [a, b, c, d] = rows.slice(4 * n, 4 * n + 4).map(get);
      const [low, high] = [join('low1', a, b), join('high1', a, b)];
      const [lowNext, highNext] = [join('low1', c, d), join('high1', c, d)];
      return [
        join('low2', low, lowNext),
        join('high2', low, lowNext),
        join('low2', high, highNext),
        join('high2', high, highNext),
      ];
    });
    [0, 1, 2, 3].forEach((g) => {
      turned(fours.map((four) => four[g] ?? ZERO)).forEach((value, block) => {
        const row = rows[4 * block + g];
        if (row !== undefined) this.set(row, value);
      });
    });
  }

  for(from: Expr, to: Expr, step: number, body: (index: Expr) => void, name = 'i'): void {
    const variable = local('i32', name);
    this.statements.push({
      kind: 'for',
      local: variable,
      from,
      to,
      step,
      body: this.nested(() => {
        body(get(variable));
      }),
    });
  }

  while(condition: Expr, body: () => void): void {
    this.statements.push({ kind: 'while', condition, body: this.nested(body) });
  }

  if(condition: Expr, then: () => void, otherwise: () => void = () => undefined): void {
    this.statements.push({
      kind: 'if',
      condition,
      then: this.nested(then),
      otherwise: this.nested(otherwise),
    });
  }

  call(name: string, ...args: Expr[]): void {
    this.statements.push({ kind: 'call', name, args });
  }

  push(statement: Statement): void {
    this.statements.push(statement);
  }

  private nested(body: () => void): Statement[] {
    const outer = this.statements;
    this.statements = [];
    body();
    const inner = this.statements;
    this.statements = outer;
    return inner;
  }
}

/** A function from a callback that gets its parameters. */
export function func(
  name: string,
  parameters: readonly string[],
  build: (b: Builder, ...args: Expr[]) => void,
  exported = false,
): Func {
  const locals = parameters.map((each) => local('i32', each));
  const b = new Builder();
  build(b, ...locals.map(get));
  return { name, parameters: locals, body: b.statements, exported };
}
