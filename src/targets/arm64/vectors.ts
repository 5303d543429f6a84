/** Arithmetic of vectors, and masks: vectors with all bits or none in each lane. */
import { InternalError } from '../../core/errors.js';
import type { CompareOp, Expr } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { ZERO } from './assembler.js';
import { spreadScalar } from './factors.js';
import { FLOAT_BINARY, FLOAT_UNARY } from './floats.js';
import type { VECTOR_THREE } from './instructions.js';
import { SCRATCH, type Arm64Selector } from './selector.js';

type Of<K extends Expr['kind']> = Extract<Expr, { kind: K }>;
type Binary = Of<'binary'>;

export function evaluateVector(s: Arm64Selector, e: Expr, into: Value | undefined): Value {
  const isFloat = e.type === 'f32v';
  switch (e.kind) {
    case 'unary':
      return isFloat ? floatUnary(s, e, into) : integerUnary(s, e, into);
    case 'binary':
      return isFloat ? floatBinary(s, e, into) : integerBinary(s, e, into);
    case 'fma':
      return multiplyAdd(s, e, into);
    case 'select':
      return select(s, e, into);
    case 'convert':
      return convert(s, e, into);
    default:
      throw new InternalError(`arm64: no ${e.kind} of ${e.type}`);
  }
}

function floatUnary(s: Arm64Selector, e: Of<'unary'>, into: Value | undefined): Value {
  if (e.op === 'not') throw new InternalError('arm64: no not of f32v');
  const x = s.evaluate(e.a);
  const out = s.result('f32v', into);
  s.two(FLOAT_UNARY[e.op], out, x);
  return out;
}

function floatBinary(s: Arm64Selector, e: Binary, into: Value | undefined): Value {
  if (!(e.op in FLOAT_BINARY)) throw new InternalError(`arm64: no ${e.op} of f32v`);
  if (e.op === 'mul') {
    const factors = byElement(s, e.a, e.b);
    if (factors !== undefined) {
      const out = s.result('f32v', into);
      s.push([out], [factors.vector, factors.scalar], (to, x, y) => {
        s.assembler.byElement('fmul', to, x, y, 0);
      });
      return out;
    }
  }
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const out = s.result('f32v', into);
  s.three(FLOAT_BINARY[e.op as keyof typeof FLOAT_BINARY], out, a, b);
  return out;
}

/** A product with a number that is the same in all lanes, which is then held as a scalar. */
function byElement(
  s: Arm64Selector,
  a: Expr,
  b: Expr,
): { readonly vector: Value; readonly scalar: Value } | undefined {
  const scalarOf = (e: Expr): Value | undefined => {
    const held = e.kind === 'local' ? s.read(e.local) : undefined;
    if (s.isFactor(held)) return held;
    const scalar = spreadScalar(e);
    return scalar === undefined ? undefined : s.evaluate(scalar);
  };
  const first = scalarOf(a);
  if (first !== undefined) return { scalar: first, vector: s.evaluate(b) };
  const second = scalarOf(b);
  return second === undefined ? undefined : { scalar: second, vector: s.evaluate(a) };
}

/** The instruction adds to what is in its result's register: the sum is put there first. */
function multiplyAdd(s: Arm64Selector, e: Of<'fma'>, into: Value | undefined): Value {
  const { assembler } = s;
  const factors = byElement(s, e.a, e.b);
  const x = factors?.vector ?? s.evaluate(e.a);
  const y = factors?.scalar ?? s.evaluate(e.b);
  const sum = s.evaluate(e.c);
  const out = into === sum ? into : s.resultBeside('f32v', into, [x, y]);
  s.move(out, sum);
  s.push([out], [out, x, y], (to, _sum, n, m) => {
    if (factors === undefined) assembler.three('fmla', to, n, m);
    else assembler.byElement('fmla', to, n, m, 0);
  });
  return out === into ? out : s.deliver(out, into);
}

const INTEGER_UNARY = { neg: 'neg', abs: 'abs' } as const;

function integerUnary(s: Arm64Selector, e: Of<'unary'>, into: Value | undefined): Value {
  const x = s.evaluate(e.a);
  const out = s.result(e.type, into);
  if (e.op === 'not') invert(s, out, x);
  else if (e.op in INTEGER_UNARY) s.two(INTEGER_UNARY[e.op as keyof typeof INTEGER_UNARY], out, x);
  else throw new InternalError(`arm64: no ${e.op} of i32v`);
  return out;
}

function invert(s: Arm64Selector, out: Value, x: Value): void {
  s.push([out], [x], (to, from) => {
    s.assembler.vectorNot(to, from);
  });
}

const INTEGER = {
  add: 'add',
  sub: 'sub',
  mul: 'mul',
  minS: 'smin',
  minU: 'umin',
  maxS: 'smax',
  maxU: 'umax',
} as const;

const LOGICAL = { and: 'and', or: 'orr', xor: 'eor' } as const;

function integerBinary(s: Arm64Selector, e: Binary, into: Value | undefined): Value {
  const { op } = e;
  if (op === 'shl' || op === 'shrS' || op === 'shrU') return shift(s, op, e, into);
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const out = s.result(e.type, into);
  if (op in INTEGER) s.three(INTEGER[op as keyof typeof INTEGER], out, a, b);
  else if (op in LOGICAL) logical(s, LOGICAL[op as keyof typeof LOGICAL], out, a, b);
  else throw new InternalError(`arm64: no ${op} of i32v`);
  return out;
}

function logical(s: Arm64Selector, op: 'and' | 'orr' | 'eor', out: Value, a: Value, b: Value): void {
  s.push([out], [a, b], (to, x, y) => {
    s.assembler.vectorLogical(op, to, x, y);
  });
}

const SHIFT = { shl: 'shl', shrS: 'sshr', shrU: 'ushr' } as const;

/** By counts in registers the machine shifts to the left only; a negative count is one to the right. */
function shift(s: Arm64Selector, op: keyof typeof SHIFT, e: Binary, into: Value | undefined): Value {
  const { assembler } = s;
  const x = s.evaluate(e.a);
  if (e.b.kind === 'const') {
    const count = e.b.value & 31;
    if (count === 0) return s.deliver(x, into);
    const out = s.result('i32v', into);
    s.push([out], [x], (to, from) => {
      assembler.vectorShift(SHIFT[op], to, from, count);
    });
    return out;
  }
  const count = s.evaluate(e.b);
  const counts = s.value('vector');
  s.push([counts], [count], (to, from) => {
    assembler.logicalImmediate('and', SCRATCH, from, 31);
    if (op !== 'shl') assembler.arithmetic('sub', SCRATCH, ZERO, SCRATCH);
    assembler.duplicateGeneral(to, SCRATCH);
  });
  const out = s.result('i32v', into);
  s.three(op === 'shrS' ? 'sshl' : 'ushl', out, x, counts);
  return out;
}

/** One instruction overwrites the mask with the choice, another one the second side: whichever is needed no more saves a move. */
function select(s: Arm64Selector, e: Of<'select'>, into: Value | undefined): Value {
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const condition = s.evaluate(e.condition);
  const overMask = e.condition.kind !== 'local' && into !== b;
  const [kept, ...others] = overMask ? ([condition, a, b] as const) : ([b, a, condition] as const);
  const out = into === kept ? into : s.resultBeside(e.type, into, others);
  s.move(out, kept);
  s.push([out], [out, ...others], (to, _kept, n, m) => {
    s.assembler.vectorLogical(overMask ? 'bsl' : 'bit', to, n, m);
  });
  return out === into ? out : s.deliver(out, into);
}

function convert(s: Arm64Selector, e: Of<'convert'>, into: Value | undefined): Value {
  if (e.op === 'bits') return s.evaluate(e.a, into);
  const x = s.evaluate(e.a);
  const out = s.result(e.type, into);
  switch (e.op) {
    case 'maskToInt':
      s.push([out], [x], (to, from) => {
        s.assembler.vectorShift('ushr', to, from, 31);
      });
      return out;
    case 'fromS':
      s.two('scvtf', out, x);
      return out;
    case 'fromU':
      s.two('ucvtf', out, x);
      return out;
    // Both saturate and make 0 of NaN.
    case 'toS':
      s.two('fcvtzs', out, x);
      return out;
    case 'toU':
      s.two('fcvtzu', out, x);
      return out;
    default:
      throw new InternalError(`arm64: no conversion ${e.op} to ${e.type}`);
  }
}

// Masks

interface Comparison {
  readonly op: keyof typeof VECTOR_THREE;
  /** There is "greater" only. */
  readonly swap?: boolean;
  readonly not?: boolean;
}

const FLOAT_COMPARISON: Partial<Record<CompareOp, Comparison>> = {
  eq: { op: 'fcmeq' },
  ne: { op: 'fcmeq', not: true },
  gt: { op: 'fcmgt' },
  ge: { op: 'fcmge' },
  lt: { op: 'fcmgt', swap: true },
  le: { op: 'fcmge', swap: true },
};

const INTEGER_COMPARISON: Readonly<Record<CompareOp, Comparison>> = {
  eq: { op: 'cmeq' },
  ne: { op: 'cmeq', not: true },
  gt: { op: 'cmgt' },
  ge: { op: 'cmge' },
  lt: { op: 'cmgt', swap: true },
  le: { op: 'cmge', swap: true },
  gtU: { op: 'cmhi' },
  geU: { op: 'cmhs' },
  ltU: { op: 'cmhi', swap: true },
  leU: { op: 'cmhs', swap: true },
};

function compare(s: Arm64Selector, e: Of<'compare'>, into: Value | undefined): Value {
  const isFloat = e.a.type === 'f32v';
  const comparison = isFloat ? FLOAT_COMPARISON[e.op] : INTEGER_COMPARISON[e.op];
  if (comparison === undefined) throw new InternalError(`arm64: no ${e.op} of f32v`);
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const { op, swap = false, not = false } = comparison;
  const out = s.result('maskv', into);
  const positive = not ? s.value('vector') : out;
  s.three(op, positive, swap ? b : a, swap ? a : b);
  if (not) invert(s, out, positive);
  return out;
}

export function evaluateMask(s: Arm64Selector, e: Expr, into: Value | undefined): Value {
  switch (e.kind) {
    case 'compare':
      return compare(s, e, into);
    case 'unary': {
      if (e.op !== 'not') throw new InternalError(`arm64: no ${e.op} of masks`);
      const x = s.evaluate(e.a);
      const out = s.result('maskv', into);
      invert(s, out, x);
      return out;
    }
    case 'binary': {
      const { op } = e;
      if (op !== 'and' && op !== 'or' && op !== 'xor') throw new InternalError(`arm64: no ${op} of masks`);
      const a = s.evaluate(e.a);
      const b = s.evaluate(e.b);
      const out = s.result('maskv', into);
      logical(s, LOGICAL[op], out, a, b);
      return out;
    }
    case 'select':
      return select(s, e, into);
    default:
      throw new InternalError(`arm64: no ${e.kind} of masks`);
  }
}

/** All lanes as a scalar truth value says. */
export function splatTruth(s: Arm64Selector, truth: Expr, into: Value | undefined): Value {
  if (truth.kind === 'const') return s.deliver(s.pattern(truth.value === 0 ? 0 : -1), into);
  const x = s.evaluate(truth);
  const out = s.result('maskv', into);
  s.push([out], [x], (to, from) => {
    s.assembler.arithmetic('sub', SCRATCH, ZERO, from);
    s.assembler.duplicateGeneral(to, SCRATCH);
  });
  return out;
}
