/** Scalars of i32, among them truth values. */
import { InternalError } from '../../core/errors.js';
import type { Expr } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { addressInRegister } from './addresses.js';
import { divide, divideByConstant, plain, plusConstant, sum, timesConstant } from './arithmetic.js';
import { ZERO } from './assembler.js';
import { Label } from './code-buffer.js';
import { compareConstant, emitCondition } from './conditions.js';
import { CONDITION } from './instructions.js';
import { SCRATCH, SCRATCH2, type Arm64Selector } from './selector.js';

type Of<K extends Expr['kind']> = Extract<Expr, { kind: K }>;
type Binary = Of<'binary'>;

export function evaluateInteger(s: Arm64Selector, e: Expr, into: Value | undefined): Value {
  const { assembler } = s;
  switch (e.kind) {
    case 'const': {
      const out = s.result('i32', into);
      s.push([out], [], (to) => {
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
      s.push([out], test.reads, (...registers) => {
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
      s.push([out], [a, b, ...test.reads], (...registers) => {
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
  s.push([out], [x], (to, from) => {
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

function logical(s: Arm64Selector, op: 'and' | 'orr' | 'eor', e: Binary, into: Value | undefined): Value {
  const { assembler } = s;
  if (e.b.kind !== 'const')
    return plain(s, e, into, (to, x, y) => {
      assembler.logical(op, to, x, y);
    });
  const value = e.b.value | 0;
  const x = s.evaluate(e.a);
  const out = s.result('i32', into);
  s.push([out], [x], (to, from) => {
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
  s.push([out], [x], (to, from) => {
    assembler.shiftConstant(op, to, from, count);
  });
  return out;
}

function convert(s: Arm64Selector, e: Of<'convert'>, into: Value | undefined): Value {
  const { assembler } = s;
  // A scalar truth value is an i32 already.
  if (e.op === 'maskToInt') return s.evaluate(e.a, into);
  const x = s.evaluate(e.a);
  const out = s.result('i32', into);
  const type = e.a.type === 'f64' ? 'f64' : 'f32';
  s.push([out], [x], (to, from) => {
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
    (...registers) => {
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
