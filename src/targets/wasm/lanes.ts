/** Instructions that bring lanes together: vectors from scattered elements, and scalars from all lanes of a vector. */
import { InternalError } from '../../core/errors.js';
import { ELEMENT_BYTES, type Element, type Expr } from '../cpu/ir.js';
import { VALUE_TYPE } from './binary.js';
import { LANES, type FunctionWriter, type Push } from './function-writer.js';
import { LOG2_BYTES, SCALAR_LOAD } from './memory-access.js';
import { requiredOpcode } from './select-opcode.js';

/** A vector of elements at equal distances, whose first address `push` leaves. */
export function encodeStridedLoad(
  w: FunctionWriter,
  push: Push,
  e: Extract<Expr, { kind: 'loadStrided' }>,
): void {
  const wide = ELEMENT_BYTES[e.element] === 4;
  if (e.stride === 1) {
    push({ ...e, kind: 'load', offset: 0 });
    return;
  }
  if (e.stride === 0 && wide) {
    push(e.address);
    w.memory('v128.load32_splat', 2, 0);
    return;
  }
  if (e.stride === -1 && wide) {
    push(e.address);
    w.i32(-12);
    w.op('i32.add');
    w.memory('v128.load', 2, 0);
    w.duplicateVector();
    w.shuffle([3, 2, 1, 0]);
    return;
  }
  const address = w.take(VALUE_TYPE.i32);
  push(e.address);
  w.local('local.set', address);
  if (e.stride === 2 && wide) {
    // Reads four bytes beyond the last element it needs; the heap is padded for that.
    w.local('local.get', address);
    w.memory('v128.load', 2, 0);
    w.local('local.get', address);
    w.memory('v128.load', 2, 16);
    w.shuffle([0, 2, 4, 6]);
  } else {
    const step = e.stride * ELEMENT_BYTES[e.element];
    fourLoads(w, e.element, (lane) => {
      w.local('local.get', address);
      if (step >= 0) return lane * step;
      w.i32(lane * step);
      w.op('i32.add');
      return 0;
    });
  }
  w.release(VALUE_TYPE.i32, address);
}

/** A vector of the elements that a vector of indices names. */
export function encodeGather(w: FunctionWriter, push: Push, e: Extract<Expr, { kind: 'gather' }>): void {
  if (e.mask !== undefined) throw new InternalError('wasm: no masked gathers');
  const addresses = w.take(VALUE_TYPE.v128);
  const base = e.base.kind === 'const' ? e.base.value : undefined;
  push(e.index);
  const shift = LOG2_BYTES[e.element];
  if (shift > 0) {
    w.i32(shift);
    w.op('i32x4.shl');
  }
  if (base !== 0) {
    if (base === undefined) {
      push(e.base);
      w.op('i32x4.splat');
    } else {
      w.sharedConstant(base);
    }
    w.op('i32x4.add');
  }
  w.local('local.set', addresses);
  fourLoads(w, e.element, (lane) => {
    w.local('local.get', addresses);
    w.lane('i32x4.extract_lane', lane);
    return 0;
  });
  w.release(VALUE_TYPE.v128, addresses);
}

/** A vector from as many scalars as it has lanes. */
export function encodeLanes(w: FunctionWriter, push: Push, e: Extract<Expr, { kind: 'lanes' }>): void {
  const [first, ...others] = e.parts;
  if (first === undefined || e.parts.length !== LANES)
    throw new InternalError(`wasm: a vector has ${LANES} lanes, not ${e.parts.length}`);
  const float = e.type === 'f32v';
  const loads = e.parts.filter((part) => part.kind === 'load' && ELEMENT_BYTES[part.element] === 4);
  if (loads.length === LANES) {
    fourLoads(w, float ? 'f32' : 'i32', (lane) => {
      const part = loads[lane] as Extract<Expr, { kind: 'load' }>;
      push(part.address);
      return part.offset;
    });
    return;
  }
  push(first);
  w.op(float ? 'f32x4.splat' : 'i32x4.splat');
  others.forEach((part, n) => {
    push(part);
    w.lane(float ? 'f32x4.replace_lane' : 'i32x4.replace_lane', n + 1);
  });
}

const SHUFFLED = {
  low1: [0, 4, 1, 5],
  high1: [2, 6, 3, 7],
  low2: [0, 1, 4, 5],
  high2: [2, 3, 6, 7],
} as const;

/** A vector from the lanes of two. */
export function encodeShuffle(w: FunctionWriter, push: Push, e: Extract<Expr, { kind: 'shuffle' }>): void {
  const { order } = e;
  if (order === 'evenBlocks' || order === 'oddBlocks')
    throw new InternalError(`wasm: no ${order} of four lanes`);
  push(e.a);
  push(e.b);
  w.shuffle(SHUFFLED[order]);
}

/** A vector from four loads; `address` pushes the address of a lane and gives the constant offset to add. */
function fourLoads(w: FunctionWriter, element: Element, address: (lane: number) => number): void {
  if (ELEMENT_BYTES[element] === 4) {
    // The address of a lane lies below the vector that its element goes into.
    const offsets = [address(3), address(2), address(1), address(0)].reverse();
    w.memory('v128.load32_zero', 2, offsets[0] ?? 0);
    for (let lane = 1; lane < LANES; lane++) w.memoryLane('v128.load32_lane', 2, offsets[lane] ?? 0, lane);
    return;
  }
  for (let lane = 0; lane < LANES; lane++) {
    w.memory(SCALAR_LOAD[element], LOG2_BYTES[element], address(lane));
    if (lane === 0) w.op('i32x4.splat');
    else w.lane('i32x4.replace_lane', lane);
  }
}

/** A scalar from all lanes: halves are folded onto each other, twice. */
export function encodeLaneReduction(
  w: FunctionWriter,
  push: Push,
  e: Extract<Expr, { kind: 'reduceLanes' }>,
): void {
  push(e.a);
  if (e.a.type === 'maskv') {
    if (e.op !== 'and' && e.op !== 'or') throw new InternalError(`wasm: no ${e.op} over the lanes of a mask`);
    w.op(e.op === 'and' ? 'i32x4.all_true' : 'v128.any_true');
    return;
  }
  const code = requiredOpcode(e.op, e.a.type);
  const all = w.take(VALUE_TYPE.v128);
  for (const partner of [
    [2, 3, 0, 1],
    [1, 0, 3, 2],
  ]) {
    w.local('local.tee', all);
    w.local('local.get', all);
    w.local('local.get', all);
    w.shuffle(partner);
    w.opcode(code);
  }
  w.release(VALUE_TYPE.v128, all);
  w.lane(e.a.type === 'f32v' ? 'f32x4.extract_lane' : 'i32x4.extract_lane', 0);
}
