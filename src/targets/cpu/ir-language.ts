/** The words of the loop IR: types, expressions and statements, as plain data. */

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
export const isFloatType = (type: Type): boolean => type === 'f32' || type === 'f32v' || type === 'f64';

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
