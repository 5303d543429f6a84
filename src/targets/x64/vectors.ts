/** Arithmetic of vectors, and masks: of mask registers with AVX-512, of vectors with all bits or none in each lane without. */
import { InternalError } from '../../core/errors.js';
import type { CompareOp, Expr } from '../cpu/ir.js';
import { instruction, type Value } from '../native/machine-code.js';
import { RAX } from './assembler.js';
import { asLimit, evaluateArithmetic, floatBits } from './floats.js';
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
    ([to = 0, z = 0, x = 0, y = 0]) => {
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
    s.push([out], [x], ([to = 0, from = 0]) => {
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
      ([to = 0, x = 0, y = 0, z = 0]) => {
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
    s.push([out], [x], ([to = 0, from = 0]) => {
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
    ([to = 0, amount = 0, from = 0, general = 0]) => {
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
  s.push([out], [b, a, condition], ([to = 0, y = 0, x = 0, mask = 0]) => {
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
        s.push([out], [s.pattern(1), x], ([to = 0, one = 0, mask = 0]) => {
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
  s.push([out], [x], ([to = 0, from = 0]) => {
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
    s.push([bounded], [plain, s.pattern(~(1 << 31)), large], ([to = 0, p = 0, most = 0, mask = 0]) => {
      assembler.vector(VECTOR.blendMask, length, to, p, most, { mask });
    });
    s.push([out], [bounded, isNumber], ([to = 0, from = 0, mask = 0]) => {
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

// Masks

const FLOAT_PREDICATE: Partial<Record<CompareOp, number>> = {
  eq: 0x00,
  lt: 0x11,
  le: 0x12,
  ne: 0x04,
  ge: 0x1d,
  gt: 0x1e,
};

const INTEGER_PREDICATE: Readonly<Record<CompareOp, { readonly code: number; readonly unsigned: boolean }>> =
  {
    eq: { code: 0, unsigned: false },
    lt: { code: 1, unsigned: false },
    le: { code: 2, unsigned: false },
    ne: { code: 4, unsigned: false },
    ge: { code: 5, unsigned: false },
    gt: { code: 6, unsigned: false },
    ltU: { code: 1, unsigned: true },
    leU: { code: 2, unsigned: true },
    geU: { code: 5, unsigned: true },
    gtU: { code: 6, unsigned: true },
  };

const maskValue = (s: X64Selector): Value => s.value(s.kindOf('maskv'));

function compareFloats(s: X64Selector, op: CompareOp, a: Value, b: Value, into?: Value): Value {
  const immediate = FLOAT_PREDICATE[op];
  if (immediate === undefined) throw new InternalError(`x64: no ${op} of f32v`);
  const out = into ?? maskValue(s);
  s.binary(s.features.avx512 ? VECTOR.compareMask : VECTOR.compare, s.length, out, a, b, { immediate });
  return out;
}

function compareIntegers(s: X64Selector, op: CompareOp, a: Value, b: Value, into?: Value): Value {
  const { length } = s;
  const out = into ?? maskValue(s);
  if (s.features.avx512) {
    const { code, unsigned } = INTEGER_PREDICATE[op];
    s.binary(unsigned ? VECTOR.compareU32 : VECTOR.compareI32, length, out, a, b, { immediate: code });
    return out;
  }
  const negate = (make: (target: Value) => void): void => {
    const positive = s.value('vector');
    make(positive);
    s.binary(VECTOR.xor, length, out, positive, s.pattern(-1));
  };
  const equal = (target: Value, x: Value, y: Value): void => {
    s.binary(VECTOR.equalI32, length, target, x, y);
  };
  const greater = (target: Value, x: Value, y: Value): void => {
    s.binary(VECTOR.greaterI32, length, target, x, y);
  };
  /** a is the lesser (or greater) of both: a ≤ b (or a ≥ b). */
  const limits = (target: Value, limit: typeof VECTOR.minU): void => {
    const chosen = s.value('vector');
    s.binary(limit, length, chosen, a, b);
    equal(target, chosen, a);
  };
  switch (op) {
    case 'eq':
      equal(out, a, b);
      break;
    case 'ne':
      negate((target) => {
        equal(target, a, b);
      });
      break;
    case 'gt':
      greater(out, a, b);
      break;
    case 'lt':
      greater(out, b, a);
      break;
    case 'le':
      negate((target) => {
        greater(target, a, b);
      });
      break;
    case 'ge':
      negate((target) => {
        greater(target, b, a);
      });
      break;
    case 'leU':
      limits(out, VECTOR.minU);
      break;
    case 'geU':
      limits(out, VECTOR.maxU);
      break;
    case 'gtU':
      negate((target) => {
        limits(target, VECTOR.minU);
      });
      break;
    case 'ltU':
      negate((target) => {
        limits(target, VECTOR.maxU);
      });
      break;
  }
  return out;
}

/** Codes of the instructions on mask registers. */
const MASK_AND = 0x41;
const MASK_AND_NOT = 0x42;
const MASK_NOT = 0x44;
const MASK_OR = 0x45;
const MASK_EQUAL = 0x46;
const MASK_XOR = 0x47;
const MASK_BINARY = { and: MASK_AND, or: MASK_OR, xor: MASK_XOR } as const;
const VECTOR_BINARY = { and: VECTOR.and, or: VECTOR.or, xor: VECTOR.xor } as const;

/** Lanes beyond the last may be anything in a mask register. */
export function evaluateMask(s: X64Selector, e: Expr, into: Value | undefined): Value {
  const { assembler, features, length } = s;
  switch (e.kind) {
    case 'compare': {
      if (
        e.op === 'lt' &&
        e.a.kind === 'laneIndex' &&
        e.b.kind === 'splat' &&
        e.b.a.kind === 'const' &&
        into === undefined
      )
        return maskOfFirst(s, e.b.a);
      const a = s.evaluate(e.a);
      const b = s.evaluate(e.b);
      return e.a.type === 'f32v' ? compareFloats(s, e.op, a, b, into) : compareIntegers(s, e.op, a, b, into);
    }
    case 'unary': {
      if (e.op !== 'not') throw new InternalError(`x64: no ${e.op} of masks`);
      const x = s.evaluate(e.a);
      const out = into ?? maskValue(s);
      if (features.avx512) {
        s.push([out], [x], ([to = 0, from = 0]) => {
          assembler.maskInstruction(MASK_NOT, 0, false, to, 0, from);
        });
      } else s.binary(VECTOR.xor, length, out, x, s.pattern(-1));
      return out;
    }
    case 'binary': {
      const { op } = e;
      if (op !== 'and' && op !== 'or' && op !== 'xor') throw new InternalError(`x64: no ${op} of masks`);
      const a = s.evaluate(e.a);
      const b = s.evaluate(e.b);
      const out = into ?? maskValue(s);
      if (features.avx512) pushMask(s, MASK_BINARY[op], out, a, b);
      else s.binary(VECTOR_BINARY[op], length, out, a, b);
      return out;
    }
    case 'select': {
      const condition = s.evaluate(e.condition);
      const a = s.evaluate(e.a);
      const b = s.evaluate(e.b);
      const out = into ?? maskValue(s);
      if (!features.avx512) {
        s.push([out], [b, a, condition], ([to = 0, y = 0, x = 0, mask = 0]) => {
          assembler.vector(VECTOR.blendVector, length, to, y, x, { immediate: mask << 4 });
        });
        return out;
      }
      const first = s.value('mask');
      const second = s.value('mask');
      pushMask(s, MASK_AND, first, condition, a);
      pushMask(s, MASK_AND_NOT, second, condition, b);
      pushMask(s, MASK_OR, out, first, second);
      return out;
    }
    default:
      throw new InternalError(`x64: no ${e.kind} of masks`);
  }
}

function pushMask(s: X64Selector, code: number, out: Value, a: Value, b: Value): void {
  s.push([out], [a, b], ([to = 0, x = 0, y = 0]) => {
    s.assembler.maskInstruction(code, 0, true, to, x, y);
  });
}

/** All lanes as a scalar truth value says. */
export function splatTruth(s: X64Selector, truth: Expr, into: Value | undefined): Value {
  const { assembler, features } = s;
  if (truth.kind === 'const') {
    if (!features.avx512) {
      const value = s.pattern(truth.value === 0 ? 0 : -1);
      if (into !== undefined) s.move(into, value);
      return into ?? value;
    }
    const out = into ?? s.value('mask');
    s.push([out], [], ([to = 0]) => {
      assembler.maskInstruction(truth.value === 0 ? MASK_XOR : MASK_EQUAL, 0, true, to, to, to);
    });
    return out;
  }
  const x = s.evaluate(truth);
  const out = into ?? maskValue(s);
  s.push([out], [x], ([to = 0, from = 0]) => {
    assembler.move(RAX, from);
    assembler.negate(RAX);
    if (features.avx512) assembler.maskInstruction(0x92, 0, false, to, 0, RAX);
    else {
      assembler.vector(VECTOR.fromGeneral, 0, to, 0, RAX);
      assembler.vector(VECTOR.broadcastI32, s.length, to, 0, to);
    }
  });
  return out;
}

/** The first `count` lanes. */
export function maskOfFirst(s: X64Selector, count: Expr): Value {
  const { assembler } = s;
  if (!s.features.avx512) {
    if (count.kind === 'const')
      return s.words(
        Array.from({ length: s.lanes }, (_, lane) => (lane < count.value ? -1 : 0)),
        s.length,
      );
    const out = s.value('vector');
    const amount = s.value('vector');
    s.push([amount], [s.evaluate(count)], ([to = 0, from = 0]) => {
      assembler.vector(VECTOR.fromGeneral, 0, to, 0, from);
      assembler.vector(VECTOR.broadcastI32, s.length, to, 0, to);
    });
    s.binary(VECTOR.greaterI32, s.length, out, amount, laneIndices(s));
    return out;
  }
  if (count.kind === 'const') {
    const bits = (1 << Math.min(Math.max(count.value, 0), s.lanes)) - 1;
    return s.constant(`mask ${bits}`, 'mask', (target) =>
      instruction([target], [], ([to = 0]) => {
        assembler.moveConstant(RAX, bits);
        assembler.maskInstruction(0x92, 0, false, to, 0, RAX);
      }),
    );
  }
  const out = s.value('mask');
  s.push([out], [s.evaluate(count)], ([to = 0, from = 0]) => {
    assembler.moveConstant(RAX, -1);
    assembler.lowestBits(RAX, RAX, from);
    assembler.maskInstruction(0x92, 0, false, to, 0, RAX);
  });
  return out;
}

export const laneIndices = (s: X64Selector): Value =>
  s.words(
    Array.from({ length: s.lanes }, (_, lane) => lane),
    s.length,
  );
