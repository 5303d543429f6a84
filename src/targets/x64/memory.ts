/** Loads and stores. Addresses are 32-bit places in the heap, whose own address is in a register. */
import { InternalError } from '../../core/errors.js';
import { add, ELEMENT_BYTES, i32, isVector, type Element, type Expr, type Statement } from '../cpu/ir.js';
import { instruction, type Value } from '../native/machine-code.js';
import { CONDITION, Label, RAX, type Memory } from './assembler.js';
import { gather } from './lanes.js';
import { HEAP, type X64Selector } from './selector.js';
import { maskOfFirst } from './masks.js';
import { VECTOR, type VectorOp } from './vector-ops.js';

type Load = Extract<Expr, { kind: 'load' }>;
type Store = Extract<Statement, { kind: 'store' }>;

/** A place in memory: what its address reads, and the operand, given registers from `first` on. */
export interface Place {
  readonly reads: Value[];
  readonly at: (registers: readonly number[], first: number) => Memory;
}

export function memoryAt(s: X64Selector, address: Expr, offset: number): Place {
  if (address.kind === 'const') {
    const displacement = (address.value >>> 0) + offset;
    return { reads: [], at: () => ({ base: HEAP, displacement }) };
  }
  return {
    reads: [s.evaluate(address)],
    at: (registers, first) => ({ base: HEAP, index: registers[first] ?? 0, displacement: offset }),
  };
}

const WIDEN: Partial<Record<Element, VectorOp>> = {
  u8: VECTOR.widenU8,
  i8: VECTOR.widenI8,
  u16: VECTOR.widenU16,
};

export function evaluateLoad(s: X64Selector, e: Load, into: Value | undefined): Value {
  const { assembler } = s;
  if (e.mask !== undefined) return loadMasked(s, e, e.mask, into);
  const place = memoryAt(s, e.address, e.offset);
  const out = s.result(e.type, into);
  const length = s.lengthOf(e.type);
  s.push([out], place.reads, (...registers) => {
    const to = registers[0] ?? 0;
    const from = place.at(registers, 1);
    if (isVector(e.type)) assembler.vector(WIDEN[e.element] ?? VECTOR.load, length, to, 0, from);
    else if (e.element === 'f32') assembler.vector(VECTOR.loadF32, 0, to, 0, from);
    else if (e.element === 'f64') assembler.vector(VECTOR.loadF64, 0, to, 0, from);
    else if (e.element === 'i32') assembler.load(to, from);
    else if (e.element === 'u16') assembler.loadWord(to, from);
    else assembler.loadByte(to, from, e.element === 'i8');
  });
  return out;
}

function loadMasked(s: X64Selector, e: Load, mask: Expr, into: Value | undefined): Value {
  const { assembler, features, length } = s;
  const narrow = ELEMENT_BYTES[e.element] < 4;
  if (narrow && !features.avx512) {
    const distances = s.words(
      Array.from({ length: s.lanes }, (_, lane) => lane * ELEMENT_BYTES[e.element]),
      length,
    );
    const address = e.offset === 0 ? e.address : add(e.address, i32(e.offset));
    return gather(s, e.element, { base: address, index: distances, scale: 0, mask }, into);
  }
  const selected = s.evaluate(mask);
  const place = memoryAt(s, e.address, e.offset);
  const out = s.result(e.type, into);
  s.push([out], [selected, ...place.reads], (...registers) => {
    const [to = 0, lanes = 0] = registers;
    const from = place.at(registers, 2);
    if (features.avx512)
      assembler.vector(WIDEN[e.element] ?? VECTOR.load, length, to, 0, from, { mask: lanes, zero: true });
    else assembler.vector(VECTOR.loadMasked, length, to, lanes, from);
  });
  return out;
}

/** Lanes to places of their own; only with AVX-512. */
export function scatter(s: X64Selector, e: Extract<Statement, { kind: 'scatter' }>): void {
  const { assembler } = s;
  if (!s.features.avx512) throw new InternalError('x64: no scattered stores without AVX-512');
  const index = s.evaluate(e.index);
  const value = s.evaluate(e.value);
  const place = memoryAt(s, e.base, 0);
  const all = e.count === undefined ? undefined : maskOfFirst(s, e.count);
  const mask = s.value('mask');
  s.machine.push(
    instruction(
      [mask],
      [index, value, ...(all === undefined ? [] : [all]), ...place.reads],
      (...registers) => {
        const [lanes = 0, at = 0, from = 0, some = 0] = registers;
        assembler.loadAddress(RAX, place.at(registers, all === undefined ? 3 : 4), true);
        // The instruction clears its mask as it goes.
        if (all === undefined) assembler.maskInstruction(0x46, 0, true, lanes, lanes, lanes);
        else assembler.maskInstruction(0x90, 0, false, lanes, 0, some);
        assembler.vector(
          VECTOR.scatter,
          s.length,
          from,
          0,
          { base: RAX, index: at, scale: 2, displacement: 0 },
          { mask: lanes },
        );
      },
      { early: true },
    ),
  );
}

export function storeScalar(s: X64Selector, { address, offset, value, element }: Store): void {
  const { assembler } = s;
  const place = memoryAt(s, address, offset);
  if (value.kind === 'const' && value.type === 'i32' && ELEMENT_BYTES[element] === 4) {
    s.push([], place.reads, (...registers) => {
      assembler.storeConstant(place.at(registers, 0), value.value);
    });
    return;
  }
  const from = s.evaluate(value);
  s.push([], [from, ...place.reads], (...registers) => {
    const register = registers[0] ?? 0;
    const to = place.at(registers, 1);
    // Floats and integers of four bytes share their places in memory: the value says which of the two it is.
    if (value.type === 'f64') assembler.vector(VECTOR.storeF64, 0, register, 0, to);
    else if (value.type === 'f32') assembler.vector(VECTOR.storeF32, 0, register, 0, to);
    else if (ELEMENT_BYTES[element] === 4) assembler.store(to, register);
    else if (element === 'u16') assembler.storeWord(to, register);
    else assembler.storeByte(to, register);
  });
}

export function storeVector(s: X64Selector, store: Store): void {
  const { element, count } = store;
  const from = s.evaluate(store.value);
  const place = memoryAt(s, store.address, store.offset);
  if (element === 'f64') throw new InternalError('x64: no vectors of f64');
  // What its lanes hold depends on the machine.
  if (store.value.type === 'maskv') throw new InternalError('x64: a mask cannot be stored');
  if (count !== undefined && !(count.kind === 'const' && count.value >= s.lanes)) {
    storeFirstLanes(s, from, place, element, count);
    return;
  }
  if (ELEMENT_BYTES[element] === 4) {
    s.push([], [from, ...place.reads], (...registers) => {
      s.assembler.vector(VECTOR.store, s.length, registers[0] ?? 0, 0, place.at(registers, 1));
    });
  } else if (s.features.avx512) {
    const op = element === 'u16' ? VECTOR.narrowToU16 : VECTOR.narrowToU8;
    s.push([], [from, ...place.reads], (...registers) => {
      s.assembler.vector(op, s.length, registers[0] ?? 0, 0, place.at(registers, 1));
    });
  } else storeNarrow(s, from, place, element);
}

/** The low bytes of all lanes, next to each other: gathered in each half, then written half by half. */
function storeNarrow(s: X64Selector, from: Value, place: Place, element: Element): void {
  const { assembler } = s;
  const bytes = ELEMENT_BYTES[element];
  const half = 4 * bytes;
  const order = [0, 1, 2, 3].map((word) => {
    let selected = 0;
    for (let n = 0; n < 4; n++) {
      const at = word * 4 + n;
      const source = at < half ? Math.floor(at / bytes) * 4 + (at % bytes) : 0x80;
      selected |= source << (8 * n);
    }
    return selected;
  });
  const gathered = s.value('vector');
  const length = s.length;
  s.binary(
    VECTOR.shuffleBytes,
    length,
    gathered,
    from,
    s.words(length === 1 ? [...order, ...order] : order, length),
  );
  const halves = [gathered];
  if (length === 1) {
    const upper = s.value('vector');
    s.push([upper], [gathered], (to, x) => {
      assembler.vector(VECTOR.extract128, 1, x, 0, to, { immediate: 1 });
    });
    halves.push(upper);
  }
  halves.forEach((each, n) => {
    s.push([], [each, ...place.reads], (...registers) => {
      const to = place.at(registers, 1);
      const at = { ...to, displacement: to.displacement + n * half };
      assembler.vector(bytes === 1 ? VECTOR.toGeneral : VECTOR.toGeneral64, 0, registers[0] ?? 0, 0, at);
    });
  });
}

function storeFirstLanes(s: X64Selector, from: Value, place: Place, element: Element, count: Expr): void {
  const { assembler } = s;
  if (s.features.avx512) {
    const op =
      ELEMENT_BYTES[element] === 4
        ? VECTOR.store
        : element === 'u16'
          ? VECTOR.narrowToU16
          : VECTOR.narrowToU8;
    const mask = maskOfFirst(s, count);
    s.push([], [from, mask, ...place.reads], (...registers) => {
      assembler.vector(op, s.length, registers[0] ?? 0, 0, place.at(registers, 2), {
        mask: registers[1] ?? 0,
      });
    });
    return;
  }
  if (ELEMENT_BYTES[element] === 4) {
    const mask = maskOfFirst(s, count);
    s.push([], [from, mask, ...place.reads], (...registers) => {
      assembler.vector(
        VECTOR.storeMasked,
        s.length,
        registers[0] ?? 0,
        registers[1] ?? 0,
        place.at(registers, 2),
      );
    });
    return;
  }
  storeFirstNarrow(s, from, place, element, count);
}

/** Lane by lane: no instruction stores some bytes of a vector. */
function storeFirstNarrow(s: X64Selector, from: Value, place: Place, element: Element, count: Expr): void {
  const { assembler } = s;
  const most = count.kind === 'const' ? count.value : s.lanes;
  const counts = count.kind === 'const' ? [] : [s.evaluate(count)];
  const four = s.value('vector');
  s.push(
    [four],
    [from, ...counts, ...place.reads],
    (...registers) => {
      const [part = 0, x = 0, limit = 0] = registers;
      const at = place.at(registers, 2 + counts.length);
      const done = new Label();
      for (let lane = 0; lane < most; lane++) {
        if (counts.length > 0) {
          assembler.arithmeticConstant('cmp', limit, lane);
          assembler.jumpIf(CONDITION.lessOrEqual, done);
        }
        if (lane % 4 === 0) {
          if (s.length === 1) assembler.vector(VECTOR.extract128, 1, x, 0, part, { immediate: lane >> 2 });
          else s.moveVector(part, x);
        }
        const target = { ...at, displacement: at.displacement + lane * ELEMENT_BYTES[element] };
        assembler.vector(VECTOR.extractI32, 0, part, 0, RAX, { immediate: lane & 3 });
        if (element === 'u16') assembler.storeWord(target, RAX);
        else assembler.storeByte(target, RAX);
      }
      assembler.bind(done);
    },
    true,
  );
}
