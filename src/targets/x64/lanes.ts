/** What brings lanes together: vectors from scattered elements or scalars, and scalars from the lanes of a vector. */
import { InternalError } from '../../core/errors.js';
import { laneBits } from '../cpu/bits.js';
import { ELEMENT_BYTES, type Element, type Expr } from '../cpu/ir.js';
import type { Value } from '../native/machine-code.js';
import { RAX, type VectorLength } from './assembler.js';
import { limitOf } from './floats.js';
import type { X64Selector } from './selector.js';
import { laneIndices, splatTruth } from './masks.js';
import { VECTOR, type VectorOp } from './vector-ops.js';

type Of<K extends Expr['kind']> = Extract<Expr, { kind: K }>;
type LaneExpr = Of<
  | 'loadSplat'
  | 'loadStrided'
  | 'gather'
  | 'lanes'
  | 'reduceLanes'
  | 'extract'
  | 'laneIndex'
  | 'splat'
  | 'permute'
  | 'shuffle'
>;

export function evaluateLanes(s: X64Selector, e: LaneExpr, into: Value | undefined): Value {
  switch (e.kind) {
    case 'loadSplat':
      return loadSplat(s, e.address, e.offset, into);
    case 'loadStrided':
      return loadStrided(s, e, into);
    case 'gather':
      return gatherElements(s, e, into);
    case 'permute':
      return permute(s, e, into);
    case 'shuffle':
      return shuffle(s, e, into);
    case 'lanes':
      return joinLanes(s, e, into);
    case 'reduceLanes':
      return e.a.type === 'maskv' ? reduceMask(s, e, into) : reduceVector(s, e, into);
    case 'extract':
      return extract(s, e, into);
    case 'laneIndex': {
      const value = laneIndices(s);
      if (into === undefined) return value;
      s.move(into, value);
      return into;
    }
    case 'splat':
      return splat(s, e, into);
  }
}

function loadSplat(s: X64Selector, address: Expr, offset: number, into: Value | undefined): Value {
  const place = s.memory(address, offset);
  const out = s.result('f32v', into);
  s.push([out], place.reads, (...registers) => {
    s.assembler.vector(VECTOR.broadcastF32, s.length, registers[0] ?? 0, 0, place.at(registers, 1));
  });
  return out;
}

function splat(s: X64Selector, e: Of<'splat'>, into: Value | undefined): Value {
  const { assembler, length } = s;
  if (e.type === 'maskv') return splatTruth(s, e.a, into);
  if (e.a.kind === 'const') {
    const bits = laneBits(e.a.type, e.a.value);
    if (into === undefined) return s.pattern(bits);
    if (bits === 0) s.clear(into);
    else s.move(into, s.pattern(bits));
    return into;
  }
  const x = s.evaluate(e.a);
  const out = s.result(e.type, into);
  s.push([out], [x], (to, from) => {
    if (e.a.type === 'f32') assembler.vector(VECTOR.broadcastF32, length, to, 0, from);
    else if (s.features.avx512) assembler.vector(VECTOR.broadcastGeneral, length, to, 0, from);
    else {
      assembler.vector(VECTOR.fromGeneral, 0, to, 0, from);
      assembler.vector(VECTOR.broadcastI32, length, to, 0, to);
    }
  });
  return out;
}

function loadStrided(s: X64Selector, e: Of<'loadStrided'>, into: Value | undefined): Value {
  const { assembler, lanes, length } = s;
  const wide = ELEMENT_BYTES[e.element] === 4;
  if (e.stride === 1) return s.evaluate({ ...e, kind: 'load', offset: 0 }, into);
  if (e.stride === 0 && wide) return loadSplat(s, e.address, 0, into);
  const place = s.memory(e.address, 0);
  if (e.stride === 2 && wide && lanes === 16) {
    // Reads four bytes beyond the last element it needs; the heap is padded for that.
    const even = s.words(
      Array.from({ length: lanes }, (_, lane) => 2 * lane),
      length,
    );
    const out = s.result(e.type, into);
    const upper = s.value('vector');
    s.push(
      [out, upper],
      [even, ...place.reads],
      (...registers) => {
        const [to = 0, high = 0, order = 0] = registers;
        const at = place.at(registers, 3);
        assembler.vector(VECTOR.load, length, high, 0, { ...at, displacement: at.displacement + 4 * lanes });
        assembler.vector(VECTOR.load, length, to, 0, at);
        // permuteTwo overwrites its first table: the lower half.
        assembler.vector(VECTOR.permuteTwo, length, to, order, high);
      },
      true,
    );
    return out;
  }
  if (e.stride === -1 && wide) {
    const backwards = s.words(
      Array.from({ length: lanes }, (_, lane) => lanes - 1 - lane),
      length,
    );
    const out = s.result(e.type, into);
    s.push([out], [backwards, ...place.reads], (...registers) => {
      const [to = 0, order = 0] = registers;
      const at = place.at(registers, 2);
      const from = { ...at, displacement: at.displacement - 4 * (lanes - 1) };
      if (length > 0) assembler.vector(VECTOR.permute, length, to, order, from);
      else {
        assembler.vector(VECTOR.load, length, to, 0, from);
        assembler.vector(VECTOR.permuteInLane, length, to, 0, to, { immediate: 0x1b });
      }
    });
    return out;
  }
  const step = e.stride * ELEMENT_BYTES[e.element];
  // Distances in units of four bytes where that is possible, else in bytes.
  const scale = step % 4 === 0 ? 2 : 0;
  const distances = s.words(
    Array.from({ length: lanes }, (_, lane) => (lane * step) >> scale),
    length,
  );
  return gather(s, e.element, { base: e.address, index: distances, scale, mask: undefined }, into);
}

function gatherElements(s: X64Selector, e: Of<'gather'>, into: Value | undefined): Value {
  const index = s.evaluate(e.index);
  const scale = Math.log2(ELEMENT_BYTES[e.element]);
  return gather(s, e.element, { base: e.base, index, scale, mask: e.mask }, into);
}

/** Narrow elements are gathered with what follows them (the heap is padded for that), and cut out. */
export function gather(
  s: X64Selector,
  element: Element,
  places: {
    readonly base: Expr;
    readonly index: Value;
    readonly scale: number;
    readonly mask: Expr | undefined;
  },
  into: Value | undefined,
): Value {
  const { base, index, scale } = places;
  const { assembler, length } = s;
  const narrow = ELEMENT_BYTES[element] < 4;
  const selected = places.mask === undefined ? undefined : s.evaluate(places.mask);
  const place = s.memory(base, 0);
  const whole = narrow ? s.value('vector') : (into ?? s.value('vector'));
  const mask = s.value(s.features.avx512 ? 'mask' : 'vector');
  s.push(
    [whole, mask],
    [index, ...(selected === undefined ? [] : [selected]), ...place.reads],
    (...registers) => {
      const [to = 0, lanes = 0, at = 0, some = 0] = registers;
      assembler.loadAddress(RAX, place.at(registers, selected === undefined ? 3 : 4), true);
      // What is not gathered would stay: clearing the register spares a wait for it.
      s.clearVector(to);
      if (s.features.avx512) {
        if (selected === undefined) assembler.maskInstruction(0x46, 0, true, lanes, lanes, lanes);
        else assembler.maskInstruction(0x90, 0, false, lanes, 0, some);
        assembler.vector(
          VECTOR.gather,
          length,
          to,
          0,
          { base: RAX, index: at, scale, displacement: 0 },
          { mask: lanes },
        );
      } else {
        if (selected === undefined) assembler.vector(VECTOR.equalI32, length, lanes, lanes, lanes);
        else s.moveVector(lanes, some);
        assembler.vector(VECTOR.gather, length, to, lanes, { base: RAX, index: at, scale, displacement: 0 });
      }
    },
    true,
  );
  if (!narrow) return whole;
  const out = into ?? s.value('vector');
  if (element === 'i8') {
    s.push([out], [whole], (to, from) => {
      assembler.vector(VECTOR.shiftConstant, length, 6, to, from, { immediate: 24 });
      assembler.vector(VECTOR.shiftConstant, length, 4, to, to, { immediate: 24 });
    });
  } else s.binary(VECTOR.and, length, out, whole, s.pattern(element === 'u8' ? 0xff : 0xffff));
  return out;
}

function permute(s: X64Selector, e: Of<'permute'>, into: Value | undefined): Value {
  const { length } = s;
  const x = s.evaluate(e.a);
  const index = s.evaluate(e.index);
  const out = s.result(e.type, into);
  if (length === 0) s.binary(VECTOR.permuteInLaneBy, length, out, x, index);
  else s.binary(VECTOR.permute, length, out, index, x);
  return out;
}

function shuffle(s: X64Selector, e: Of<'shuffle'>, into: Value | undefined): Value {
  const { assembler, length } = s;
  const a = s.evaluate(e.a);
  const b = s.evaluate(e.b);
  const out = s.result(e.type, into);
  const { op, immediate } = shuffleCode(e.order, length, s.features.avx512);
  s.push([out], [a, b], (to, x, y) => {
    assembler.vector(op, length, to, x, y, immediate === undefined ? {} : { immediate });
  });
  return out;
}

function shuffleCode(
  order: Of<'shuffle'>['order'],
  length: VectorLength,
  avx512: boolean,
): { readonly op: VectorOp; readonly immediate?: number } {
  switch (order) {
    case 'low1':
      return { op: VECTOR.unpackLow };
    case 'high1':
      return { op: VECTOR.unpackHigh };
    case 'low2':
      return { op: VECTOR.shuffle, immediate: 0x44 };
    case 'high2':
      return { op: VECTOR.shuffle, immediate: 0xee };
    case 'evenBlocks':
      return length === 2
        ? { op: VECTOR.shuffleBlocks, immediate: 0x88 }
        : // permuteBlocks does not reach the upper registers.
          avx512
          ? { op: VECTOR.shuffleBlocks, immediate: 0 }
          : { op: VECTOR.permuteBlocks, immediate: 0x20 };
    case 'oddBlocks':
      return length === 2
        ? { op: VECTOR.shuffleBlocks, immediate: 0xdd }
        : avx512
          ? { op: VECTOR.shuffleBlocks, immediate: 3 }
          : { op: VECTOR.permuteBlocks, immediate: 0x31 };
  }
}

/** Fours by insertion, then fours together. */
function joinLanes(s: X64Selector, e: Of<'lanes'>, into: Value | undefined): Value {
  const { assembler, lanes } = s;
  if (e.parts.length !== lanes)
    throw new InternalError(`x64: a vector has ${lanes} lanes, not ${e.parts.length}`);
  const fours: Value[] = [];
  for (let first = 0; first < lanes; first += 4) {
    let four: Value | undefined;
    for (let n = 0; n < 4; n++) {
      const part = e.parts[first + n] as Expr;
      four = insertLane(s, four, part, n, lanes === 4 && n === 3 ? into : undefined);
    }
    if (four !== undefined) fours.push(four);
  }
  const halves: Value[] = [];
  for (let n = 0; n < fours.length; n += 2) {
    const [low, high] = [fours[n], fours[n + 1]];
    if (low === undefined || high === undefined) continue;
    const half = lanes === 8 ? s.result(e.type, into) : s.value('vector');
    s.push([half], [low, high], (to, x, y) => {
      assembler.vector(VECTOR.insert128, 1, to, x, y, { immediate: 1 });
    });
    halves.push(half);
  }
  const [low, high] = halves;
  if (lanes === 4) return fours[0] as Value;
  if (lanes === 8 || low === undefined || high === undefined) return halves[0] as Value;
  const out = s.result(e.type, into);
  s.push([out], [low, high], (to, x, y) => {
    assembler.vector(VECTOR.insert256, 2, to, x, y, { immediate: 1 });
  });
  return out;
}

/** `four` with a scalar in one lane. */
function insertLane(
  s: X64Selector,
  four: Value | undefined,
  part: Expr,
  lane: number,
  into: Value | undefined,
): Value {
  const { assembler } = s;
  const float = part.type === 'f32';
  const fromMemory = part.kind === 'load' && ELEMENT_BYTES[part.element] === 4 ? part : undefined;
  const place = fromMemory === undefined ? undefined : s.memory(fromMemory.address, fromMemory.offset);
  const reads = place?.reads ?? [s.evaluate(part)];
  const out = into ?? s.value('vector');
  if (four === undefined) {
    s.push([out], reads, (...registers) => {
      const [to = 0, from = 0] = registers;
      if (place !== undefined) assembler.vector(VECTOR.loadF32, 0, to, 0, place.at(registers, 1));
      else if (float) s.moveVector(to, from);
      else assembler.vector(VECTOR.fromGeneral, 0, to, 0, from);
    });
    return out;
  }
  s.push([out], [four, ...reads], (...registers) => {
    const [to = 0, x = 0, from = 0] = registers;
    const source = place === undefined ? from : place.at(registers, 2);
    // insertF32 has the number of the lane in bits 4 and 5.
    if (float) assembler.vector(VECTOR.insertF32, 0, to, x, source, { immediate: lane << 4 });
    else assembler.vector(VECTOR.insertI32, 0, to, x, source, { immediate: lane });
  });
  return out;
}

function extract(s: X64Selector, e: Of<'extract'>, into: Value | undefined): Value {
  const { assembler, length } = s;
  const x = s.evaluate(e.a);
  let four = x;
  if (e.lane >= 4) {
    four = s.value('vector');
    s.push([four], [x], (to, from) => {
      assembler.vector(VECTOR.extract128, length, from, 0, to, { immediate: e.lane >> 2 });
    });
  }
  const lane = e.lane & 3;
  const out = s.result(e.type, into);
  s.push([out], [four], (to, from) => {
    if (e.type === 'i32') toGeneral(s, to, from, lane);
    else if (lane === 0) s.moveVector(to, from);
    else assembler.vector(VECTOR.permuteInLane, 0, to, 0, from, { immediate: lane });
  });
  return out;
}

function toGeneral(s: X64Selector, to: number, from: number, lane: number): void {
  if (lane === 0) s.assembler.vector(VECTOR.toGeneral, 0, from, 0, to);
  else s.assembler.vector(VECTOR.extractI32, 0, from, 0, to, { immediate: lane });
}

/** Halves are folded onto each other until one lane is left. */
function reduceVector(s: X64Selector, e: Of<'reduceLanes'>, into: Value | undefined): Value {
  const { assembler } = s;
  const type = e.a.type === 'f32v' ? 'f32v' : 'i32v';
  let x = s.evaluate(e.a);
  for (const length of [2, 1] as const) {
    if (s.length < length) continue;
    const upper = s.value('vector');
    s.push([upper], [x], (to, from) => {
      assembler.vector(length === 2 ? VECTOR.extract256 : VECTOR.extract128, length, from, 0, to, {
        immediate: 1,
      });
    });
    x = fold(s, e.op, type, (length - 1) as VectorLength, x, upper);
  }
  for (const order of [0x4e, 0xb1]) {
    const swapped = s.value('vector');
    s.push([swapped], [x], (to, from) => {
      assembler.vector(VECTOR.permuteInLane, 0, to, 0, from, { immediate: order });
    });
    x = fold(s, e.op, type, 0, x, swapped);
  }
  const out = s.result(e.type, into);
  s.push([out], [x], (to, from) => {
    if (e.type === 'i32') assembler.vector(VECTOR.toGeneral, 0, from, 0, to);
    else s.moveVector(to, from);
  });
  return out;
}

const FOLD: Partial<Record<Of<'reduceLanes'>['op'], VectorOp>> = {
  minS: VECTOR.minS,
  maxS: VECTOR.maxS,
  minU: VECTOR.minU,
  maxU: VECTOR.maxU,
  and: VECTOR.and,
  or: VECTOR.or,
};

function fold(
  s: X64Selector,
  op: Of<'reduceLanes'>['op'],
  type: 'f32v' | 'i32v',
  length: VectorLength,
  x: Value,
  y: Value,
): Value {
  const code =
    op === 'add' || op === 'mul'
      ? type === 'f32v'
        ? VECTOR[op].f32v
        : op === 'add'
          ? VECTOR.addI32
          : VECTOR.mulI32
      : FOLD[op];
  if (code !== undefined) {
    const out = s.value('vector');
    s.binary(code, length, out, x, y);
    return out;
  }
  if (op !== 'min' && op !== 'max') throw new InternalError(`x64: no ${op} over lanes`);
  return limitOf(s, op, 'f32v', length, x, y, undefined);
}

function reduceMask(s: X64Selector, e: Of<'reduceLanes'>, into: Value | undefined): Value {
  const { assembler, lanes, length } = s;
  if (e.op !== 'and' && e.op !== 'or') throw new InternalError(`x64: no ${e.op} over the lanes of a mask`);
  const all = (1 << lanes) - 1;
  const x = s.evaluate(e.a);
  const out = s.result('i32', into);
  s.push([out], [x], (to, from) => {
    if (s.features.avx512) {
      assembler.maskInstruction(0x93, 0, false, RAX, 0, from);
      assembler.arithmeticConstant('and', RAX, all);
    } else assembler.vector(VECTOR.signsToGeneral, length, RAX, 0, from);
    if (e.op === 'and') {
      assembler.arithmeticConstant('cmp', RAX, all);
      assembler.setCondition(4, RAX);
    } else {
      assembler.test(RAX, RAX);
      assembler.setCondition(5, RAX);
    }
    assembler.extendByte(to, RAX);
  });
  return out;
}
