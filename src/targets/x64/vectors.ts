/** Arithmetic of vectors. */
import { InternalError } from '../../core/errors.js';
import { floatBits } from '../cpu/bits.js';
import type { Expr } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { RAX } from './assembler.js';
import { asLimit, evaluateArithmetic } from './floats.js';
import { compareFloats } from './masks.js';
import type { X64Selector } from './selector.js';
import { VECTOR } from './vector-ops.js';

type Binary = Extract<Expr, { kind: 'binary' }>;

export function evaluateVector(s: X64Selector, e: Expr, into: Value | undefined): Value {
  switch (e.kind) {
    case 'unary':
      return e.type === 'f32v' ? evaluateArithmetic(s, e, 'f32v', into) : integerUnary(s, e, into);
    case 'binary':
      return e.type === 'f32v' ? evaluateArithmetic(s, e, 'f32v', into) : integerBinary(s, e, into);
    case 'fma':
      return evaluateArithmetic(s, e, 'f32v', into);
    case 'select':
      return select(s, e, into);
    case 'convert':
      return convert(s, e, into);
    case 'dotBytes':
      return dotBytes(s, e, into);
    default:
      throw new InternalError(`x64: no ${e.kind} of ${e.type}`);
  }
}

/** The instruction adds to what its result's register holds. */
function dotBytes(s: X64Selector, e: Extract<Expr, { kind: 'dotBytes' }>, into: Value | undefined): Value {
  if (!s.features.vnni) throw new InternalError('x64: no dot products of bytes');
  const { assembler, length } = s;
  const sum = s.evaluate(e.sum);
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const out = s.result('i32v', into);
  s.push(
    [out],
    [sum, a, b],
    (to, z, x, y) => {
      s.moveVector(to, z);
      assembler.vector(VECTOR.dotU8, length, to, x, y);
    },
    true,
  );
  return out;
}

function integerUnary(s: X64Selector, e: Extract<Expr, { kind: 'unary' }>, into: Value | undefined): Value {
  const x = s.evaluate(e.a);
  const out = s.result(e.type, into);
  switch (e.op) {
    case 'neg':
      s.binary(VECTOR.subI32, s.length, out, s.pattern(0), x);
      return out;
    case 'not':
      s.binary(VECTOR.xor, s.length, out, x, s.pattern(-1));
      return out;
    case 'abs': {
      const negative = s.value('vector');
      s.binary(VECTOR.subI32, s.length, negative, s.pattern(0), x);
      s.binary(VECTOR.maxS, s.length, out, negative, x);
      return out;
    }
    default:
      throw new InternalError(`x64: no ${e.op} of i32v`);
  }
}

const INTEGER = {
  add: VECTOR.addI32,
  sub: VECTOR.subI32,
  mul: VECTOR.mulI32,
  and: VECTOR.and,
  or: VECTOR.or,
  xor: VECTOR.xor,
  minS: VECTOR.minS,
  minU: VECTOR.minU,
  maxS: VECTOR.maxS,
  maxU: VECTOR.maxU,
} as const;

const SHIFTS = {
  shl: { digit: 6, op: VECTOR.shiftLeft },
  shrU: { digit: 2, op: VECTOR.shiftRight },
  shrS: { digit: 4, op: VECTOR.shiftRightSigned },
} as const;

/** x << n | x >> (32 - n), as random numbers need it. */
function rotationOf({ op, a, b }: Binary): { readonly of: Expr; readonly by: number } | undefined {
  if (op !== 'or' || a.kind !== 'binary' || b.kind !== 'binary' || a.op !== 'shl' || b.op !== 'shrU')
    return undefined;
  if (a.b.kind !== 'const' || b.b.kind !== 'const' || a.b.value + b.b.value !== 32) return undefined;
  const same = a.a.kind === 'local' && b.a.kind === 'local' && a.a.local === b.a.local;
  return same ? { of: a.a, by: a.b.value } : undefined;
}

function integerBinary(s: X64Selector, e: Binary, into: Value | undefined): Value {
  const { assembler } = s;
  const { op } = e;
  const rotation = s.features.avx512 ? rotationOf(e) : undefined;
  if (rotation !== undefined) {
    const x = s.evaluate(rotation.of);
    const out = s.result('i32v', into);
    s.push([out], [x], (to, from) => {
      assembler.vector(VECTOR.rotateConstant, s.length, 1, to, from, { immediate: rotation.by });
    });
    return out;
  }
  if (op === 'xor' && e.b.kind === 'binary' && e.b.op === 'and' && s.features.avx512) {
    // Signs put on other numbers: one instruction instead of two.
    const a = s.evaluate(e.a);
    const b = s.evaluate(e.b.a);
    const c = s.evaluate(e.b.b);
    const out = s.result('i32v', into);
    s.push(
      [out],
      [a, b, c],
      (to, x, y, z) => {
        s.moveVector(to, x);
        assembler.vector(VECTOR.ternary, s.length, to, y, z, { immediate: 0x78 });
      },
      true,
    );
    return out;
  }
  if (op in INTEGER) {
    const a = s.evaluate(e.a);
    const b = s.evaluate(e.b);
    const out = s.result('i32v', into);
    s.binary(INTEGER[op as keyof typeof INTEGER], s.length, out, a, b);
    return out;
  }
  if (!(op in SHIFTS)) throw new InternalError(`x64: no ${op} of i32v`);
  const shift = SHIFTS[op as keyof typeof SHIFTS];
  const x = s.evaluate(e.a);
  if (e.b.kind === 'const') {
    const count = e.b.value & 31;
    const out = s.result('i32v', into);
    s.push([out], [x], (to, from) => {
      // The result stands where other instructions have their first source.
      assembler.vector(VECTOR.shiftConstant, s.length, shift.digit, to, from, { immediate: count });
    });
    return out;
  }
  const count = s.evaluate(e.b);
  const out = s.result('i32v', into);
  const by = s.value('vector');
  s.push(
    [out, by],
    [x, count],
    (to, amount, from, general) => {
      assembler.move(RAX, general);
      assembler.arithmeticConstant('and', RAX, 31);
      assembler.vector(VECTOR.fromGeneral, 0, amount, 0, RAX);
      assembler.vector(shift.op, s.length, to, from, amount);
    },
    true,
  );
  return out;
}

function select(s: X64Selector, e: Extract<Expr, { kind: 'select' }>, into: Value | undefined): Value {
  const limit = e.type === 'f32v' ? asLimit(e) : undefined;
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  if (limit !== undefined) {
    const out = s.result(e.type, into);
    s.binary(VECTOR[limit].f32v, s.length, out, a, b);
    return out;
  }
  const condition = s.evaluate(e.condition);
  const out = s.result(e.type, into);
  const { assembler } = s;
  s.push([out], [b, a, condition], (to, y, x, mask) => {
    if (s.features.avx512) assembler.vector(VECTOR.blendMask, s.length, to, y, x, { mask });
    else assembler.vector(VECTOR.blendVector, s.length, to, y, x, { immediate: mask << 4 });
  });
  return out;
}

function convert(s: X64Selector, e: Extract<Expr, { kind: 'convert' }>, into: Value | undefined): Value {
  const { features, length } = s;
  const x = s.evaluate(e.a, e.op === 'bits' ? into : undefined);
  switch (e.op) {
    case 'bits':
      return x;
    case 'maskToInt': {
      const out = s.result('i32v', into);
      if (features.avx512) {
        s.push([out], [s.pattern(1), x], (to, one, mask) => {
          s.assembler.vector(VECTOR.move, length, to, 0, one, { mask, zero: true });
        });
      } else s.binary(VECTOR.and, length, out, x, s.pattern(1));
      return out;
    }
    case 'fromS': {
      const out = s.result('f32v', into);
      s.unary(VECTOR.fromI32, length, out, x);
      return out;
    }
    case 'fromU':
      return fromUnsigned(s, x, into);
    case 'toS':
      return toSigned(s, x, into);
    case 'toU':
      return toUnsigned(s, x, into);
    default:
      throw new InternalError(`x64: no conversion ${e.op} to ${e.type}`);
  }
}

function shiftRight(s: X64Selector, x: Value, count: number): Value {
  const out = s.value('vector');
  s.push([out], [x], (to, from) => {
    s.assembler.vector(VECTOR.shiftConstant, s.length, SHIFTS.shrU.digit, to, from, { immediate: count });
  });
  return out;
}

/** Without AVX-512 in two halves, both exact: the sum is rounded once. */
function fromUnsigned(s: X64Selector, x: Value, into: Value | undefined): Value {
  const { length } = s;
  const out = s.result('f32v', into);
  if (s.features.avx512) {
    s.unary(VECTOR.fromU32, length, out, x);
    return out;
  }
  const high = s.value('vector');
  const low = s.value('vector');
  const lowBits = s.value('vector');
  s.unary(VECTOR.fromI32, length, high, shiftRight(s, x, 16));
  s.binary(VECTOR.and, length, lowBits, x, s.pattern(0xffff));
  s.unary(VECTOR.fromI32, length, low, lowBits);
  const scaled = s.value('vector');
  s.binary(VECTOR.mul.f32v, length, scaled, high, s.pattern(floatBits(65536)));
  s.binary(VECTOR.add.f32v, length, out, scaled, low);
  return out;
}

/** The machine gives 0x80000000 for what does not fit: one less where the number was large, nothing where it was NaN. */
function toSigned(s: X64Selector, x: Value, into: Value | undefined): Value {
  const { assembler, length } = s;
  const plain = s.value('vector');
  s.unary(VECTOR.toI32, length, plain, x);
  const out = s.result('i32v', into);
  const large = compareFloats(s, 'ge', x, s.pattern(floatBits(2 ** 31)));
  const isNumber = compareFloats(s, 'eq', x, x);
  if (s.features.avx512) {
    const bounded = s.value('vector');
    s.push([bounded], [plain, s.pattern(~(1 << 31)), large], (to, p, most, mask) => {
      assembler.vector(VECTOR.blendMask, length, to, p, most, { mask });
    });
    s.push([out], [bounded, isNumber], (to, from, mask) => {
      assembler.vector(VECTOR.move, length, to, 0, from, { mask, zero: true });
    });
    return out;
  }
  const bounded = s.value('vector');
  s.binary(VECTOR.xor, length, bounded, plain, large);
  s.binary(VECTOR.and, length, out, bounded, isNumber);
  return out;
}

function toUnsigned(s: X64Selector, x: Value, into: Value | undefined): Value {
  const { length } = s;
  const positive = s.value('vector');
  // Zero where x is NaN.
  s.binary(VECTOR.max.f32v, length, positive, x, s.pattern(0));
  const out = s.result('i32v', into);
  if (s.features.avx512) {
    s.unary(VECTOR.toU32, length, out, positive);
    return out;
  }
  // Numbers from 2^31 on lose as much, and get it back as their highest bit.
  const limit = s.pattern(floatBits(2 ** 31));
  const large = compareFloats(s, 'ge', positive, limit);
  const taken = s.value('vector');
  s.binary(VECTOR.and, length, taken, limit, large);
  const rest = s.value('vector');
  s.binary(VECTOR.sub.f32v, length, rest, positive, taken);
  const plain = s.value('vector');
  s.unary(VECTOR.toI32, length, plain, rest);
  const high = s.value('vector');
  s.binary(VECTOR.and, length, high, large, s.pattern(-0x80000000));
  const sum = s.value('vector');
  s.binary(VECTOR.or, length, sum, plain, high);
  // What is still 2^31 or more has become 0x80000000; it should be all ones.
  const tooLarge = compareFloats(s, 'ge', positive, s.pattern(floatBits(2 ** 32)));
  s.binary(VECTOR.or, length, out, sum, tooLarge);
  return out;
}
