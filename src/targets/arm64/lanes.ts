/** What brings lanes together: vectors from scattered elements or scalars, and scalars from the lanes of a vector. */
import { InternalError } from '../../core/errors.js';
import { laneBits } from '../cpu/bits.js';
import { ELEMENT_BYTES, type Element, type Expr } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { addressInRegister } from './addresses.js';
import { spreadScalar } from './factors.js';
import type { VECTOR_THREE } from './instructions.js';
import { SCRATCH, SCRATCH2, type Arm64Selector } from './selector.js';
import { splatTruth } from './vectors.js';

type Of<K extends Expr['kind']> = Extract<Expr, { kind: K }>;
type LaneExpr = Of<
  'loadSplat' | 'loadStrided' | 'gather' | 'lanes' | 'reduceLanes' | 'extract' | 'laneIndex' | 'splat'
>;

const LANES = 4;

export function evaluateLanes(s: Arm64Selector, e: LaneExpr, into: Value | undefined): Value {
  switch (e.kind) {
    case 'loadSplat':
      return loadSplat(s, e, into);
    case 'loadStrided':
      return loadStrided(s, e, into);
    case 'gather':
      return gather(s, e, into);
    case 'lanes':
      return joinLanes(s, e, into);
    case 'reduceLanes':
      return e.a.type === 'maskv' ? reduceMask(s, e, into) : reduceVector(s, e, into);
    case 'extract':
      return extract(s, e, into);
    case 'laneIndex':
      return s.deliver(s.words([0, 1, 2, 3]), into);
    case 'splat':
      return splat(s, e, into);
  }
}

/** Into a factor only the scalar goes. */
function toFactor(s: Arm64Selector, e: Expr, into: Value | undefined): Value | undefined {
  if (into === undefined || !s.isFactor(into)) return undefined;
  const scalar = spreadScalar(e);
  if (scalar === undefined) throw new InternalError('arm64: a vector is written to a factor');
  return s.evaluate(scalar, into);
}

function loadSplat(s: Arm64Selector, e: Of<'loadSplat'>, into: Value | undefined): Value {
  const factor = toFactor(s, e, into);
  if (factor !== undefined) return factor;
  const { assembler } = s;
  const place = s.memory(e.address, e.offset, 4);
  const out = s.result(e.type, into);
  s.push([out], place.reads, (...registers) => {
    const [to = 0] = registers;
    assembler.access('load', 's', to, place.at(registers, 1));
    assembler.duplicate(to, to, 0);
  });
  return out;
}

function splat(s: Arm64Selector, e: Of<'splat'>, into: Value | undefined): Value {
  const { assembler } = s;
  const factor = toFactor(s, e, into);
  if (factor !== undefined) return factor;
  if (e.type === 'maskv') return splatTruth(s, e.a, into);
  if (e.a.kind === 'const') {
    const bits = laneBits(e.a.type, e.a.value);
    if (into === undefined || bits !== 0) return s.deliver(s.pattern(bits), into);
    s.clear(into);
    return into;
  }
  const x = s.evaluate(e.a);
  const out = s.result(e.type, into);
  s.push([out], [x], (to, from) => {
    if (e.a.type === 'f32') assembler.duplicate(to, from, 0);
    else assembler.duplicateGeneral(to, from);
  });
  return out;
}

/** Where a narrow element of a lane goes: its lowest byte or half, with zeros above. */
const NARROW = { u8: 'b', i8: 'b', u16: 'h', i32: 's', f32: 's', f64: 'd' } as const;

/** The elements lie in their lanes with zeros above them; signed ones get their signs. */
function signed(s: Arm64Selector, element: Element, x: Value, into: Value | undefined): Value {
  if (element !== 'i8') return s.deliver(x, into);
  const out = s.result('i32v', into);
  s.push([out], [x], (to, from) => {
    s.assembler.vectorShift('shl', to, from, 24);
    s.assembler.vectorShift('sshr', to, to, 24);
  });
  return out;
}

function loadStrided(s: Arm64Selector, e: Of<'loadStrided'>, into: Value | undefined): Value {
  const { assembler } = s;
  const bytes = ELEMENT_BYTES[e.element];
  const wide = bytes === 4;
  if (e.stride === 1) return s.evaluate({ ...e, kind: 'load', offset: 0 }, into);
  if (e.stride === 0 && wide)
    return loadSplat(
      s,
      { ...e, kind: 'loadSplat', element: e.element === 'f32' ? 'f32' : 'i32', offset: 0 },
      into,
    );
  if (e.stride === 2 && wide) {
    // Reads four bytes beyond the last element it needs; the heap is padded for that.
    const [low, high] = [0, 16].map((offset) =>
      s.evaluate({ kind: 'load', type: e.type, element: e.element, address: e.address, offset }),
    ) as [Value, Value];
    const out = s.result(e.type, into);
    s.three('uzp1', out, low, high);
    return out;
  }
  const place = s.memory(e.address, 0, bytes);
  const out = into ?? s.value('vector');
  if (e.stride === -1 && wide) {
    s.push([out], place.reads, (...registers) => {
      const [to = 0] = registers;
      const address = addressInRegister(assembler, place.at(registers, 1));
      assembler.access('load', 'q', to, { base: address, offset: -12 });
      assembler.two('rev64', to, to);
      assembler.extract(to, to, to, 8);
    });
    return out;
  }
  const size = NARROW[e.element];
  const step = e.stride * bytes;
  const whole = e.element === 'i8' ? s.value('vector') : out;
  s.push([whole], place.reads, (...registers) => {
    const [to = 0] = registers;
    const address = addressInRegister(assembler, place.at(registers, 1));
    // The first load clears the register.
    assembler.access('load', size, to, { base: address, offset: 0 });
    assembler.moveConstant(SCRATCH2, step);
    assembler.addExtended(SCRATCH, address, SCRATCH2, 'sxtw');
    for (let lane = 1; lane < LANES; lane++) {
      assembler.loadLane(size, to, lane * (4 / bytes), SCRATCH);
      if (lane < LANES - 1) assembler.addExtended(SCRATCH, SCRATCH, SCRATCH2, 'sxtw');
    }
  });
  return e.element === 'i8' ? signed(s, e.element, whole, out) : out;
}

/** Lane by lane: there is no instruction for it. */
function gather(s: Arm64Selector, e: Of<'gather'>, into: Value | undefined): Value {
  const { assembler } = s;
  if (e.mask !== undefined) throw new InternalError('arm64: no masked gathers');
  const bytes = ELEMENT_BYTES[e.element];
  const scale = Math.log2(bytes);
  const size = NARROW[e.element];
  const index = s.evaluate(e.index);
  const place = s.memory(e.base, 0, bytes);
  const whole = e.element === 'i8' ? s.value('vector') : s.resultBeside(e.type, into, [index]);
  s.push(
    [whole],
    [index, ...place.reads],
    (...registers) => {
      const [to = 0, indices = 0] = registers;
      const base = addressInRegister(assembler, place.at(registers, 2));
      for (let lane = 0; lane < LANES; lane++) {
        assembler.laneToGeneral(SCRATCH2, indices, lane);
        assembler.addExtended(SCRATCH2, base, SCRATCH2, 'sxtw', scale);
        // The first load clears the register.
        if (lane === 0) assembler.access('load', size, to, { base: SCRATCH2, offset: 0 });
        else assembler.loadLane(size, to, lane * (4 / bytes), SCRATCH2);
      }
    },
    true,
  );
  return signed(s, e.element, whole, into);
}

function joinLanes(s: Arm64Selector, e: Of<'lanes'>, into: Value | undefined): Value {
  if (e.parts.length !== LANES)
    throw new InternalError(`arm64: a vector has ${LANES} lanes, not ${e.parts.length}`);
  const { assembler } = s;
  const out = s.value('vector');
  e.parts.forEach((part, lane) => {
    if (part.kind === 'load' && ELEMENT_BYTES[part.element] === 4) {
      const place = s.memory(part.address, part.offset, 4);
      s.push([out], lane === 0 ? place.reads : [...place.reads, out], (...registers) => {
        const [to = 0] = registers;
        const at = place.at(registers, 1);
        if (lane === 0) assembler.access('load', 's', to, at);
        else assembler.loadLane('s', to, lane, addressInRegister(assembler, at));
      });
      return;
    }
    const x = s.evaluate(part);
    s.push([out], lane === 0 ? [x] : [x, out], (to, from) => {
      if (part.type === 'f32') {
        if (lane === 0) assembler.moveVector(to, from);
        else assembler.insertFloat(to, lane, from);
      } else if (lane === 0) assembler.fromGeneral(to, from);
      else assembler.insertGeneral(to, lane, from);
    });
  });
  return s.deliver(out, into);
}

function extract(s: Arm64Selector, e: Of<'extract'>, into: Value | undefined): Value {
  const { assembler } = s;
  const x = s.evaluate(e.a);
  const out = s.result(e.type, into);
  s.push([out], [x], (to, from) => {
    if (e.type === 'i32') assembler.laneToGeneral(to, from, e.lane);
    else if (e.lane === 0) assembler.moveVector(to, from);
    else assembler.laneToFloat(to, from, e.lane);
  });
  return out;
}

const ACROSS = {
  minS: 'sminv',
  maxS: 'smaxv',
  minU: 'uminv',
  maxU: 'umaxv',
  min: 'fminv',
  max: 'fmaxv',
} as const;
const FOLD = {
  f32v: { add: 'fadd', mul: 'fmul' },
  i32v: { add: 'add', mul: 'mul' },
} as const;
const FOLD_BITS = { and: 'and', or: 'orr' } as const;

/** By one instruction where there is one, which rounds nothing; else halves are folded onto each other, in the order that WebAssembly has. */
function reduceVector(s: Arm64Selector, e: Of<'reduceLanes'>, into: Value | undefined): Value {
  const { assembler } = s;
  const { op } = e;
  const isFloat = e.a.type === 'f32v';
  let x = s.evaluate(e.a);
  if (op in ACROSS || (op === 'add' && !isFloat)) {
    const across = op === 'add' ? 'addv' : ACROSS[op as keyof typeof ACROSS];
    const folded = isFloat ? s.result('f32', into) : s.value('vector');
    s.push([folded], [x], (to, from) => {
      assembler.across(across, to, from);
    });
    x = folded;
    if (isFloat) return x;
  } else {
    for (const bytes of [8, 4]) {
      const turned = s.value('vector');
      const last = x;
      s.push([turned], [last], (to, from) => {
        assembler.extract(to, from, from, bytes);
      });
      x = s.value('vector');
      s.push([x], [last, turned], (to, a, b) => {
        if (op === 'and' || op === 'or') assembler.vectorLogical(FOLD_BITS[op], to, a, b);
        else assembler.three(foldOp(op, isFloat), to, a, b);
      });
    }
    if (isFloat) return s.deliver(x, into);
  }
  const out = s.result('i32', into);
  s.push([out], [x], (to, from) => {
    assembler.laneToGeneral(to, from, 0);
  });
  return out;
}

function foldOp(op: Of<'reduceLanes'>['op'], isFloat: boolean): keyof typeof VECTOR_THREE {
  if (op !== 'add' && op !== 'mul') throw new InternalError(`arm64: no ${op} over lanes`);
  return FOLD[isFloat ? 'f32v' : 'i32v'][op];
}

/** All: the least lane has its bits; any: the greatest one has. */
function reduceMask(s: Arm64Selector, e: Of<'reduceLanes'>, into: Value | undefined): Value {
  const { assembler } = s;
  const { op } = e;
  if (op !== 'and' && op !== 'or') throw new InternalError(`arm64: no ${op} over the lanes of a mask`);
  const x = s.evaluate(e.a);
  const folded = s.value('vector');
  s.push([folded], [x], (to, from) => {
    assembler.across(op === 'and' ? 'uminv' : 'umaxv', to, from);
  });
  const out = s.result('i32', into);
  s.push([out], [folded], (to, from) => {
    assembler.laneToGeneral(to, from, 0);
    assembler.logicalImmediate('and', to, to, 1);
  });
  return out;
}
