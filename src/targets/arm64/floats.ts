/** Scalars of f32 and f64, in the lowest lane of a vector register; what is above them means nothing. */
import { InternalError } from '../../core/errors.js';
import { floatBits } from '../cpu/bits.js';
import type { Expr } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { emitCondition } from './conditions.js';
import type { Arm64Selector } from './selector.js';
import type { Float } from './vector-assembler.js';

type Of<K extends Expr['kind']> = Extract<Expr, { kind: K }>;

/** Names of what f32 and f64 have in common with vectors. */
export const FLOAT_UNARY = {
  neg: 'fneg',
  abs: 'fabs',
  sqrt: 'fsqrt',
  floor: 'frintm',
  ceil: 'frintp',
  trunc: 'frintz',
  nearest: 'frintn',
} as const;

/** min and max give NaN if either side is NaN, and order zeros by their signs, as the loop IR wants it. */
export const FLOAT_BINARY = {
  add: 'fadd',
  sub: 'fsub',
  mul: 'fmul',
  div: 'fdiv',
  min: 'fmin',
  max: 'fmax',
} as const;

const typeOf = (e: Expr): Float => (e.type === 'f64' ? 'f64' : 'f32');

export function evaluateFloat(s: Arm64Selector, e: Expr, into: Value | undefined): Value {
  const { assembler } = s;
  const type = typeOf(e);
  switch (e.kind) {
    case 'const': {
      if (into !== undefined && Object.is(e.value, 0)) {
        s.clear(into);
        return into;
      }
      return s.deliver(type === 'f64' ? s.double(e.value) : s.pattern(floatBits(e.value)), into);
    }
    case 'unary': {
      if (e.op === 'not') throw new InternalError(`arm64: no not of ${type}`);
      const op = FLOAT_UNARY[e.op];
      const x = s.evaluate(e.a);
      const out = s.result(type, into);
      s.push([out], [x], (to, from) => {
        assembler.floatOne(op, type, to, from);
      });
      return out;
    }
    case 'binary': {
      if (!(e.op in FLOAT_BINARY)) throw new InternalError(`arm64: no ${e.op} of ${type}`);
      const op = FLOAT_BINARY[e.op as keyof typeof FLOAT_BINARY];
      const a = s.evaluate(e.a);
      const b = s.evaluate(e.b);
      const out = s.result(type, into);
      s.push([out], [a, b], (to, x, y) => {
        assembler.floatTwo(op, type, to, x, y);
      });
      return out;
    }
    case 'fma': {
      const a = s.evaluate(e.a);
      const b = s.evaluate(e.b);
      const c = s.evaluate(e.c);
      const out = s.result(type, into);
      s.push([out], [c, a, b], (to, z, x, y) => {
        assembler.floatMultiplyAdd(type, to, x, y, z);
      });
      return out;
    }
    case 'select': {
      const a = s.evaluate(e.a);
      const b = s.evaluate(e.b);
      const test = emitCondition(s, e.condition);
      const out = s.result(type, into);
      s.push([out], [a, b, ...test.reads], (...registers) => {
        const [to = 0, x = 0, y = 0] = registers;
        test.encode(registers, 3);
        assembler.floatSelect(type, to, x, y, test.code);
      });
      return out;
    }
    case 'convert':
      return convert(s, e, type, into);
    default:
      throw new InternalError(`arm64: no ${e.kind} of ${type}`);
  }
}

function convert(s: Arm64Selector, e: Of<'convert'>, type: Float, into: Value | undefined): Value {
  const { assembler } = s;
  const x = s.evaluate(e.a);
  const out = s.result(type, into);
  s.push([out], [x], (to, from) => {
    if (e.op === 'bits') assembler.fromGeneral(to, from);
    else if (e.op === 'fromS') assembler.floatGeneral('scvtf', type, to, from);
    else if (e.op === 'fromU') assembler.floatGeneral('ucvtf', type, to, from);
    else if (e.op === 'widen') assembler.widen(to, from);
    else if (e.op === 'narrow') assembler.narrow(to, from);
    else throw new InternalError(`arm64: no conversion ${e.op} to ${type}`);
  });
  return out;
}
