/** Sums, products and quotients of i32. */
import { InternalError } from '../../core/errors.js';
import type { Expr } from '../cpu/ir.js';
import { instruction, type Value } from '../native/machine-code.js';
import type { Assembler } from './assembler.js';
import { isArithmeticImmediate } from './immediates.js';
import { SCRATCH, SCRATCH2, type Arm64Selector } from './selector.js';

type Binary = Extract<Expr, { kind: 'binary' }>;

const isPowerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0;
const log2 = (n: number): number => 31 - Math.clz32(n);

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

/** One or a few instructions that take two registers. */
export function plain(
  s: Arm64Selector,
  e: Binary,
  into: Value | undefined,
  encode: (to: number, x: number, y: number) => void,
): Value {
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const out = s.result('i32', into);
  s.push([out], [a, b], (to, x, y) => {
    encode(to, x, y);
  });
  return out;
}

export function plusConstant(s: Arm64Selector, a: Expr, value: number, into: Value | undefined): Value {
  const x = s.evaluate(a);
  const out = s.result('i32', into);
  s.push([out], [x], (to, from) => {
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
export function sum(
  s: Arm64Selector,
  op: 'add' | 'sub',
  left: Expr,
  right: Expr,
  into: Value | undefined,
): Value {
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
      s.push([out], [a, b], (to, x, y) => {
        assembler.arithmetic(op, to, x, y, shifted.shift);
      });
      return out;
    }
    if (term.kind === 'binary' && term.op === 'mul' && term.a.kind !== 'const' && term.b.kind !== 'const') {
      const addend = s.evaluate(other);
      const a = s.evaluate(term.a);
      const b = s.evaluate(term.b);
      const out = s.result('i32', into);
      s.push([out], [addend, a, b], (to, z, x, y) => {
        assembler.multiply(op === 'add' ? 'madd' : 'msub', to, x, y, z);
      });
      return out;
    }
  }
  const a = s.evaluate(left);
  const b = s.evaluate(right);
  const out = s.result('i32', into);
  s.push([out], [a, b], (to, x, y) => {
    assembler.arithmetic(op, to, x, y);
  });
  return out;
}

export function timesConstant(s: Arm64Selector, a: Expr, value: number, into: Value | undefined): Value {
  const { assembler } = s;
  const x = s.evaluate(a);
  const out = s.result('i32', into);
  s.push([out], [x], (to, from) => {
    if (isPowerOfTwo(value)) assembler.shiftConstant('lsl', to, from, log2(value));
    else if (isPowerOfTwo(value - 1)) assembler.arithmetic('add', to, from, from, log2(value - 1));
    else {
      assembler.moveConstant(SCRATCH, value);
      assembler.multiply('madd', to, from, SCRATCH);
    }
  });
  return out;
}

/** floor(2^64 / by) + 1: the upper half of n times it is n / by for every n below 2^32, as the error stays below 1 / by. */
const multiplier = (by: number): bigint => (1n << 64n) / BigInt(by) + 1n;

export function divideByConstant(
  s: Arm64Selector,
  op: 'divU' | 'remU',
  a: Expr,
  by: number,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  if (by === 0) throw new InternalError('arm64: a division by the constant 0');
  const x = s.evaluate(a);
  if (isPowerOfTwo(by)) {
    const out = s.result('i32', into);
    const bits = log2(by);
    s.push([out], [x], (to, from) => {
      if (op === 'divU') assembler.shiftConstant('lsr', to, from, bits);
      else if (by === 1) assembler.moveConstant(to, 0);
      else assembler.logicalImmediate('and', to, from, by - 1);
    });
    return out;
  }
  const factor = s.constant(`general ${by}`, 'general', (target) =>
    instruction([target], [], (to) => {
      assembler.moveConstant64(to, multiplier(by));
    }),
  );
  const out = s.result('i32', into);
  s.push([out], [x, factor], (to, from, m) => {
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

export function divide(s: Arm64Selector, op: 'udiv' | 'sdiv', e: Binary, into: Value | undefined): Value {
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
