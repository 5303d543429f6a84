/** Scalars of i32, among them truth values. */
import { InternalError } from '../../core/errors.js';
import type { CompareOp, Expr } from '../cpu/ir.js';
import { instruction, type Value } from '../native/machine-code.js';
import { addressInRegister } from './addresses.js';
import { ZERO, type Assembler } from './assembler.js';
import { Label } from './code-buffer.js';
import { FLOAT_CONDITION, emitFloatCompare } from './floats.js';
import { isArithmeticImmediate } from './immediates.js';
import { CONDITION, type Condition } from './instructions.js';
import { SCRATCH, SCRATCH2, type Arm64Selector } from './selector.js';

type Of<K extends Expr['kind']> = Extract<Expr, { kind: K }>;
type Binary = Of<'binary'>;

export const INTEGER_CONDITION: Readonly<Record<CompareOp, Condition>> = {
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

/** A comparison that sets the flags: what it reads, and its code, given registers from `first` on. */
export interface Test {
  readonly reads: Value[];
  readonly encode: (registers: readonly number[], first: number) => void;
}

/** to = from + value. Uses the scratch register for large numbers. */
export function addConstant(assembler: Assembler, to: number, from: number, value: number): void {
  if (value === 0) assembler.move(to, from, true);
  else if (isArithmeticImmediate(value)) assembler.arithmeticImmediate('add', to, from, value);
  else if (isArithmeticImmediate(-value)) assembler.arithmeticImmediate('sub', to, from, -value);
  else {
    assembler.moveConstant(SCRATCH, value);
    assembler.arithmetic('add', to, from, SCRATCH);
  }
}

/** Sets the flags as comparing with a number does. Uses the scratch register for large ones. */
export function compareConstant(assembler: Assembler, register: number, value: number): void {
  if (isArithmeticImmediate(value)) assembler.arithmeticImmediate('subs', ZERO, register, value);
  else if (isArithmeticImmediate(-value)) assembler.arithmeticImmediate('adds', ZERO, register, -value);
  else {
    assembler.moveConstant(SCRATCH, value);
    assembler.arithmetic('subs', ZERO, register, SCRATCH);
  }
}

/** A comparison of two i32. */
export function emitCompare(s: Arm64Selector, { a, b }: Of<'compare'>): Test {
  const { assembler } = s;
  const x = s.evaluate(a);
  if (b.kind === 'const') {
    const value = b.value | 0;
    return {
      reads: [x],
      encode: (registers, first) => {
        compareConstant(assembler, registers[first] ?? 0, value);
      },
    };
  }
  return {
    reads: [x, s.evaluate(b)],
    encode: (registers, first) => {
      assembler.arithmetic('subs', ZERO, registers[first] ?? 0, registers[first + 1] ?? 0);
    },
  };
}

/** What decides a selection, and the condition under which the first side is taken. */
export function emitCondition(s: Arm64Selector, condition: Expr): Test & { readonly code: Condition } {
  if (condition.kind === 'compare') {
    const isInteger = condition.a.type === 'i32';
    const code = isInteger ? INTEGER_CONDITION[condition.op] : FLOAT_CONDITION[condition.op];
    if (code === undefined) throw new InternalError(`arm64: no ${condition.op} of floats`);
    return { ...(isInteger ? emitCompare(s, condition) : emitFloatCompare(s, condition)), code };
  }
  return {
    reads: [s.evaluate(condition)],
    encode: (registers, first) => {
      compareConstant(s.assembler, registers[first] ?? 0, 0);
    },
    code: CONDITION.notEqual,
  };
}

export function evaluateInteger(s: Arm64Selector, e: Expr, into: Value | undefined): Value {
  const { assembler } = s;
  switch (e.kind) {
    case 'const': {
      const out = s.result('i32', into);
      s.push([out], [], ([to = 0]) => {
        assembler.moveConstant(to, e.value | 0);
      });
      return out;
    }
    case 'unary':
      return unary(s, e, into);
    case 'binary':
      return binary(s, e, into);
    case 'compare': {
      const test = emitCondition(s, e);
      const out = s.result('i32', into);
      s.push([out], test.reads, (registers) => {
        test.encode(registers, 1);
        assembler.setCondition(registers[0] ?? 0, test.code);
      });
      return out;
    }
    case 'select': {
      const a = s.evaluate(e.a);
      const b = s.evaluate(e.b);
      const test = emitCondition(s, e.condition);
      const out = s.result('i32', into);
      s.push([out], [a, b, ...test.reads], (registers) => {
        const [to = 0, x = 0, y = 0] = registers;
        test.encode(registers, 3);
        assembler.select('csel', to, x, y, test.code);
      });
      return out;
    }
    case 'convert':
      return convert(s, e, into);
    case 'atomicAdd':
      return atomicAdd(s, e, into);
    default:
      throw new InternalError(`arm64: no ${e.kind} of i32`);
  }
}

function unary(s: Arm64Selector, e: Of<'unary'>, into: Value | undefined): Value {
  const { assembler } = s;
  const x = s.evaluate(e.a);
  const out = s.result('i32', into);
  s.push([out], [x], ([to = 0, from = 0]) => {
    if (e.op === 'neg') assembler.arithmetic('sub', to, ZERO, from);
    else if (e.op === 'not') assembler.logical('orn', to, ZERO, from);
    else if (e.op === 'abs') {
      compareConstant(assembler, from, 0);
      assembler.select('csneg', to, from, from, CONDITION.greaterOrEqual);
    } else throw new InternalError(`arm64: no ${e.op} of i32`);
  });
  return out;
}

const SHIFT = { shl: 'lsl', shrU: 'lsr', shrS: 'asr' } as const;
const LOGICAL_OP = { and: 'and', or: 'orr', xor: 'eor' } as const;
const KEEPS_FIRST = {
  minS: CONDITION.less,
  minU: CONDITION.below,
  maxS: CONDITION.greater,
  maxU: CONDITION.above,
} as const;

const isPowerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0;
const log2 = (n: number): number => 31 - Math.clz32(n);

function binary(s: Arm64Selector, e: Binary, into: Value | undefined): Value {
  const { assembler } = s;
  const { op } = e;
  switch (op) {
    case 'add':
      if (e.b.kind === 'const') return plusConstant(s, e.a, e.b.value | 0, into);
      if (e.a.kind === 'const') return plusConstant(s, e.b, e.a.value | 0, into);
      return sum(s, 'add', e.a, e.b, into);
    case 'sub':
      if (e.b.kind === 'const') return plusConstant(s, e.a, -e.b.value | 0, into);
      return sum(s, 'sub', e.a, e.b, into);
    case 'mul':
      if (e.b.kind === 'const') return timesConstant(s, e.a, e.b.value | 0, into);
      if (e.a.kind === 'const') return timesConstant(s, e.b, e.a.value | 0, into);
      return plain(s, e, into, (to, x, y) => {
        assembler.multiply('madd', to, x, y);
      });
    case 'and':
    case 'or':
    case 'xor':
      return logical(s, LOGICAL_OP[op], e, into);
    case 'shl':
    case 'shrU':
    case 'shrS':
      return shift(s, SHIFT[op], e, into);
    case 'minS':
    case 'minU':
    case 'maxS':
    case 'maxU':
      return plain(s, e, into, (to, x, y) => {
        assembler.arithmetic('subs', ZERO, x, y);
        assembler.select('csel', to, x, y, KEEPS_FIRST[op]);
      });
    case 'divU':
    case 'remU':
      if (e.b.kind === 'const') return divideByConstant(s, op, e.a, e.b.value >>> 0, into);
      return divide(s, 'udiv', e, into);
    case 'divS':
    case 'remS':
      return divide(s, 'sdiv', e, into);
    default:
      throw new InternalError(`arm64: no ${op} of i32`);
  }
}

function plain(
  s: Arm64Selector,
  e: Binary,
  into: Value | undefined,
  encode: (to: number, x: number, y: number) => void,
): Value {
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const out = s.result('i32', into);
  s.push([out], [a, b], ([to = 0, x = 0, y = 0]) => {
    encode(to, x, y);
  });
  return out;
}

function plusConstant(s: Arm64Selector, a: Expr, value: number, into: Value | undefined): Value {
  const x = s.evaluate(a);
  const out = s.result('i32', into);
  s.push([out], [x], ([to = 0, from = 0]) => {
    addConstant(s.assembler, to, from, value);
  });
  return out;
}

/** The shift of a product with a power of two; beyond 16 a shift costs a cycle of its own on many processors. */
function shiftOf(e: Expr): { readonly of: Expr; readonly shift: number } | undefined {
  if (e.kind !== 'binary' || e.b.kind !== 'const') return undefined;
  const by = e.b.value;
  if (e.op === 'mul' && isPowerOfTwo(by) && by <= 16) return { of: e.a, shift: log2(by) };
  if (e.op === 'shl' && by >= 1 && by <= 4) return { of: e.a, shift: by };
  return undefined;
}

/** Sums and differences take up a product: with a power of two, or with another value. */
function sum(s: Arm64Selector, op: 'add' | 'sub', left: Expr, right: Expr, into: Value | undefined): Value {
  const { assembler } = s;
  for (const [term, other] of op === 'add'
    ? ([
        [right, left],
        [left, right],
      ] as const)
    : ([[right, left]] as const)) {
    const shifted = shiftOf(term);
    if (shifted !== undefined) {
      const a = s.evaluate(other);
      const b = s.evaluate(shifted.of);
      const out = s.result('i32', into);
      s.push([out], [a, b], ([to = 0, x = 0, y = 0]) => {
        assembler.arithmetic(op, to, x, y, shifted.shift);
      });
      return out;
    }
    if (term.kind === 'binary' && term.op === 'mul' && term.a.kind !== 'const' && term.b.kind !== 'const') {
      const addend = s.evaluate(other);
      const a = s.evaluate(term.a);
      const b = s.evaluate(term.b);
      const out = s.result('i32', into);
      s.push([out], [addend, a, b], ([to = 0, z = 0, x = 0, y = 0]) => {
        assembler.multiply(op === 'add' ? 'madd' : 'msub', to, x, y, z);
      });
      return out;
    }
  }
  const a = s.evaluate(left);
  const b = s.evaluate(right);
  const out = s.result('i32', into);
  s.push([out], [a, b], ([to = 0, x = 0, y = 0]) => {
    assembler.arithmetic(op, to, x, y);
  });
  return out;
}

function timesConstant(s: Arm64Selector, a: Expr, value: number, into: Value | undefined): Value {
  const { assembler } = s;
  const x = s.evaluate(a);
  const out = s.result('i32', into);
  s.push([out], [x], ([to = 0, from = 0]) => {
    if (isPowerOfTwo(value)) assembler.shiftConstant('lsl', to, from, log2(value));
    else if (isPowerOfTwo(value - 1)) assembler.arithmetic('add', to, from, from, log2(value - 1));
    else {
      assembler.moveConstant(SCRATCH, value);
      assembler.multiply('madd', to, from, SCRATCH);
    }
  });
  return out;
}

function logical(
  s: Arm64Selector,
  op: 'and' | 'orr' | 'eor',
  e: Binary,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  if (e.b.kind !== 'const')
    return plain(s, e, into, (to, x, y) => {
      assembler.logical(op, to, x, y);
    });
  const value = e.b.value | 0;
  const x = s.evaluate(e.a);
  const out = s.result('i32', into);
  s.push([out], [x], ([to = 0, from = 0]) => {
    if (assembler.logicalImmediate(op, to, from, value)) return;
    assembler.moveConstant(SCRATCH, value);
    assembler.logical(op, to, from, SCRATCH);
  });
  return out;
}

function shift(s: Arm64Selector, op: 'lsl' | 'lsr' | 'asr', e: Binary, into: Value | undefined): Value {
  const { assembler } = s;
  if (e.b.kind !== 'const')
    // The machine, too, takes counts modulo 32.
    return plain(s, e, into, (to, x, y) => {
      assembler.twoSources(op, to, x, y);
    });
  const count = e.b.value & 31;
  const x = s.evaluate(e.a);
  const out = s.result('i32', into);
  s.push([out], [x], ([to = 0, from = 0]) => {
    assembler.shiftConstant(op, to, from, count);
  });
  return out;
}

/** floor(2^64 / by) + 1: the upper half of n times it is n / by for every n below 2^32, as the error stays below 1 / by. */
const multiplier = (by: number): bigint => (1n << 64n) / BigInt(by) + 1n;

function divideByConstant(
  s: Arm64Selector,
  op: 'divU' | 'remU',
  a: Expr,
  by: number,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  if (by === 0) throw new InternalError('arm64: a division by the constant 0');
  const x = s.evaluate(a);
  if (isPowerOfTwo(by) || by === 0x80000000) {
    const out = s.result('i32', into);
    const bits = log2(by);
    s.push([out], [x], ([to = 0, from = 0]) => {
      if (op === 'divU') assembler.shiftConstant('lsr', to, from, bits);
      else if (by === 1) assembler.moveConstant(to, 0);
      else assembler.logicalImmediate('and', to, from, by - 1);
    });
    return out;
  }
  const factor = s.constant(`general ${by}`, 'general', (target) =>
    instruction([target], [], ([to = 0]) => {
      assembler.moveConstant64(to, multiplier(by));
    }),
  );
  const out = s.result('i32', into);
  s.push([out], [x, factor], ([to = 0, from = 0, m = 0]) => {
    if (op === 'divU') {
      assembler.multiplyHigh64(to, from, m);
      return;
    }
    assembler.multiplyHigh64(SCRATCH, from, m);
    assembler.moveConstant(SCRATCH2, by);
    assembler.multiply('msub', to, SCRATCH, SCRATCH2, from);
  });
  return out;
}

function divide(s: Arm64Selector, op: 'udiv' | 'sdiv', e: Binary, into: Value | undefined): Value {
  const { assembler } = s;
  return plain(s, e, into, (to, x, y) => {
    if (e.op === 'divS' || e.op === 'divU') {
      assembler.twoSources(op, to, x, y);
      return;
    }
    assembler.twoSources(op, SCRATCH, x, y);
    assembler.multiply('msub', to, SCRATCH, y, x);
  });
}

function convert(s: Arm64Selector, e: Of<'convert'>, into: Value | undefined): Value {
  const { assembler } = s;
  // A scalar truth value is an i32 already.
  if (e.op === 'maskToInt') return s.evaluate(e.a, into);
  const x = s.evaluate(e.a);
  const out = s.result('i32', into);
  const type = e.a.type === 'f64' ? 'f64' : 'f32';
  s.push([out], [x], ([to = 0, from = 0]) => {
    if (e.op === 'bits') assembler.laneToGeneral(to, from, 0);
    else if (e.op === 'toS') assembler.floatGeneral('fcvtzs', type, to, from);
    else if (e.op === 'toU') assembler.floatGeneral('fcvtzu', type, to, from);
    else throw new InternalError(`arm64: no conversion ${e.op} to i32`);
  });
  return out;
}

/** Loads, adds and stores until nobody came in between. */
function atomicAdd(s: Arm64Selector, e: Of<'atomicAdd'>, into: Value | undefined): Value {
  const { assembler } = s;
  const place = s.memory(e.address, 0, 4);
  const value = s.evaluate(e.value);
  const out = s.resultBeside('i32', into, [value, ...place.reads]);
  const status = s.value('general');
  s.push(
    [out, status],
    [value, ...place.reads],
    (registers) => {
      const [old = 0, failed = 0, added = 0] = registers;
      const address = addressInRegister(assembler, place.at(registers, 3));
      const again = new Label();
      assembler.bind(again);
      assembler.loadExclusive(old, address);
      assembler.arithmetic('add', SCRATCH2, old, added);
      assembler.storeExclusive(failed, SCRATCH2, address);
      assembler.jumpUnlessZero(failed, again);
    },
    true,
  );
  return s.deliver(out, into);
}
