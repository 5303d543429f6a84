/** Stores: scalars, whole vectors, and the first lanes of a vector. */
import { InternalError } from '../../core/errors.js';
import { ELEMENT_BYTES, isVector, type Element, type Expr, type Statement } from '../cpu/ir.js';
import { VALUE_TYPE } from './binary.js';
import { LANES, type FunctionWriter, type Push } from './function-writer.js';
import { LANE_STORE, LOG2_BYTES, SCALAR_STORE } from './memory-access.js';

type Store = Extract<Statement, { kind: 'store' }>;

export function encodeStore(w: FunctionWriter, push: Push, s: Store): void {
  const { element, count } = s;
  if (!isVector(s.value.type)) {
    storeScalar(w, push, s);
    return;
  }
  if (element === 'f64') throw new InternalError('wasm: no vectors of f64');
  if (count !== undefined) {
    storeFirstLanes(w, push, s, element, count);
    return;
  }
  push(s.address);
  push(s.value);
  storeAllLanes(w, element, s.offset);
}

function storeScalar(w: FunctionWriter, push: Push, s: Store): void {
  if (s.count !== undefined) throw new InternalError('wasm: a store of a scalar has no count');
  push(s.address);
  push(s.value);
  // Floats and integers of four bytes share their places in memory: the value says which of the two it is.
  const element = ELEMENT_BYTES[s.element] === 4 ? (s.value.type === 'f32' ? 'f32' : 'i32') : s.element;
  w.memory(SCALAR_STORE[element], LOG2_BYTES[element], s.offset);
}

/** Stores the vector on the stack at the address below it. */
function storeAllLanes(w: FunctionWriter, element: Exclude<Element, 'f64'>, offset: number): void {
  const bytes = ELEMENT_BYTES[element];
  if (bytes === 4) {
    w.memory('v128.store', 2, offset);
    return;
  }
  // The low bytes of all lanes, next to each other.
  w.duplicateVector();
  w.shuffleBytes((n) => {
    const at = n % (LANES * bytes);
    return Math.floor(at / bytes) * 4 + (at % bytes);
  });
  w.memoryLane(bytes === 1 ? 'v128.store32_lane' : 'v128.store64_lane', LOG2_BYTES[element], offset, 0);
}

/** Stores the first `count` lanes: all at once if that is what `count` says, else one after the other. */
function storeFirstLanes(
  w: FunctionWriter,
  push: Push,
  s: Store,
  element: Exclude<Element, 'f64'>,
  count: Expr,
): void {
  const bytes = ELEMENT_BYTES[element];
  const address = w.take(VALUE_TYPE.i32);
  const value = w.take(VALUE_TYPE.v128);
  const left = w.take(VALUE_TYPE.i32);
  push(s.address);
  w.local('local.set', address);
  push(s.value);
  w.local('local.set', value);
  push(count);
  w.local('local.tee', left);
  w.i32(LANES);
  w.op('i32.ge_s');
  w.open('if');
  w.local('local.get', address);
  w.local('local.get', value);
  storeAllLanes(w, element, s.offset);
  w.op('else');
  for (let lane = 0; lane < LANES - 1; lane++) {
    w.local('local.get', left);
    w.i32(lane);
    w.op('i32.gt_s');
    w.open('if');
    w.local('local.get', address);
    w.local('local.get', value);
    // Little-endian: the low bytes of a 32-bit lane come first.
    const offset = s.offset + lane * bytes;
    w.memoryLane(LANE_STORE[element], LOG2_BYTES[element], offset, (lane * 4) / bytes);
  }
  for (let lane = 0; lane < LANES - 1; lane++) w.op('end');
  w.op('end');
  w.release(VALUE_TYPE.i32, left);
  w.release(VALUE_TYPE.v128, value);
  w.release(VALUE_TYPE.i32, address);
}
