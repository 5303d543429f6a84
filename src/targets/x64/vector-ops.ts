/** The vector instructions in use, as the manual has them. */

export interface VectorOp {
  /** Opcode map: 1 is 0F, 2 is 0F38, 3 is 0F3A. */
  readonly map: 1 | 2 | 3;
  /** 0 none, 1 is 66, 2 is F3, 3 is F2. */
  readonly prefix: 0 | 1 | 2 | 3;
  readonly code: number;
  readonly wide: boolean;
  /** Where only one form exists. */
  readonly form: 'both' | 'vex' | 'evex';
  /** What one access to memory reaches: the unit of EVEX displacements. */
  readonly bytes: 'vector' | number | { readonly part: number };
  /** Bytes of an element that memory may hold for all lanes. */
  readonly element: number;
  /** The index in memory is a vector. */
  readonly vectorIndex?: boolean;
}

type Options = Partial<Omit<VectorOp, 'map' | 'prefix' | 'code'>>;

const op = (map: 1 | 2 | 3, prefix: 0 | 1 | 2 | 3, code: number, options: Options = {}): VectorOp => ({
  wide: false,
  form: 'both',
  bytes: 'vector',
  element: 4,
  ...options,
  map,
  prefix,
  code,
});

const EVEX = { form: 'evex' } as const;
const VEX = { form: 'vex' } as const;
const F32 = { bytes: 4 } as const;
const F64 = { bytes: 8, element: 8, wide: true } as const;

/** The same operation of vectors of f32, of a scalar f32 and of a scalar f64. */
const float = (
  code: number,
): { readonly f32v: VectorOp; readonly f32: VectorOp; readonly f64: VectorOp } => ({
  f32v: op(1, 0, code),
  f32: op(1, 2, code, F32),
  f64: op(1, 3, code, F64),
});

const fused = (
  code: number,
): { readonly f32v: VectorOp; readonly f32: VectorOp; readonly f64: VectorOp } => ({
  f32v: op(2, 1, code),
  f32: op(2, 1, code + 1, F32),
  f64: op(2, 1, code + 1, F64),
});

export const VECTOR = {
  add: float(0x58),
  mul: float(0x59),
  sub: float(0x5c),
  min: float(0x5d),
  div: float(0x5e),
  max: float(0x5f),
  sqrt: float(0x51),
  /** The result is a vector of truth values, all bits or none. */
  compare: op(1, 0, 0xc2, VEX),
  /** The result is a mask. */
  compareMask: op(1, 0, 0xc2, EVEX),
  /** a = b·a + c. */
  fma213: fused(0xa8),
  /** a = b·c + a. */
  fma231: fused(0xb8),
  round: {
    f32v: op(3, 1, 0x08),
    f32: op(3, 1, 0x0a, F32),
    f64: op(3, 1, 0x0b, F64),
  },

  load: op(1, 0, 0x10),
  store: op(1, 0, 0x11),
  /** The lanes of which a vector's signs say so. */
  storeMasked: op(2, 1, 0x2e, VEX),
  loadMasked: op(2, 1, 0x2c, VEX),
  move: op(1, 0, 0x28),
  loadF32: op(1, 2, 0x10, F32),
  storeF32: op(1, 2, 0x11, F32),
  loadF64: op(1, 3, 0x10, F64),
  storeF64: op(1, 3, 0x11, F64),
  broadcastF32: op(2, 1, 0x18, F32),
  broadcastI32: op(2, 1, 0x58, F32),
  broadcastGeneral: op(2, 1, 0x7c, EVEX),
  fromGeneral: op(1, 1, 0x6e, F32),
  toGeneral: op(1, 1, 0x7e, F32),
  fromGeneral64: op(1, 1, 0x6e, { wide: true, bytes: 8 }),
  toGeneral64: op(1, 1, 0x7e, { wide: true, bytes: 8 }),

  and: op(1, 0, 0x54),
  or: op(1, 0, 0x56),
  xor: op(1, 0, 0x57),

  /** Any function of three bits: bit 4a + 2b + c of the immediate. The first is the result's register. */
  ternary: op(3, 1, 0x25, EVEX),
  addI32: op(1, 1, 0xfe),
  subI32: op(1, 1, 0xfa),
  mulI32: op(2, 1, 0x40),
  minS: op(2, 1, 0x39),
  minU: op(2, 1, 0x3b),
  maxS: op(2, 1, 0x3d),
  maxU: op(2, 1, 0x3f),
  /** With the digits 6 (left), 2 (right) and 4 (right, signed) and an immediate count. */
  shiftConstant: op(1, 1, 0x72),
  /** To the left, with the digit 1 and an immediate count. */
  rotateConstant: op(1, 1, 0x72, EVEX),
  shiftLeft: op(1, 1, 0xf2, { bytes: 16 }),
  shiftRight: op(1, 1, 0xd2, { bytes: 16 }),
  shiftRightSigned: op(1, 1, 0xe2, { bytes: 16 }),
  compareI32: op(3, 1, 0x1f, EVEX),
  compareU32: op(3, 1, 0x1e, EVEX),
  equalI32: op(1, 1, 0x76, VEX),
  greaterI32: op(1, 1, 0x66, VEX),

  blendMask: op(2, 1, 0x65, EVEX),
  blendMaskF64: op(2, 1, 0x65, { form: 'evex', wide: true }),
  blendVector: op(3, 1, 0x4a, VEX),
  blendVectorF64: op(3, 1, 0x4b, VEX),
  signsToGeneral: op(1, 0, 0x50, VEX),

  fromI32: op(1, 0, 0x5b),
  fromU32: op(1, 3, 0x7a, EVEX),
  toI32: op(1, 2, 0x5b),
  toU32: op(1, 0, 0x78, EVEX),
  fromScalarI32: { f32: op(1, 2, 0x2a, F32), f64: op(1, 3, 0x2a, F32) },
  fromScalarI64: {
    f32: op(1, 2, 0x2a, { wide: true, bytes: 8 }),
    f64: op(1, 3, 0x2a, { wide: true, bytes: 8 }),
  },
  f64ToI64: op(1, 3, 0x2c, { wide: true, bytes: 8 }),
  widen: op(1, 2, 0x5a, F32),
  narrow: op(1, 3, 0x5a, F64),
  /** Sets the flags. */
  order: { f32: op(1, 0, 0x2e, F32), f64: op(1, 1, 0x2e, F64) },

  widenU8: op(2, 1, 0x31, { bytes: { part: 4 } }),
  widenI8: op(2, 1, 0x21, { bytes: { part: 4 } }),
  widenU16: op(2, 1, 0x33, { bytes: { part: 2 } }),
  narrowToU8: op(2, 2, 0x31, { form: 'evex', bytes: { part: 4 } }),
  narrowToU16: op(2, 2, 0x33, { form: 'evex', bytes: { part: 2 } }),
  shuffleBytes: op(2, 1, 0x00),
  gather: op(2, 1, 0x92, { bytes: 4, vectorIndex: true }),

  scatter: op(2, 1, 0xa2, { form: 'evex', bytes: 4, vectorIndex: true }),

  insertF32: op(3, 1, 0x21, F32),
  insertI32: op(3, 1, 0x22, F32),
  extractI32: op(3, 1, 0x16, F32),
  insert128: op(3, 1, 0x18, { bytes: 16 }),
  extract128: op(3, 1, 0x19, { bytes: 16 }),
  insert256: op(3, 1, 0x1a, { form: 'evex', bytes: 32 }),
  extract256: op(3, 1, 0x1b, { form: 'evex', bytes: 32 }),
  permuteInLane: op(3, 1, 0x04),
  permute: op(2, 1, 0x16),
  /** Inside 128 bits, by a vector. */
  permuteInLaneBy: op(2, 1, 0x0c),
  permuteTwo: op(2, 1, 0x7f, EVEX),
  shuffle: op(1, 0, 0xc6),
  /** The lower, and the upper, elements of both in turn; of 32 and of 64 bits, inside each 128. */
  unpackLow: op(1, 0, 0x14),
  unpackHigh: op(1, 0, 0x15),
  /** Blocks of 128 bits, by an immediate. */
  permuteBlocks: op(3, 1, 0x06, VEX),
  shuffleBlocks: op(3, 1, 0x23, EVEX),
  /** Sums of four products of unsigned and signed bytes. The VEX form is an extension of its own, AVX-VNNI. */
  dotU8: op(2, 1, 0x50, EVEX),
} as const;
