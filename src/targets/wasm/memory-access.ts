/** Which instructions access an element in memory, and how far apart elements lie. */
import type { Element } from '../cpu/ir.js';
import type { Opcode } from './opcodes.js';

/** Base 2 logarithm of an element's size: its alignment, and the shift from indices to bytes. */
export const LOG2_BYTES: Readonly<Record<Element, number>> = { f32: 2, f64: 3, i32: 2, u8: 0, i8: 0, u16: 1 };

export const SCALAR_LOAD: Readonly<Record<Element, Opcode>> = {
  f32: 'f32.load',
  f64: 'f64.load',
  i32: 'i32.load',
  u8: 'i32.load8_u',
  i8: 'i32.load8_s',
  u16: 'i32.load16_u',
};

/** Narrow elements come from the low bits of an i32. */
export const SCALAR_STORE: Readonly<Record<Element, Opcode>> = {
  f32: 'f32.store',
  f64: 'f64.store',
  i32: 'i32.store',
  u8: 'i32.store8',
  i8: 'i32.store8',
  u16: 'i32.store16',
};

export const LANE_STORE: Readonly<Record<Exclude<Element, 'f64'>, Opcode>> = {
  f32: 'v128.store32_lane',
  i32: 'v128.store32_lane',
  u8: 'v128.store8_lane',
  i8: 'v128.store8_lane',
  u16: 'v128.store16_lane',
};
