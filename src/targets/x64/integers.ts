/** Scalars of i32, among them truth values. */
import { InternalError } from '../../core/errors.js';
import type { CompareOp, Expr } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { CONDITION, RAX, RDX, type Arithmetic, type Condition } from './assembler.js';
import { floatToInteger, emitFloatCompare } from './floats.js';
import type { X64Selector } from './selector.js';
import { VECTOR } from './vector-ops.js';

type Binary = Extract<Expr, { kind: 'binary' }>;
type Compare = Extract<Expr, { kind: 'compare' }>;

const CONDITIONS: Readonly<Record<CompareOp, Condition>> = {
  eq: CONDITION.equal,
  ne: CONDITION.notEqual,
  lt: CONDITION.less,
  le: CONDITION.lessOrEqual,
  gt: CONDITION.greater,
  ge: CONDITION.greaterOrEqual,
  ltU: CONDITION.below,
  leU: CONDITION.belowOrEqual,
  gtU: CONDITION.above,
  geU: CONDITION.aboveOrEqual,
};

export const conditionOf = (op: CompareOp): Condition => CONDITIONS[op];

/** floor(2^64 / by) + 1: the upper half of n times it is n / by for every n below 2^32, as the error stays below 1 / by. */
export const multiplier = (by: number): bigint => (1n << 64n) / BigInt(by >>> 0) + 1n;

const isPowerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0;
const log2 = (n: number): number => 31 - Math.clz32(n);

/** A comparison of two i32 that sets the flags: what it reads, and its code, given registers from `first` on. */
export function emitCompare(
  s: X64Selector,
  { a, b }: Compare,
): { readonly reads: Value[]; readonly encode: (registers: readonly number[], first: number) => void } {
  const { assembler } = s;
  const x = s.evaluate(a);
  if (b.kind === 'const') {
    const { value } = b;
    return {
      reads: [x],
      encode: (registers, first) => {
        const register = registers[first] ?? 0;
        if (value === 0) assembler.test(register, register);
        else assembler.arithmeticConstant('cmp', register, value);
      },
    };
  }
  return {
    reads: [x, s.evaluate(b)],
    encode: (registers, first) => {
      assembler.arithmetic('cmp', registers[first] ?? 0, registers[first + 1] ?? 0);
    },
  };
}

export function evaluateInteger(s: X64Selector, e: Expr, into: Value | undefined): Value {
  const { assembler } = s;
  switch (e.kind) {
    case 'const': {
      const out = s.result('i32', into);
      s.push([out], [], (to) => {
        assembler.moveConstant(to, e.value);
      });
      return out;
    }
    case 'unary': {
      const x = s.evaluate(e.a);
      const out = s.result('i32', into);
      s.push([out], [x], (to, from) => {
        assembler.move(RAX, from);
        if (e.op === 'neg') assembler.negate(RAX);
        else if (e.op === 'not') assembler.invert(RAX);
        else if (e.op === 'abs') {
          assembler.negate(RAX);
          // Of -2^31 both are negative, and the same.
          assembler.moveIf(CONDITION.less, RAX, from);
        } else throw new InternalError(`x64: no ${e.op} of i32`);
        assembler.move(to, RAX);
      });
      return out;
    }
    case 'binary':
      return binary(s, e, into);
    case 'compare':
      return compare(s, e, into);
    case 'select':
      return select(s, e, into);
    case 'convert':
      return convert(s, e, into);
    case 'atomicAdd': {
      const place = s.memory(e.address, 0);
      const value = s.evaluate(e.value);
      const out = s.result('i32', into);
      s.push([out], [...place.reads, value], (...registers) => {
        assembler.move(RAX, registers[1 + place.reads.length] ?? 0);
        assembler.exchangeAdd(place.at(registers, 1), RAX);
        assembler.move(registers[0] ?? 0, RAX);
      });
      return out;
    }
    default:
      throw new InternalError(`x64: no ${e.kind} of i32`);
  }
}

/** Operations with a second operand of any kind, the first result in `to`. */
const ARITHMETIC: Partial<Record<Binary['op'], Arithmetic>> = {
  add: 'add',
  sub: 'sub',
  and: 'and',
  or: 'or',
  xor: 'xor',
};

const SHIFT = { shl: 4, shrU: 5, shrS: 7 } as const;
const KEEPS_FIRST = {
  minS: CONDITION.less,
  minU: CONDITION.below,
  maxS: CONDITION.greater,
  maxU: CONDITION.above,
} as const;

function binary(s: X64Selector, e: Binary, into: Value | undefined): Value {
  const { op } = e;
  switch (op) {
    case 'add':
      return add(s, e, into);
    case 'sub':
    case 'and':
    case 'or':
    case 'xor':
      return e.b.kind === 'const' ? withConstant(s, op, e.a, e.b.value, into) : plain(s, op, e, into);
    case 'mul':
      if (e.b.kind === 'const') return timesConstant(s, e.a, e.b.value, into);
      if (e.a.kind === 'const') return timesConstant(s, e.b, e.a.value, into);
      return plain(s, op, e, into);
    case 'shl':
    case 'shrU':
    case 'shrS':
      return shift(s, SHIFT[op], e, into);
    case 'minS':
    case 'minU':
    case 'maxS':
    case 'maxU':
      return least(s, KEEPS_FIRST[op], e, into);
    case 'divU':
    case 'remU':
      if (e.b.kind === 'const') return divideByConstant(s, op, e.a, e.b.value >>> 0, into);
      return divide(s, e, into);
    case 'divS':
    case 'remS':
      return divide(s, e, into);
    default:
      throw new InternalError(`x64: no ${op} of i32`);
  }
}

/** The shift of a multiplication by 1, 2, 4 or 8. */
function scaleOf(e: Expr): { readonly of: Expr; readonly scale: number } | undefined {
  if (e.kind !== 'binary' || e.b.kind !== 'const') return undefined;
  const by = e.b.value;
  if (e.op === 'mul' && (by === 2 || by === 4 || by === 8)) return { of: e.a, scale: log2(by) };
  if (e.op === 'shl' && by >= 1 && by <= 3) return { of: e.a, scale: by };
  return undefined;
}

/** Sums of up to two values and a constant are one instruction. */
function add(s: X64Selector, e: Binary, into: Value | undefined): Value {
  const { assembler } = s;
  if (
    e.b.kind === 'const' &&
    e.a.kind === 'binary' &&
    e.a.op === 'add' &&
    e.a.b.kind !== 'const' &&
    e.a.a.kind !== 'const'
  )
    return sum(s, e.a.a, e.a.b, e.b.value, into);
  if (e.b.kind === 'const' || e.a.kind === 'const') {
    const [x, value] = e.b.kind === 'const' ? [e.a, e.b.value] : [e.b, e.a.kind === 'const' ? e.a.value : 0];
    const a = s.evaluate(x);
    const out = s.result('i32', into);
    s.push([out], [a], (to, from) => {
      if (to === from) assembler.arithmeticConstant('add', to, value);
      else assembler.loadAddress(to, { base: from, displacement: value });
    });
    return out;
  }
  return sum(s, e.a, e.b, 0, into);
}

function sum(s: X64Selector, left: Expr, right: Expr, constant: number, into: Value | undefined): Value {
  const { assembler } = s;
  const scaled = scaleOf(right) ?? scaleOf(left);
  const other = scaleOf(right) === undefined && scaled !== undefined ? right : left;
  const a = s.evaluate(other);
  const b = s.evaluate(scaled === undefined ? right : scaled.of);
  const scale = scaled?.scale ?? 0;
  const out = s.result('i32', into);
  s.push([out], [a, b], (to, x, y) => {
    if (scale === 0 && constant === 0 && to === x) assembler.arithmetic('add', to, y);
    else if (scale === 0 && constant === 0 && to === y) assembler.arithmetic('add', to, x);
    else assembler.loadAddress(to, { base: x, index: y, scale, displacement: constant });
  });
  return out;
}

function withConstant(
  s: X64Selector,
  op: Arithmetic,
  a: Expr,
  value: number,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  const x = s.evaluate(a);
  const out = s.result('i32', into);
  s.push([out], [x], (to, from) => {
    if (to !== from) assembler.move(to, from);
    assembler.arithmeticConstant(op, to, value);
  });
  return out;
}

function plain(
  s: X64Selector,
  op: 'sub' | 'and' | 'or' | 'xor' | 'mul',
  e: Binary,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const out = s.result('i32', into);
  const apply = (to: number, from: number): void => {
    if (op === 'mul') assembler.multiply(to, from);
    else assembler.arithmetic(ARITHMETIC[op] ?? 'add', to, from);
  };
  s.push([out], [a, b], (to, x, y) => {
    if (to === x) apply(to, y);
    else if (to !== y) {
      assembler.move(to, x);
      apply(to, y);
    } else if (op === 'sub') {
      assembler.negate(to);
      assembler.arithmetic('add', to, x);
    } else apply(to, x);
  });
  return out;
}

function timesConstant(s: X64Selector, a: Expr, value: number, into: Value | undefined): Value {
  const { assembler } = s;
  const x = s.evaluate(a);
  const out = s.result('i32', into);
  s.push([out], [x], (to, from) => {
    if (isPowerOfTwo(value)) {
      if (to !== from) assembler.move(to, from);
      assembler.shiftConstant(4, to, log2(value));
    } else assembler.multiplyConstant(to, from, value);
  });
  return out;
}

function shift(s: X64Selector, kind: 4 | 5 | 7, e: Binary, into: Value | undefined): Value {
  const { assembler } = s;
  const x = s.evaluate(e.a);
  if (e.b.kind === 'const') {
    const count = e.b.value & 31;
    const out = s.result('i32', into);
    s.push([out], [x], (to, from) => {
      if (to !== from) assembler.move(to, from);
      if (count > 0) assembler.shiftConstant(kind, to, count);
    });
    return out;
  }
  const count = s.evaluate(e.b);
  const out = s.result('i32', into);
  s.push([out], [x, count], (to, from, by) => {
    assembler.shift(kind, to, from, by);
  });
  return out;
}

function least(s: X64Selector, keepsFirst: Condition, e: Binary, into: Value | undefined): Value {
  const { assembler } = s;
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const out = s.result('i32', into);
  s.push([out], [a, b], (to, x, y) => {
    assembler.move(RAX, y);
    assembler.arithmetic('cmp', x, y);
    assembler.moveIf(keepsFirst, RAX, x);
    assembler.move(to, RAX);
  });
  return out;
}

function divideByConstant(
  s: X64Selector,
  op: 'divU' | 'remU',
  a: Expr,
  by: number,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  const x = s.evaluate(a);
  const out = s.result('i32', into);
  s.push([out], [x], (to, from) => {
    if (by === 0) throw new InternalError('x64: a division by the constant 0');
    if (isPowerOfTwo(by)) {
      if (to !== from) assembler.move(to, from);
      if (op === 'remU') assembler.arithmeticConstant('and', to, by - 1);
      else if (by > 1) assembler.shiftConstant(5, to, log2(by));
      return;
    }
    assembler.moveConstant64(RDX, multiplier(by));
    if (op === 'divU') {
      assembler.multiplyHigh64(to, RAX, from);
      return;
    }
    assembler.multiplyHigh64(RAX, RDX, from);
    assembler.multiplyConstant(RAX, RAX, by);
    assembler.move(RDX, from);
    assembler.arithmetic('sub', RDX, RAX);
    assembler.move(to, RDX);
  });
  return out;
}

function divide(s: X64Selector, e: Binary, into: Value | undefined): Value {
  const { assembler } = s;
  const signed = e.op === 'divS' || e.op === 'remS';
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const out = s.result('i32', into);
  s.push([out], [a, b], (to, x, y) => {
    assembler.move(RAX, x);
    if (signed) assembler.spreadSign();
    else assembler.moveConstant(RDX, 0);
    assembler.divide(y, signed);
    assembler.move(to, e.op === 'divS' || e.op === 'divU' ? RAX : RDX);
  });
  return out;
}

function compare(s: X64Selector, e: Compare, into: Value | undefined): Value {
  const { assembler } = s;
  if (e.a.type !== 'i32') return emitFloatCompare(s, e, into);
  const test = emitCompare(s, e);
  const out = s.result('i32', into);
  s.push([out], test.reads, (...registers) => {
    test.encode(registers, 1);
    assembler.setCondition(conditionOf(e.op), RAX);
    assembler.extendByte(registers[0] ?? 0, RAX);
  });
  return out;
}

function select(s: X64Selector, e: Extract<Expr, { kind: 'select' }>, into: Value | undefined): Value {
  const { assembler } = s;
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const { condition } = e;
  const fused = condition.kind === 'compare' && condition.a.type === 'i32' ? condition : undefined;
  const test = fused === undefined ? undefined : emitCompare(s, fused);
  const reads = test?.reads ?? [s.evaluate(condition)];
  const code = fused === undefined ? CONDITION.notEqual : conditionOf(fused.op);
  const out = s.result('i32', into);
  s.push([out], [a, b, ...reads], (...registers) => {
    const [to = 0, x = 0, y = 0, truth = 0] = registers;
    assembler.move(RAX, y);
    if (test === undefined) assembler.test(truth, truth);
    else test.encode(registers, 3);
    assembler.moveIf(code, RAX, x);
    assembler.move(to, RAX);
  });
  return out;
}

function convert(s: X64Selector, e: Extract<Expr, { kind: 'convert' }>, into: Value | undefined): Value {
  const { assembler } = s;
  switch (e.op) {
    case 'bits': {
      const x = s.evaluate(e.a);
      const out = s.result('i32', into);
      s.push([out], [x], (to, from) => {
        assembler.vector(VECTOR.toGeneral, 0, from, 0, to);
      });
      return out;
    }
    case 'maskToInt':
      // A scalar truth value is an i32 already.
      return s.evaluate(e.a, into);
    case 'toS':
    case 'toU':
      return floatToInteger(s, e, into);
    default:
      throw new InternalError(`x64: no conversion ${e.op} to i32`);
  }
}
