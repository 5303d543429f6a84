/** Scalars of f32 and f64, in the lowest lane of a vector register; what is above them means nothing. */
import { InternalError } from '../../core/errors.js';
import { floatBits } from '../cpu/bits.js';
import type { Expr } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { CONDITION, Label, RAX, RCX, type VectorLength } from './assembler.js';
import type { X64Selector } from './selector.js';
import { VECTOR } from './vector-ops.js';

export type FloatType = 'f32v' | 'f32' | 'f64';

const SIGN = -0x80000000;
export const ROUNDING = { nearest: 8, floor: 9, ceil: 10, trunc: 11 } as const;

/** Everything but the sign, or only the sign, in every lane. */
function signMask(s: X64Selector, type: FloatType, sign: boolean): Value {
  if (type !== 'f64') return s.pattern(sign ? SIGN : ~SIGN);
  const upper = sign ? SIGN : ~SIGN;
  const lower = sign ? 0 : -1;
  return s.words([lower, upper, lower, upper], 0);
}

/** What f32v, f32 and f64 share. */
export function evaluateArithmetic(
  s: X64Selector,
  e: Extract<Expr, { kind: 'unary' | 'binary' | 'fma' }>,
  type: FloatType,
  into: Value | undefined,
): Value {
  const length = s.lengthOf(type);
  if (e.kind === 'fma') return fma(s, e, type, into);
  if (e.kind === 'unary' && e.op === 'neg' && e.a.kind === 'unary' && e.a.op === 'abs') {
    const x = s.evaluate(e.a.a);
    const out = s.result(type, into);
    s.binary(VECTOR.or, length, out, x, signMask(s, type, true));
    return out;
  }
  if (e.kind === 'unary') {
    const x = s.evaluate(e.a);
    const out = s.result(type, into);
    switch (e.op) {
      case 'neg':
        s.binary(VECTOR.xor, length, out, x, signMask(s, type, true));
        break;
      case 'abs':
        s.binary(VECTOR.and, length, out, x, signMask(s, type, false));
        break;
      case 'sqrt':
        // Scalar forms take their upper part from the first source.
        if (type === 'f32v') s.unary(VECTOR.sqrt.f32v, length, out, x);
        else s.binary(VECTOR.sqrt[type], 0, out, x, x);
        break;
      case 'floor':
      case 'ceil':
      case 'trunc':
      case 'nearest': {
        const options = { immediate: ROUNDING[e.op] };
        if (type === 'f32v') s.unary(VECTOR.round.f32v, length, out, x, options);
        else s.binary(VECTOR.round[type], 0, out, x, x, options);
        break;
      }
      case 'not':
        throw new InternalError(`x64: no not of ${type}`);
    }
    return out;
  }
  switch (e.op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div': {
      const a = s.evaluate(e.a);
      const b = s.evaluate(e.b);
      const out = s.result(type, into);
      s.binary(VECTOR[e.op][type], length, out, a, b);
      return out;
    }
    case 'min':
    case 'max':
      return limit(s, e.op, e, type, into);
    default:
      throw new InternalError(`x64: no ${e.op} of ${type}`);
  }
}

/** The three forms differ in which operand the result takes the place of. */
function fma(
  s: X64Selector,
  e: Extract<Expr, { kind: 'fma' }>,
  type: FloatType,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const c = s.evaluate(e.c);
  const out = s.result(type, into);
  const length = s.lengthOf(type);
  s.push([out], [c, a, b], (to, z, x, y) => {
    if (to === x) assembler.vector(VECTOR.fma213[type], length, to, y, z);
    else if (to === y) assembler.vector(VECTOR.fma213[type], length, to, x, z);
    else {
      s.moveVector(to, z);
      assembler.vector(VECTOR.fma231[type], length, to, x, y);
    }
  });
  return out;
}

/** The number in every lane, if it is a constant other than NaN and -0. */
function numberIn(e: Expr): number | undefined {
  const scalar = e.kind === 'splat' ? e.a : e;
  if (scalar.kind !== 'const') return undefined;
  const { value } = scalar;
  return Number.isNaN(value) || Object.is(value, -0) ? undefined : value;
}

/**
 * The machine's min and max give their second operand when the two are zeros or one is NaN. In both orders, they differ just in these cases:
 * zeros join by their signs, and a NaN is put in where there is one.
 */
function limit(
  s: X64Selector,
  op: 'min' | 'max',
  e: Extract<Expr, { kind: 'binary' }>,
  type: FloatType,
  into: Value | undefined,
): Value {
  const length = s.lengthOf(type);
  const code = VECTOR[op][type];
  const bound = numberIn(e.b) ?? numberIn(e.a);
  if (bound !== undefined) {
    const x = s.evaluate(numberIn(e.b) === undefined ? e.b : e.a);
    const limiting = s.evaluate(numberIn(e.b) === undefined ? e.a : e.b);
    const out = s.result(type, into);
    s.binary(code, length, out, limiting, x);
    // Of -0 and 0 it has kept -0, of which this makes 0.
    if (op === 'max' && bound === 0) s.binary(VECTOR.add[type], length, out, out, limiting);
    return out;
  }
  return limitOf(s, op, type, length, s.evaluate(e.a), s.evaluate(e.b), into);
}

/** The lesser or the greater of two, or NaN. */
export function limitOf(
  s: X64Selector,
  op: 'min' | 'max',
  type: FloatType,
  length: VectorLength,
  a: Value,
  b: Value,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  const code = VECTOR[op][type];
  const one = s.value('vector');
  const other = s.value('vector');
  s.binary(code, length, one, a, b);
  s.binary(code, length, other, b, a);
  if (op === 'min') {
    const out = s.result(type, into);
    s.binary(VECTOR.or, length, out, one, other);
    return out;
  }
  const both = s.value('vector');
  s.binary(VECTOR.and, length, both, one, other);
  const out = s.result(type, into);
  if (type !== 'f32v') {
    s.push(
      [out],
      [both, a, b],
      (to, z, x, y) => {
        const done = new Label();
        s.moveVector(to, z);
        assembler.vector(VECTOR.order[type], 0, x, 0, y);
        assembler.jumpIf(CONDITION.noParity, done);
        assembler.vector(VECTOR.add[type], 0, to, x, y);
        assembler.bind(done);
      },
      true,
    );
  } else if (s.features.avx512) {
    const unordered = s.value('mask');
    s.binary(VECTOR.compareMask, length, unordered, a, b, { immediate: 3 });
    s.push(
      [out],
      [both, a, b, unordered],
      (to, z, x, y, mask) => {
        s.moveVector(to, z);
        assembler.vector(VECTOR.add.f32v, length, to, x, y, { mask });
      },
      true,
    );
  } else {
    const unordered = s.value('vector');
    s.binary(VECTOR.compare, length, unordered, a, b, { immediate: 3 });
    // All bits set are a NaN.
    s.binary(VECTOR.or, length, out, both, unordered);
  }
  return out;
}

export function evaluateFloat(s: X64Selector, e: Expr, into: Value | undefined): Value {
  const type = e.type === 'f64' ? 'f64' : 'f32';
  switch (e.kind) {
    case 'const': {
      if (into !== undefined && Object.is(e.value, 0)) {
        s.clear(into);
        return into;
      }
      const value = type === 'f64' ? s.double(e.value) : s.pattern(floatBits(e.value));
      if (into === undefined) return value;
      s.move(into, value);
      return into;
    }
    case 'unary':
    case 'binary':
    case 'fma':
      return evaluateArithmetic(s, e, type, into);
    case 'select':
      return select(s, e, type, into);
    case 'convert':
      return convert(s, e, type, into);
    default:
      throw new InternalError(`x64: no ${e.kind} of ${type}`);
  }
}

/** min or max as a selection: `p < q ? p : q` and `p > q ? p : q`. */
export function asLimit(e: Extract<Expr, { kind: 'select' }>): 'min' | 'max' | undefined {
  const { condition, a, b } = e;
  if (condition.kind !== 'compare' || !same(condition.a, a) || !same(condition.b, b)) return undefined;
  return condition.op === 'lt' ? 'min' : condition.op === 'gt' ? 'max' : undefined;
}

/** Whether two expressions are evidently the same. */
const same = (a: Expr, b: Expr): boolean =>
  a === b || (a.kind === 'local' && b.kind === 'local' && a.local === b.local);

function select(
  s: X64Selector,
  e: Extract<Expr, { kind: 'select' }>,
  type: 'f32' | 'f64',
  into: Value | undefined,
): Value {
  const { assembler } = s;
  const limit = asLimit(e);
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  if (limit !== undefined) {
    const out = s.result(type, into);
    s.binary(VECTOR[limit][type], 0, out, a, b);
    return out;
  }
  const condition = s.evaluate(e.condition);
  const out = s.result(type, into);
  const truth = s.value(s.features.avx512 ? 'mask' : 'vector');
  s.push(
    [out, truth],
    [a, b, condition],
    (to, mask, x, y, c) => {
      if (s.features.avx512) {
        assembler.maskInstruction(0x92, 0, false, mask, 0, c);
        assembler.vector(type === 'f64' ? VECTOR.blendMaskF64 : VECTOR.blendMask, 0, to, y, x, { mask });
        return;
      }
      assembler.move(RAX, c);
      assembler.negate(RAX, true);
      assembler.vector(VECTOR.fromGeneral64, 0, mask, 0, RAX);
      const blend = type === 'f64' ? VECTOR.blendVectorF64 : VECTOR.blendVector;
      assembler.vector(blend, 0, to, y, x, { immediate: mask << 4 });
    },
    true,
  );
  return out;
}

function convert(
  s: X64Selector,
  e: Extract<Expr, { kind: 'convert' }>,
  type: 'f32' | 'f64',
  into: Value | undefined,
): Value {
  const { assembler } = s;
  const x = s.evaluate(e.a);
  const out = s.result(type, into);
  switch (e.op) {
    case 'bits':
      s.push([out], [x], (to, from) => {
        assembler.vector(VECTOR.fromGeneral, 0, to, 0, from);
      });
      return out;
    case 'fromS':
    case 'fromU':
      s.push([out], [x], (to, from) => {
        // The rest of the register comes from the first source: clearing it spares a wait for whatever wrote it.
        s.clearVector(to);
        // As signed numbers of 64 bits, unsigned ones of 32 keep their values.
        const op = e.op === 'fromS' ? VECTOR.fromScalarI32 : VECTOR.fromScalarI64;
        assembler.vector(op[type], 0, to, to, from);
      });
      return out;
    case 'widen':
      s.binary(VECTOR.widen, 0, out, x, x);
      return out;
    case 'narrow':
      s.binary(VECTOR.narrow, 0, out, x, x);
      return out;
    default:
      throw new InternalError(`x64: no conversion ${e.op} to ${type}`);
  }
}

/** Towards zero, saturating, 0 of NaN: as f64, which holds every i32, within bounds. */
export function floatToInteger(
  s: X64Selector,
  e: Extract<Expr, { kind: 'convert' }>,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  const [least, most] = e.op === 'toS' ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  const x = s.evaluate(e.a);
  let wide = x;
  if (e.a.type === 'f32') {
    wide = s.value('vector');
    s.binary(VECTOR.widen, 0, wide, x, x);
  }
  const below = s.value('vector');
  // Both keep their second operand if that is NaN.
  s.binary(VECTOR.min.f64, 0, below, s.double(most), wide);
  const bounded = s.value('vector');
  s.binary(VECTOR.max.f64, 0, bounded, s.double(least), below);
  const out = s.result('i32', into);
  s.push([out], [bounded], (to, from) => {
    assembler.vector(VECTOR.f64ToI64, 0, RAX, 0, from);
    assembler.moveConstant(RCX, 0);
    assembler.vector(VECTOR.order.f64, 0, from, 0, from);
    assembler.moveIf(CONDITION.parity, RAX, RCX);
    assembler.move(to, RAX);
  });
  return out;
}

export function emitFloatCompare(
  s: X64Selector,
  e: Extract<Expr, { kind: 'compare' }>,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  const order = VECTOR.order[e.a.type === 'f64' ? 'f64' : 'f32'];
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const out = s.result('i32', into);
  // 'above' is false of NaN, 'below' is true: less is greater the other way round.
  const swap = e.op === 'lt' || e.op === 'le';
  s.push([out], swap ? [b, a] : [a, b], (to, x, y) => {
    assembler.vector(order, 0, x, 0, y);
    if (e.op === 'eq' || e.op === 'ne') {
      const [condition, parity, join] =
        e.op === 'eq'
          ? ([CONDITION.equal, CONDITION.noParity, 'and'] as const)
          : ([CONDITION.notEqual, CONDITION.parity, 'or'] as const);
      assembler.setCondition(condition, RAX);
      assembler.setCondition(parity, RCX);
      assembler.arithmetic(join, RAX, RCX);
    } else
      assembler.setCondition(e.op === 'lt' || e.op === 'gt' ? CONDITION.above : CONDITION.aboveOrEqual, RAX);
    assembler.extendByte(to, RAX);
  });
  return out;
}
