/** Masks: mask registers with AVX-512, vectors with all bits or none in each lane without. */
import { InternalError } from '../../core/errors.js';
import type { CompareOp, Expr } from '../cpu/ir.js';
import { instruction, type Value } from '../native/machine-code.js';
import { RAX } from './assembler.js';
import type { X64Selector } from './selector.js';
import { VECTOR } from './vector-ops.js';

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

export function compareFloats(s: X64Selector, op: CompareOp, a: Value, b: Value, into?: Value): Value {
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
        s.push([out], [x], (to, from) => {
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
        s.push([out], [b, a, condition], (to, y, x, mask) => {
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
  s.push([out], [a, b], (to, x, y) => {
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
    s.push([out], [], (to) => {
      assembler.maskInstruction(truth.value === 0 ? MASK_XOR : MASK_EQUAL, 0, true, to, to, to);
    });
    return out;
  }
  const x = s.evaluate(truth);
  const out = into ?? maskValue(s);
  s.push([out], [x], (to, from) => {
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
    s.push([amount], [s.evaluate(count)], (to, from) => {
      assembler.vector(VECTOR.fromGeneral, 0, to, 0, from);
      assembler.vector(VECTOR.broadcastI32, s.length, to, 0, to);
    });
    s.binary(VECTOR.greaterI32, s.length, out, amount, laneIndices(s));
    return out;
  }
  if (count.kind === 'const') {
    const bits = (1 << Math.min(Math.max(count.value, 0), s.lanes)) - 1;
    return s.constant(`mask ${bits}`, 'mask', (target) =>
      instruction([target], [], (to) => {
        assembler.moveConstant(RAX, bits);
        assembler.maskInstruction(0x92, 0, false, to, 0, RAX);
      }),
    );
  }
  const out = s.value('mask');
  s.push([out], [s.evaluate(count)], (to, from) => {
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
