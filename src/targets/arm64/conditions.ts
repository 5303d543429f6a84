/** Comparisons of scalars, and truth values that decide something. */
import { InternalError } from '../../core/errors.js';
import type { CompareOp, Expr } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { ZERO, type Assembler } from './assembler.js';
import { isArithmeticImmediate } from './immediates.js';
import { CONDITION, type Condition } from './instructions.js';
import { SCRATCH, type Arm64Selector } from './selector.js';

type Of<K extends Expr['kind']> = Extract<Expr, { kind: K }>;

const INTEGER_CONDITION: Readonly<Record<CompareOp, Condition>> = {
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

/** Comparing with NaN sets C and V only: of the conditions for "less", the ones here are then false, and lt and le, which look at V, true. */
const FLOAT_CONDITION: Partial<Record<CompareOp, Condition>> = {
  eq: CONDITION.equal,
  ne: CONDITION.notEqual,
  lt: CONDITION.minus,
  le: CONDITION.belowOrEqual,
  gt: CONDITION.greater,
  ge: CONDITION.greaterOrEqual,
};

/** Something that sets the flags: what it reads, and its code, given registers from `first` on. */
export interface Test {
  readonly reads: Value[];
  readonly encode: (registers: readonly number[], first: number) => void;
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
function emitCompare(s: Arm64Selector, { a, b }: Of<'compare'>): Test {
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

/** A comparison of two floats that sets the flags. */
function emitFloatCompare(s: Arm64Selector, { a, b }: Of<'compare'>): Test {
  return {
    reads: [s.evaluate(a), s.evaluate(b)],
    encode: (registers, first) => {
      s.assembler.floatCompare(
        a.type === 'f64' ? 'f64' : 'f32',
        registers[first] ?? 0,
        registers[first + 1] ?? 0,
      );
    },
  };
}
