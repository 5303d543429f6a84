/**
 * The instructions in use, by the names that the Arm Architecture Reference Manual (DDI 0487, chapters C6 and C7) gives them: the bits that do not
 * name registers. Vectors are of four lanes of 32 bits, unless a name says otherwise.
 */

/** d = n op m, on 32 bits; with bit 31 on 64. */
export const ARITHMETIC = { add: 0x0b000000, adds: 0x2b000000, sub: 0x4b000000, subs: 0x6b000000 } as const;
export const LOGICAL = {
  and: 0x0a000000,
  bic: 0x0a200000,
  orr: 0x2a000000,
  orn: 0x2a200000,
  eor: 0x4a000000,
  ands: 0x6a000000,
} as const;
export const TWO_SOURCES = {
  udiv: 0x1ac00800,
  sdiv: 0x1ac00c00,
  lsl: 0x1ac02000,
  lsr: 0x1ac02400,
  asr: 0x1ac02800,
} as const;
/** d = a ± n · m. */
export const MULTIPLY = { madd: 0x1b000000, msub: 0x1b008000 } as const;
/** d = n if the condition holds, else m, m + 1 or -m. */
export const SELECT = { csel: 0x1a800000, csinc: 0x1a800400, csneg: 0x5a800400 } as const;
export const MOVE_WIDE = { movn: 0x12800000, movz: 0x52800000, movk: 0x72800000 } as const;

/** Conditions in the order of their codes. The last bit turns one into its opposite. */
export const CONDITION = {
  equal: 0,
  notEqual: 1,
  /** Unsigned. */
  aboveOrEqual: 2,
  below: 3,
  /** Of floats: less. */
  minus: 4,
  plus: 5,
  above: 8,
  belowOrEqual: 9,
  greaterOrEqual: 10,
  less: 11,
  greater: 12,
  lessOrEqual: 13,
} as const;
export type Condition = (typeof CONDITION)[keyof typeof CONDITION];

/** The opposite condition; of floats too, where NaN makes the one true and the other false. */
export const negated = (condition: Condition): Condition => (condition ^ 1) as Condition;

/** Registers and what they hold in memory: the size field, the codes of loading and storing, and whether the register is a vector. */
export const ACCESS = {
  w: { size: 2, load: 1, store: 0, vector: false, bytes: 4 },
  x: { size: 3, load: 1, store: 0, vector: false, bytes: 8 },
  u8: { size: 0, load: 1, store: 0, vector: false, bytes: 1 },
  i8: { size: 0, load: 3, store: 0, vector: false, bytes: 1 },
  u16: { size: 1, load: 1, store: 0, vector: false, bytes: 2 },
  b: { size: 0, load: 1, store: 0, vector: true, bytes: 1 },
  h: { size: 1, load: 1, store: 0, vector: true, bytes: 2 },
  s: { size: 2, load: 1, store: 0, vector: true, bytes: 4 },
  d: { size: 3, load: 1, store: 0, vector: true, bytes: 8 },
  q: { size: 0, load: 3, store: 2, vector: true, bytes: 16 },
} as const;
export type Access = keyof typeof ACCESS;

// Scalars of f32; bit 22 makes them f64.

export const FLOAT_TWO = {
  fmul: 0x1e200800,
  fdiv: 0x1e201800,
  fadd: 0x1e202800,
  fsub: 0x1e203800,
  fmax: 0x1e204800,
  fmin: 0x1e205800,
} as const;
export const FLOAT_ONE = {
  fmov: 0x1e204000,
  fabs: 0x1e20c000,
  fneg: 0x1e214000,
  fsqrt: 0x1e21c000,
  frintn: 0x1e244000,
  frintp: 0x1e24c000,
  frintm: 0x1e254000,
  frintz: 0x1e25c000,
} as const;
/** Between a float and a general register of 32 bits; with bit 31, of 64. */
export const FLOAT_GENERAL = {
  scvtf: 0x1e220000,
  ucvtf: 0x1e230000,
  fcvtzs: 0x1e380000,
  fcvtzu: 0x1e390000,
} as const;

// Vectors

export const VECTOR_THREE = {
  fadd: 0x4e20d400,
  fsub: 0x4ea0d400,
  fmul: 0x6e20dc00,
  fdiv: 0x6e20fc00,
  fmin: 0x4ea0f400,
  fmax: 0x4e20f400,
  fmla: 0x4e20cc00,
  fcmeq: 0x4e20e400,
  fcmge: 0x6e20e400,
  fcmgt: 0x6ea0e400,
  add: 0x4ea08400,
  sub: 0x6ea08400,
  mul: 0x4ea09c00,
  smin: 0x4ea06c00,
  smax: 0x4ea06400,
  umin: 0x6ea06c00,
  umax: 0x6ea06400,
  cmeq: 0x6ea08c00,
  cmgt: 0x4ea03400,
  cmge: 0x4ea03c00,
  cmhi: 0x6ea03400,
  cmhs: 0x6ea03c00,
  sshl: 0x4ea04400,
  ushl: 0x6ea04400,
  uzp1: 0x4e801800,
  zip1: 0x4e803800,
  zip2: 0x4e807800,
  /** Of 64 bits. */
  zip1pairs: 0x4ec03800,
  zip2pairs: 0x4ec07800,
} as const;
/** Bit by bit. */
export const VECTOR_LOGICAL = {
  and: 0x4e201c00,
  orr: 0x4ea01c00,
  eor: 0x6e201c00,
  bsl: 0x6e601c00,
  bit: 0x6ea01c00,
} as const;
/** By one lane of the last operand. */
export const VECTOR_ELEMENT = { fmla: 0x4f801000, fmul: 0x4f809000 } as const;
export const VECTOR_TWO = {
  fabs: 0x4ea0f800,
  fneg: 0x6ea0f800,
  fsqrt: 0x6ea1f800,
  frintn: 0x4e218800,
  frintm: 0x4e219800,
  frintp: 0x4ea18800,
  frintz: 0x4ea19800,
  fcvtzs: 0x4ea1b800,
  fcvtzu: 0x6ea1b800,
  scvtf: 0x4e21d800,
  ucvtf: 0x6e21d800,
  neg: 0x6ea0b800,
  abs: 0x4ea0b800,
  rev64: 0x4ea00800,
} as const;
/** From four lanes of 32 bits to 16, and from eight of 16 bits to 8; and back, with zeros or signs. */
export const VECTOR_RESIZE = {
  xtn16: 0x0e612800,
  xtn8: 0x0e212800,
  uxtl16: 0x2f10a400,
  uxtl8: 0x2f08a400,
  sxtl16: 0x0f10a400,
  sxtl8: 0x0f08a400,
} as const;
export const VECTOR_SHIFT = { shl: 0x4f005400, sshr: 0x4f000400, ushr: 0x6f000400 } as const;
/** All lanes into the lowest one. */
export const VECTOR_ACROSS = {
  addv: 0x4eb1b800,
  smaxv: 0x4eb0a800,
  sminv: 0x4eb1a800,
  umaxv: 0x6eb0a800,
  uminv: 0x6eb1a800,
  fmaxv: 0x6e30f800,
  fminv: 0x6eb0f800,
} as const;
