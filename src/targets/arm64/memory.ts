/** Loads, and stores of scalars. */
import { InternalError } from '../../core/errors.js';
import { ELEMENT_BYTES, isVector, type Element, type Expr, type Statement } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { ZERO } from './assembler.js';
import type { Access, VECTOR_RESIZE } from './instructions.js';
import type { Arm64Selector } from './selector.js';

const SCALAR: Readonly<Record<Element, Access>> = {
  f32: 's',
  f64: 'd',
  i32: 'w',
  u8: 'u8',
  i8: 'i8',
  u16: 'u16',
};

/** Four elements: the register that they fit in, and how they are made as wide as lanes. */
const VECTOR: Readonly<Record<Element, { access: Access; widen: readonly (keyof typeof VECTOR_RESIZE)[] }>> =
  {
    f32: { access: 'q', widen: [] },
    i32: { access: 'q', widen: [] },
    u16: { access: 'd', widen: ['uxtl16'] },
    u8: { access: 's', widen: ['uxtl8', 'uxtl16'] },
    i8: { access: 's', widen: ['sxtl8', 'sxtl16'] },
    f64: { access: 'q', widen: [] },
  };

export function evaluateLoad(
  s: Arm64Selector,
  e: Extract<Expr, { kind: 'load' }>,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  if (e.mask !== undefined) throw new InternalError('arm64: no masked loads');
  const vector = isVector(e.type);
  if (vector && e.element === 'f64') throw new InternalError('arm64: no vectors of f64');
  const { access, widen } = vector ? VECTOR[e.element] : { access: SCALAR[e.element], widen: [] };
  const place = s.memory(e.address, e.offset, ELEMENT_BYTES[e.element] * (vector ? 4 : 1));
  const out = s.result(e.type, into);
  s.push([out], place.reads, (...registers) => {
    const [to = 0] = registers;
    assembler.access('load', access, to, place.at(registers, 1));
    for (const each of widen) assembler.resize(each, to, to);
  });
  return out;
}

export function storeScalar(
  s: Arm64Selector,
  { address, offset, value, element }: Extract<Statement, { kind: 'store' }>,
): void {
  const { assembler } = s;
  const bytes = ELEMENT_BYTES[element];
  const isZero = value.kind === 'const' && value.type === 'i32' && value.value === 0;
  const from = isZero ? [] : [s.evaluate(value)];
  const place = s.memory(address, offset, bytes);
  // Floats and integers of four bytes share their places in memory: the value says which of the two it is.
  const access =
    value.type === 'f64' ? 'd' : value.type === 'f32' ? 's' : bytes === 4 ? 'w' : SCALAR[element];
  s.push([], [...from, ...place.reads], (...registers) => {
    const register = isZero ? ZERO : (registers[0] ?? 0);
    assembler.access('store', access, register, place.at(registers, from.length));
  });
}
