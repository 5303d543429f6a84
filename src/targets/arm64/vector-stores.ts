/** Stores of vectors: all lanes, or the first ones. */
import { InternalError } from '../../core/errors.js';
import { ELEMENT_BYTES, type Element, type Expr, type Statement } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { addressInRegister, type Place } from './addresses.js';
import { Label } from './code-buffer.js';
import { SCRATCH, type Arm64Selector } from './selector.js';

const LANES = 4;

/** Registers of four, two and one elements. */
const WIDTHS = { 4: ['q', 'd', 's'], 2: ['d', 's', 'h'], 1: ['s', 'h', 'b'] } as const;

export function storeVector(s: Arm64Selector, store: Extract<Statement, { kind: 'store' }>): void {
  const { assembler } = s;
  const { element, count } = store;
  if (element === 'f64') throw new InternalError('arm64: no vectors of f64');
  const bytes = ELEMENT_BYTES[element];
  const from = narrowed(s, element, s.evaluate(store.value));
  const place = s.memory(store.address, store.offset, LANES * bytes);
  if (count === undefined || (count.kind === 'const' && count.value >= LANES)) {
    const [all] = widthsOf(element);
    s.push([], [from, ...place.reads], (...registers) => {
      assembler.access('store', all, registers[0] ?? 0, place.at(registers, 1));
    });
  } else if (count.kind === 'const') storeKnown(s, from, place, element, count.value);
  else storeUnknown(s, from, place, element, count);
}

function widthsOf(element: Element): (typeof WIDTHS)[1 | 2 | 4] {
  const bytes = ELEMENT_BYTES[element];
  return WIDTHS[bytes === 1 || bytes === 2 ? bytes : 4];
}

/** The low bits of all lanes, next to each other. */
function narrowed(s: Arm64Selector, element: Element, x: Value): Value {
  const { assembler } = s;
  const bytes = ELEMENT_BYTES[element];
  if (bytes === 4) return x;
  const out = s.value('vector');
  s.push([out], [x], (to, from) => {
    assembler.resize('xtn16', to, from);
    if (bytes === 1) assembler.resize('xtn8', to, to);
  });
  return out;
}

/** Of four lanes that do not all count: two, if there are as many, then what follows these. */
function storeKnown(s: Arm64Selector, from: Value, place: Place, element: Element, count: number): void {
  const { assembler } = s;
  const [, two, one] = widthsOf(element);
  if (count <= 0) return;
  s.push([], [from, ...place.reads], (...registers) => {
    const [register = 0] = registers;
    const address = addressInRegister(assembler, place.at(registers, 1));
    const at = { base: address, offset: 0 };
    assembler.access('store', count >= 2 ? two : one, register, at);
    if (count < 3) return;
    const bytes = ELEMENT_BYTES[element];
    assembler.arithmeticImmediate('add', SCRATCH, address, 2 * bytes, true);
    assembler.storeLane(bytes === 1 ? 'b' : bytes === 2 ? 'h' : 's', register, 2, SCRATCH);
  });
}

function storeUnknown(s: Arm64Selector, from: Value, place: Place, element: Element, count: Expr): void {
  const { assembler } = s;
  const [all, two, one] = widthsOf(element);
  const bytes = ELEMENT_BYTES[element];
  const limit = s.evaluate(count);
  const rest = s.value('vector');
  s.push(
    [rest],
    [from, limit, ...place.reads],
    (...registers) => {
      const [left = 0, register = 0, lanes = 0] = registers;
      const some = new Label();
      const few = new Label();
      const done = new Label();
      const address = addressInRegister(assembler, place.at(registers, 3));
      assembler.moveVector(left, register);
      if (address !== SCRATCH) assembler.move(SCRATCH, address, true);
      assembler.jumpIfBitClear(lanes, 2, some);
      assembler.access('store', all, register, { base: SCRATCH, offset: 0 });
      assembler.jump(done);
      assembler.bind(some);
      assembler.jumpIfBitClear(lanes, 1, few);
      assembler.access('store', two, register, { base: SCRATCH, offset: 0 });
      assembler.arithmeticImmediate('add', SCRATCH, SCRATCH, 2 * bytes, true);
      assembler.extract(left, register, register, 2 * bytes);
      assembler.bind(few);
      assembler.jumpIfBitClear(lanes, 0, done);
      assembler.access('store', one, left, { base: SCRATCH, offset: 0 });
      assembler.bind(done);
    },
    true,
  );
}
