/** Instructions as text for an assembler, and as calls of our Assembler: what x64-assembler.test.ts compares. */
import {
  CONDITION,
  Label,
  RAX,
  RBP,
  RBX,
  RCX,
  RSP,
  type Arithmetic,
  type Assembler,
  type ConstantMemory,
  type Memory,
  type VectorLength,
  type VectorOptions,
} from '../../src/targets/x64/assembler.js';
import { VECTOR, type VectorOp } from '../../src/targets/x64/vector-ops.js';

export interface Case {
  /** What is tested: a method of Assembler, or an entry of VECTOR. */
  readonly of: string;
  /** Intel's syntax. `@` stands for the distance to a constant at byte 64. */
  readonly text: string;
  readonly emit: (a: Assembler) => void;
}

// Names of registers

const LEGACY = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const r64 = (n: number): string => (n < 8 ? `r${LEGACY[n]}` : `r${n}`);
const r32 = (n: number): string => (n < 8 ? `e${LEGACY[n]}` : `r${n}d`);
const r16 = (n: number): string => (n < 8 ? (LEGACY[n] ?? '') : `r${n}w`);
const r8 = (n: number): string =>
  n < 4 ? `${(LEGACY[n] ?? '').charAt(0)}l` : n < 8 ? `${LEGACY[n]}l` : `r${n}b`;
const general = (n: number, wide: boolean): string => (wide ? r64(n) : r32(n));
const vectorName = (length: VectorLength, n: number): string => `${'xyz'.charAt(length)}mm${n}`;

const place = (
  { base, index, scale = 0, displacement }: Memory,
  indexName: (n: number) => string = r64,
): string => {
  const scaled = index === undefined ? '' : `+${indexName(index)}*${1 << scale}`;
  const distance = displacement === 0 ? '' : displacement < 0 ? `${displacement}` : `+${displacement}`;
  return `[${r64(base)}${scaled}${distance}]`;
};

// Places in memory: every form of base, index and displacement

const DISPLACEMENTS = [0, 1, -1, 127, 128, -128, -129, 0x12345678];
const ADDRESSES: readonly Memory[] = [
  ...Array.from({ length: 16 }, (_, base) => ({ base, displacement: 0 })),
  ...DISPLACEMENTS.flatMap((displacement) =>
    [RAX, RSP, RBP, 12, 13, 15].map((base) => ({ base, displacement })),
  ),
  ...DISPLACEMENTS.flatMap((displacement) =>
    [
      { base: 15, index: RBX },
      { base: RBP, index: RBP, scale: 1 },
      { base: 13, index: 13, scale: 2 },
      { base: RSP, index: 12, scale: 3 },
      { base: 12, index: RAX, scale: 3 },
    ].map((each) => ({ ...each, displacement })),
  ),
];
const SOME_ADDRESSES: readonly Memory[] = [
  { base: 15, displacement: 0 },
  { base: RBP, index: 9, displacement: 0 },
  { base: RSP, displacement: 8 },
  { base: 15, index: RCX, scale: 2, displacement: 4096 },
];

// General instructions

const PAIRS: readonly (readonly [number, number])[] = [
  [0, 1],
  [3, 9],
  [12, 5],
  [15, 14],
  [7, 7],
];
const WIDTHS = [false, true];
const NUMBERS = [0, 1, -1, 127, 128, -128, -129, 2 ** 31 - 1, -(2 ** 31)];
const ARITHMETIC: readonly Arithmetic[] = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'];
const EVERY = Array.from({ length: 16 }, (_, n) => n);
const SHIFTS = [
  [4, 'shl', 'shlx'],
  [5, 'shr', 'shrx'],
  [7, 'sar', 'sarx'],
] as const;
/** The names of conditions that gas prefers, by their codes. */
const CONDITIONS: Readonly<Record<keyof typeof CONDITION, string>> = {
  below: 'b',
  aboveOrEqual: 'ae',
  equal: 'e',
  notEqual: 'ne',
  belowOrEqual: 'be',
  above: 'a',
  parity: 'p',
  noParity: 'np',
  less: 'l',
  greaterOrEqual: 'ge',
  lessOrEqual: 'le',
  greater: 'g',
};
const conditions = Object.entries(CONDITIONS) as [keyof typeof CONDITION, string][];

function generalCases(): Case[] {
  const cases: Case[] = [];
  const add = (of: string, text: string, emit: (a: Assembler) => void): void =>
    void cases.push({ of, text, emit });
  for (const wide of WIDTHS) {
    const r = (n: number): string => general(n, wide);
    const size = wide ? 'qword' : 'dword';
    for (const [to, from] of PAIRS) {
      if (!(to === from && wide)) add('move', `mov ${r(to)}, ${r(from)}`, (a) => a.move(to, from, wide));
      for (const op of ARITHMETIC)
        add('arithmetic', `${op} ${r(to)}, ${r(from)}`, (a) => a.arithmetic(op, to, from, wide));
      for (const value of NUMBERS)
        add('multiplyConstant', `imul ${r(to)}, ${r(from)}, ${value}`, (a) =>
          a.multiplyConstant(to, from, value, wide),
        );
    }
    for (const at of ADDRESSES) add('load', `mov ${r(9)}, ${place(at)}`, (a) => a.load(9, at, wide));
    for (const at of SOME_ADDRESSES) {
      add('store', `mov ${size} ptr ${place(at)}, ${r(3)}`, (a) => a.store(at, 3, wide));
      add('loadAddress', `lea ${r(10)}, ${place(at)}`, (a) => a.loadAddress(10, at, wide));
      add('arithmetic', `add ${r(11)}, ${place(at)}`, (a) => a.arithmetic('add', 11, at, wide));
    }
    for (const n of EVERY) {
      add('negate', `neg ${r(n)}`, (a) => a.negate(n, wide));
      for (const [kind, name] of SHIFTS) {
        // One has an encoding of its own that is shorter; ours does without.
        for (const count of [2, 31])
          add('shiftConstant', `${name} ${r(n)}, ${count}`, (a) => a.shiftConstant(kind, n, count, wide));
      }
    }
    for (const op of ARITHMETIC)
      for (const value of NUMBERS)
        for (const n of [0, 5, 13])
          add('arithmeticConstant', `${op} ${r(n)}, ${value}`, (a) =>
            a.arithmeticConstant(op, n, value, wide),
          );
  }
  for (const n of EVERY) {
    for (const value of NUMBERS) {
      if (value !== 0) add('moveConstant', `mov ${r32(n)}, ${value}`, (a) => a.moveConstant(n, value));
    }
    add('moveConstant', `xor ${r32(n)}, ${r32(n)}`, (a) => a.moveConstant(n, 0));
    for (const value of [0x123456789abcdef0n, 0xfedcba9876543210n, 0xffffffff00000001n])
      add('moveConstant64', `movabs ${r64(n)}, 0x${value.toString(16)}`, (a) => a.moveConstant64(n, value));
    add('invert', `not ${r32(n)}`, (a) => a.invert(n));
    add('divide', `div ${r32(n)}`, (a) => a.divide(n, false));
    add('divide', `idiv ${r32(n)}`, (a) => a.divide(n, true));
    add('push', `push ${r64(n)}`, (a) => a.push(n));
    add('pop', `pop ${r64(n)}`, (a) => a.pop(n));
    add('callRegister', `call ${r64(n)}`, (a) => a.callRegister(n));
    add('extendByte', `movzx ${r32(9)}, ${r8(n)}`, (a) => a.extendByte(9, n));
    add('extendByte', `movzx ${r32(n)}, ${r8(1)}`, (a) => a.extendByte(n, 1));
    for (const at of SOME_ADDRESSES) {
      add('storeByte', `mov byte ptr ${place(at)}, ${r8(n)}`, (a) => a.storeByte(at, n));
      add('storeWord', `mov word ptr ${place(at)}, ${r16(n)}`, (a) => a.storeWord(at, n));
    }
  }
  for (const [name, code] of conditions) {
    const condition = CONDITION[name];
    for (const n of EVERY) add('setCondition', `set${code} ${r8(n)}`, (a) => a.setCondition(condition, n));
    for (const [to, from] of PAIRS)
      add('moveIf', `cmov${code} ${r32(to)}, ${r32(from)}`, (a) => a.moveIf(condition, to, from));
    add('jumpIf', `1: j${code} 1b`, (a) => {
      const label = new Label();
      a.bind(label);
      a.jumpIf(condition, label);
    });
  }
  for (const [x, y] of PAIRS) {
    add('test', `test ${r32(x)}, ${r32(y)}`, (a) => a.test(x, y));
    add('multiply', `imul ${r32(x)}, ${r32(y)}`, (a) => a.multiply(x, y));
    for (const third of [2, 11]) {
      for (const [kind, , name] of SHIFTS)
        add('shift', `${name} ${r32(x)}, ${r32(y)}, ${r32(third)}`, (a) => a.shift(kind, x, y, third));
      add('lowestBits', `bzhi ${r32(x)}, ${r32(y)}, ${r32(third)}`, (a) => a.lowestBits(x, y, third));
      if (x !== y)
        add('multiplyHigh64', `mulx ${r64(x)}, ${r64(y)}, ${r64(third)}`, (a) =>
          a.multiplyHigh64(x, y, third),
        );
    }
  }
  for (const at of SOME_ADDRESSES) {
    const to = place(at);
    for (const signed of WIDTHS)
      add('loadByte', `mov${signed ? 's' : 'z'}x r9d, byte ptr ${to}`, (a) => a.loadByte(9, at, signed));
    add('loadWord', `movzx ebx, word ptr ${to}`, (a) => a.loadWord(RBX, at));
    for (const value of NUMBERS)
      add('storeConstant', `mov dword ptr ${to}, ${value}`, (a) => a.storeConstant(at, value));
    add('exchangeAdd', `lock xadd dword ptr ${to}, r9d`, (a) => a.exchangeAdd(at, 9));
    for (const level of [0, 1, 2] as const)
      add('prefetch', `prefetcht${level} ${to}`, (a) => a.prefetch(at, level));
  }
  add('spreadSign', 'cdq', (a) => a.spreadSign());
  add('return', 'ret', (a) => a.return());
  add('pause', 'pause', (a) => a.pause());
  add('systemCall', 'syscall', (a) => a.systemCall());
  add('readClock', 'rdtsc', (a) => a.readClock());
  add('zeroUpper', 'vzeroupper', (a) => a.zeroUpper());
  for (const [method, name] of [
    ['jump', '{disp32} jmp'],
    ['call', 'call'],
  ] as const) {
    add(method, `${name} 1f; nop; 1: nop`, (a) => {
      const label = new Label();
      a[method](label);
      a.byte(0x90);
      a.bind(label);
      a.byte(0x90);
    });
    add(method, `1: nop; ${name} 1b`, (a) => {
      const label = new Label();
      a.bind(label);
      a.byte(0x90);
      a[method](label);
    });
  }
  add('jumpIf', '{disp32} jb 1f; nop; 1: nop', (a) => {
    const label = new Label();
    a.jumpIf(CONDITION.below, label);
    a.byte(0x90);
    a.bind(label);
    a.byte(0x90);
  });
  for (const distance of [126, 127])
    add('jumpIf', `1: .fill ${distance}, 1, 0x90; ja 1b`, (a) => {
      const label = new Label();
      a.bind(label);
      for (let n = 0; n < distance; n++) a.byte(0x90);
      a.jumpIf(CONDITION.above, label);
    });
  return cases;
}

// Mask registers

function maskCases(): Case[] {
  const cases: Case[] = [];
  const add = (text: string, emit: (a: Assembler) => void): void =>
    void cases.push({ of: 'maskInstruction', text, emit });
  const binary = [
    [0x41, 'kandw'],
    [0x42, 'kandnw'],
    [0x45, 'korw'],
    [0x46, 'kxnorw'],
    [0x47, 'kxorw'],
  ] as const;
  for (const [code, name] of binary)
    for (const [x, y, z] of [
      [1, 2, 3],
      [7, 0, 6],
    ] as const)
      add(`${name} k${x}, k${y}, k${z}`, (a) => a.maskInstruction(code, 0, true, x, y, z));
  add('knotw k5, k2', (a) => a.maskInstruction(0x44, 0, false, 5, 0, 2));
  add('kmovw k5, k2', (a) => a.maskInstruction(0x90, 0, false, 5, 0, 2));
  for (const n of [0, 7, 8, 15]) {
    add(`kmovw k6, ${r32(n)}`, (a) => a.maskInstruction(0x92, 0, false, 6, 0, n));
    add(`kmovw ${r32(n)}, k6`, (a) => a.maskInstruction(0x93, 0, false, n, 0, 6));
  }
  for (const at of SOME_ADDRESSES) {
    add(`kmovw k3, word ptr ${place(at)}`, (a) => a.maskInstruction(0x90, 0, false, 3, 0, at));
    add(`kmovw word ptr ${place(at)}, k3`, (a) => a.maskInstruction(0x91, 0, false, 3, 0, at));
  }
  return cases;
}

// Vector instructions

/** What an operand is: a vector of the instruction's length, or of a fixed one, a general register or a mask. */
type Kind = 'v' | 'x' | 'y' | 'r32' | 'r64' | 'k';

interface Spec {
  readonly op: VectorOp;
  /** The name in both forms, or in the short one and the long one. */
  readonly name: string | readonly [vex: string, evex: string];
  /** The operands in the order of the text: which part of the instruction holds them, and their kinds. */
  readonly order: readonly ('reg' | 'source' | 'place')[];
  readonly kinds?: Partial<Record<'reg' | 'source' | 'place', Kind>>;
  readonly lengths?: readonly VectorLength[];
  readonly immediate?: number;
  /** What text says of the size of memory, where it must. */
  readonly size?: string;
  readonly memory?: 'only' | 'none';
  /** Whether elements can be broadcast from memory, and lanes be masked. */
  readonly broadcast?: boolean;
  readonly mask?: 'merge' | 'both' | 'needed';
}

const RVM = ['reg', 'source', 'place'] as const;
const RM = ['reg', 'place'] as const;
const MR = ['place', 'reg'] as const;
const SCALAR = { lengths: [0] as const, kinds: { reg: 'x', source: 'x', place: 'x' } } as const;
const PACKED = { broadcast: true, mask: 'both' } as const;

function floats(
  key: string,
  name: string,
  order: readonly ('reg' | 'source' | 'place')[] = RVM,
): Record<string, Spec> {
  const entry = (VECTOR as unknown as Record<string, Record<'f32v' | 'f32' | 'f64', VectorOp>>)[key];
  if (entry === undefined) throw new Error(`no ${key}`);
  return {
    [`${key}.f32v`]: { op: entry.f32v, name: `${name}ps`, order, ...PACKED },
    [`${key}.f32`]: { op: entry.f32, name: `${name}ss`, order: RVM, ...SCALAR },
    [`${key}.f64`]: { op: entry.f64, name: `${name}sd`, order: RVM, ...SCALAR },
  };
}

const WIDE: readonly VectorLength[] = [1, 2];
const packed = (op: VectorOp, name: Spec['name'], more: Partial<Spec> = {}): Spec => ({
  op,
  name,
  order: RVM,
  ...PACKED,
  ...more,
});
const integer = (op: VectorOp, name: string): Spec => packed(op, name);
const plain = (op: VectorOp, name: Spec['name'], order: Spec['order'], more: Partial<Spec> = {}): Spec => ({
  op,
  name,
  order,
  ...more,
});
const vexOnly: Partial<Spec> = { lengths: [0, 1] };

const SPECS: Readonly<Record<string, Spec>> = {
  ...floats('add', 'vadd'),
  ...floats('mul', 'vmul'),
  ...floats('sub', 'vsub'),
  ...floats('min', 'vmin'),
  ...floats('div', 'vdiv'),
  ...floats('max', 'vmax'),
  ...floats('sqrt', 'vsqrt', RM),
  ...floats('fma213', 'vfmadd213'),
  ...floats('fma231', 'vfmadd231'),
  'round.f32v': packed(VECTOR.round.f32v, ['vroundps', 'vrndscaleps'], { order: RM, immediate: 9 }),
  'round.f32': plain(VECTOR.round.f32, ['vroundss', 'vrndscaless'], RVM, { ...SCALAR, immediate: 10 }),
  'round.f64': plain(VECTOR.round.f64, ['vroundsd', 'vrndscalesd'], RVM, { ...SCALAR, immediate: 11 }),
  compare: plain(VECTOR.compare, 'vcmpps', RVM, { ...vexOnly, immediate: 0x11 }),
  compareMask: packed(VECTOR.compareMask, 'vcmpps', { kinds: { reg: 'k' }, immediate: 0x1d, mask: 'merge' }),
  load: plain(VECTOR.load, 'vmovups', RM, { mask: 'both', memory: 'only' }),
  store: plain(VECTOR.store, 'vmovups', MR, { mask: 'merge', memory: 'only' }),
  storeMasked: plain(VECTOR.storeMasked, 'vmaskmovps', ['place', 'source', 'reg'], {
    ...vexOnly,
    memory: 'only',
  }),
  loadMasked: plain(VECTOR.loadMasked, 'vmaskmovps', RVM, { ...vexOnly, memory: 'only' }),
  move: plain(VECTOR.move, 'vmovaps', RM, { mask: 'both' }),
  loadF32: plain(VECTOR.loadF32, 'vmovss', RM, { ...SCALAR, memory: 'only' }),
  storeF32: plain(VECTOR.storeF32, 'vmovss', MR, { ...SCALAR, memory: 'only' }),
  loadF64: plain(VECTOR.loadF64, 'vmovsd', RM, { ...SCALAR, memory: 'only' }),
  storeF64: plain(VECTOR.storeF64, 'vmovsd', MR, { ...SCALAR, memory: 'only' }),
  broadcastF32: plain(VECTOR.broadcastF32, 'vbroadcastss', RM, { kinds: { place: 'x' }, mask: 'both' }),
  broadcastI32: plain(VECTOR.broadcastI32, 'vpbroadcastd', RM, { kinds: { place: 'x' }, mask: 'both' }),
  broadcastGeneral: plain(VECTOR.broadcastGeneral, 'vpbroadcastd', RM, {
    kinds: { place: 'r32' },
    memory: 'none',
  }),
  fromGeneral: plain(VECTOR.fromGeneral, 'vmovd', RM, { ...SCALAR, kinds: { reg: 'x', place: 'r32' } }),
  toGeneral: plain(VECTOR.toGeneral, 'vmovd', MR, { ...SCALAR, kinds: { reg: 'x', place: 'r32' } }),
  fromGeneral64: plain(VECTOR.fromGeneral64, 'vmovq', RM, { ...SCALAR, kinds: { reg: 'x', place: 'r64' } }),
  toGeneral64: plain(VECTOR.toGeneral64, 'vmovq', MR, { ...SCALAR, kinds: { reg: 'x', place: 'r64' } }),
  and: packed(VECTOR.and, 'vandps'),
  or: packed(VECTOR.or, 'vorps'),
  xor: packed(VECTOR.xor, 'vxorps'),
  addI32: integer(VECTOR.addI32, 'vpaddd'),
  subI32: integer(VECTOR.subI32, 'vpsubd'),
  mulI32: integer(VECTOR.mulI32, 'vpmulld'),
  minS: integer(VECTOR.minS, 'vpminsd'),
  minU: integer(VECTOR.minU, 'vpminud'),
  maxS: integer(VECTOR.maxS, 'vpmaxsd'),
  maxU: integer(VECTOR.maxU, 'vpmaxud'),
  shiftLeft: plain(VECTOR.shiftLeft, 'vpslld', RVM, { kinds: { place: 'x' }, mask: 'both' }),
  shiftRight: plain(VECTOR.shiftRight, 'vpsrld', RVM, { kinds: { place: 'x' }, mask: 'both' }),
  shiftRightSigned: plain(VECTOR.shiftRightSigned, 'vpsrad', RVM, { kinds: { place: 'x' }, mask: 'both' }),
  compareI32: packed(VECTOR.compareI32, 'vpcmpd', { kinds: { reg: 'k' }, immediate: 5, mask: 'merge' }),
  compareU32: packed(VECTOR.compareU32, 'vpcmpud', { kinds: { reg: 'k' }, immediate: 6, mask: 'merge' }),
  equalI32: plain(VECTOR.equalI32, 'vpcmpeqd', RVM, vexOnly),
  greaterI32: plain(VECTOR.greaterI32, 'vpcmpgtd', RVM, vexOnly),
  blendMask: packed(VECTOR.blendMask, 'vblendmps'),
  blendMaskF64: packed(VECTOR.blendMaskF64, 'vblendmpd', { broadcast: false }),
  signsToGeneral: plain(VECTOR.signsToGeneral, 'vmovmskps', RM, {
    ...vexOnly,
    kinds: { reg: 'r32' },
    memory: 'none',
  }),
  fromI32: packed(VECTOR.fromI32, 'vcvtdq2ps', { order: RM }),
  fromU32: packed(VECTOR.fromU32, 'vcvtudq2ps', { order: RM }),
  toI32: packed(VECTOR.toI32, 'vcvttps2dq', { order: RM }),
  toU32: packed(VECTOR.toU32, 'vcvttps2udq', { order: RM }),
  'fromScalarI32.f32': plain(VECTOR.fromScalarI32.f32, 'vcvtsi2ss', RVM, {
    ...SCALAR,
    kinds: { reg: 'x', source: 'x', place: 'r32' },
    size: 'dword',
  }),
  'fromScalarI32.f64': plain(VECTOR.fromScalarI32.f64, 'vcvtsi2sd', RVM, {
    ...SCALAR,
    kinds: { reg: 'x', source: 'x', place: 'r32' },
    size: 'dword',
  }),
  'fromScalarI64.f32': plain(VECTOR.fromScalarI64.f32, 'vcvtsi2ss', RVM, {
    ...SCALAR,
    kinds: { reg: 'x', source: 'x', place: 'r64' },
    size: 'qword',
  }),
  'fromScalarI64.f64': plain(VECTOR.fromScalarI64.f64, 'vcvtsi2sd', RVM, {
    ...SCALAR,
    kinds: { reg: 'x', source: 'x', place: 'r64' },
    size: 'qword',
  }),
  f64ToI64: plain(VECTOR.f64ToI64, 'vcvttsd2si', RM, { ...SCALAR, kinds: { reg: 'r64', place: 'x' } }),
  widen: plain(VECTOR.widen, 'vcvtss2sd', RVM, SCALAR),
  narrow: plain(VECTOR.narrow, 'vcvtsd2ss', RVM, SCALAR),
  'order.f32': plain(VECTOR.order.f32, 'vucomiss', RM, SCALAR),
  'order.f64': plain(VECTOR.order.f64, 'vucomisd', RM, SCALAR),
  widenU8: plain(VECTOR.widenU8, 'vpmovzxbd', RM, { kinds: { place: 'x' }, mask: 'both' }),
  widenI8: plain(VECTOR.widenI8, 'vpmovsxbd', RM, { kinds: { place: 'x' }, mask: 'both' }),
  widenU16: plain(VECTOR.widenU16, 'vpmovzxwd', RM, { mask: 'both', memory: 'only' }),
  narrowToU8: plain(VECTOR.narrowToU8, 'vpmovdb', MR, { kinds: { place: 'x' }, mask: 'merge' }),
  narrowToU16: plain(VECTOR.narrowToU16, 'vpmovdw', MR, { mask: 'merge', memory: 'only' }),
  shuffleBytes: plain(VECTOR.shuffleBytes, 'vpshufb', RVM),
  insertF32: plain(VECTOR.insertF32, 'vinsertps', RVM, { ...SCALAR, immediate: 0x30 }),
  insertI32: plain(VECTOR.insertI32, 'vpinsrd', RVM, {
    ...SCALAR,
    kinds: { reg: 'x', source: 'x', place: 'r32' },
    immediate: 2,
  }),
  extractI32: plain(VECTOR.extractI32, 'vpextrd', MR, {
    ...SCALAR,
    kinds: { reg: 'x', place: 'r32' },
    immediate: 3,
  }),
  insert128: plain(VECTOR.insert128, ['vinsertf128', 'vinsertf32x4'], RVM, {
    kinds: { place: 'x' },
    lengths: WIDE,
    immediate: 1,
    mask: 'both',
  }),
  extract128: plain(VECTOR.extract128, ['vextractf128', 'vextractf32x4'], MR, {
    kinds: { place: 'x' },
    lengths: WIDE,
    immediate: 1,
  }),
  insert256: plain(VECTOR.insert256, 'vinsertf32x8', RVM, {
    kinds: { place: 'y' },
    lengths: [2],
    immediate: 1,
    mask: 'both',
  }),
  extract256: plain(VECTOR.extract256, 'vextractf32x8', MR, {
    kinds: { place: 'y' },
    lengths: [2],
    immediate: 1,
  }),
  permuteInLane: packed(VECTOR.permuteInLane, 'vpermilps', { order: RM, immediate: 0x1b }),
  permute: packed(VECTOR.permute, 'vpermps', { lengths: WIDE }),
  permuteInLaneBy: packed(VECTOR.permuteInLaneBy, 'vpermilps'),
  permuteTwo: packed(VECTOR.permuteTwo, 'vpermt2ps'),
  ternary: packed(VECTOR.ternary, 'vpternlogd', { immediate: 0x78 }),
  shuffle: packed(VECTOR.shuffle, 'vshufps', { immediate: 0x44 }),
  unpackLow: packed(VECTOR.unpackLow, 'vunpcklps'),
  unpackHigh: packed(VECTOR.unpackHigh, 'vunpckhps'),
  permuteBlocks: plain(VECTOR.permuteBlocks, 'vperm2f128', RVM, { lengths: [1], immediate: 0x31 }),
  shuffleBlocks: packed(VECTOR.shuffleBlocks, 'vshuff32x4', { lengths: WIDE, immediate: 0x88 }),
  dotU8: packed(VECTOR.dotU8, 'vpdpbusd'),
};

const sizeOf = (op: VectorOp, length: VectorLength): number =>
  op.bytes === 'vector'
    ? 16 << length
    : typeof op.bytes === 'number'
      ? op.bytes
      : (16 << length) / op.bytes.part;

type Operand = number | Memory | ConstantMemory;

function* casesOf(of: string, spec: Spec): Generator<Case> {
  const { op, order, kinds = {}, immediate, lengths = [0, 1, 2], memory, mask, broadcast = false } = spec;
  const hasSource = order.includes('source');
  for (const length of lengths) {
    const nameOf = (part: 'reg' | 'source' | 'place', n: number): string => {
      const kind = kinds[part] ?? 'v';
      if (kind === 'v') return vectorName(length, n);
      if (kind === 'x' || kind === 'y') return vectorName(kind === 'x' ? 0 : 1, n);
      return kind === 'k' ? `k${n}` : general(n, kind === 'r64');
    };
    const make = (reg: number, source: number, operand: Operand, options: VectorOptions = {}): Case => {
      const isLong =
        op.form === 'evex' ||
        length === 2 ||
        [reg, hasSource ? source : 0, typeof operand === 'number' ? operand : 0].some((n) => n >= 16) ||
        options.mask !== undefined ||
        options.broadcast === true;
      const name = typeof spec.name === 'string' ? spec.name : spec.name[isLong ? 1 : 0];
      const selected = `${options.mask === undefined ? '' : `{k${options.mask}}`}${options.zero ? '{z}' : ''}`;
      const parts = order.map((part, n) => {
        const chosen = n === 0 ? selected : '';
        if (part === 'reg') return nameOf(part, reg) + chosen;
        if (part === 'source') return nameOf(part, source) + chosen;
        if (typeof operand === 'number') return nameOf(part, operand) + chosen;
        const where = 'constant' in operand ? '[rip+@]' : place(operand);
        if (options.broadcast)
          return `${op.element === 8 ? 'qword' : 'dword'} ptr ${where}{1to${(16 << length) / op.element}}`;
        return `${spec.size === undefined ? '' : `${spec.size} ptr `}${where}${chosen}`;
      });
      if (immediate !== undefined) parts.push(`${immediate}`);
      const all = immediate === undefined ? options : { ...options, immediate };
      return {
        of,
        text: `${name} ${parts.join(', ')}`,
        emit: (a) => {
          const target = typeof operand !== 'number' && 'constant' in operand ? a.constant(SIXTEEN) : operand;
          a.vector(op, length, reg, hasSource ? source : 0, target, all);
        },
      };
    };
    const isVector = (part: 'reg' | 'source' | 'place'): boolean =>
      ['v', 'x', 'y'].includes(kinds[part] ?? 'v');
    const limit = (part: 'reg' | 'source' | 'place', n: number): number =>
      isVector(part) ? n : kinds[part] === 'k' ? 1 + (n % 7) : n % 16;
    const numbers = (reg: number, source: number, other: number): [number, number, number] => [
      limit('reg', reg),
      limit('source', source),
      limit('place', other),
    ];
    const low =
      op.form === 'evex' || length < 2 ? [numbers(1, 2, 3), numbers(9, 10, 11), numbers(7, 8, 15)] : [];
    const high =
      op.form === 'vex'
        ? []
        : [numbers(17, 18, 19), numbers(31, 0, 15), numbers(8, 31, 7), numbers(2, 9, 24), numbers(0, 24, 8)];
    const both = [...low, ...high];
    if (memory !== 'only') for (const [reg, source, other] of both) yield make(reg, source, other);
    const unit = sizeOf(op, length);
    const [first, last] = [both[0], high[0]] as const;
    if (memory !== 'none') {
      const displacements = [0, unit, 127 * unit, 128 * unit, -128 * unit, -129 * unit, 1, unit + 2];
      displacements.forEach((displacement, n) => {
        const at: Memory = {
          base: [15, RBP, RSP, 12, 13][n % 5] ?? 15,
          displacement,
          ...(n % 2 === 0 ? {} : { index: n % 3 === 0 ? 9 : RBX, scale: n % 4 }),
        };
        for (const each of n % 3 === 0 ? [first, last] : [last ?? first])
          if (each !== undefined) cases.push(make(each[0], each[1], at));
      });
      yield* cases.splice(0);
      if (order !== MR)
        for (const each of [first, last])
          if (each !== undefined) yield make(each[0], each[1], { constant: 0 });
      if (broadcast && op.form !== 'vex')
        for (const [reg, source] of [numbers(1, 2, 3), numbers(25, 26, 3)])
          for (const displacement of [0, 127 * op.element, 128 * op.element, 2])
            yield make(reg, source, { base: 15, index: 14, displacement }, { broadcast: true });
    }
    if (mask !== undefined && op.form !== 'vex') {
      const [reg, source, other] = numbers(1, 2, 3);
      const operand = memory === 'only' ? { base: 15, displacement: unit } : other;
      yield make(reg, source, operand, { mask: 1 });
      yield make(...(numbers(30, 20, 10).slice(0, 2) as [number, number]), memory === 'only' ? operand : 10, {
        mask: 7,
      });
      if (mask === 'both') yield make(reg, source, operand, { mask: 3, zero: true });
    }
  }
}
const cases: Case[] = [];

const SIXTEEN = Array.from({ length: 16 }, (_, n) => n);

/** Those with operands of a kind that no other has. */
function specialCases(): Case[] {
  const found: Case[] = [];
  const add = (of: string, text: string, emit: (a: Assembler) => void): void =>
    void found.push({ of, text, emit });
  const lengths: readonly VectorLength[] = [0, 1, 2];
  for (const length of lengths) {
    const v = (n: number): string => vectorName(length, n);
    for (const [digit, name] of [
      [6, 'vpslld'],
      [2, 'vpsrld'],
      [4, 'vpsrad'],
    ] as const)
      for (const [to, from] of [
        [1, 2],
        [9, 12],
        [17, 3],
        [4, 30],
      ] as const)
        add('shiftConstant', `${name} ${v(to)}, ${v(from)}, 7`, (a) =>
          a.vector(VECTOR.shiftConstant, length, digit, to, from, { immediate: 7 }),
        );
    for (const [to, from] of [
      [1, 2],
      [9, 12],
      [17, 3],
      [4, 30],
    ] as const)
      add('rotateConstant', `vprold ${v(to)}, ${v(from)}, 9`, (a) =>
        a.vector(VECTOR.rotateConstant, length, 1, to, from, { immediate: 9 }),
      );
    for (const [of, op, name] of [['gather', VECTOR.gather, 'vgatherdps']] as const) {
      for (const [to, index] of [
        [1, 4],
        [9, 12],
        [17, 20],
        [3, 31],
        [30, 7],
      ] as const) {
        for (const scale of [0, 2]) {
          const at: Memory = { base: RAX, index, scale, displacement: 0 };
          add(of, `${name} ${v(to)}{k2}, ${place(at, v)}`, (a) =>
            a.vector(op, length, to, 0, at, { mask: 2 }),
          );
          const far: Memory = { base: 13, index, scale, displacement: 8 };
          add(of, `${name} ${v(to)}{k7}, ${place(far, v)}`, (a) =>
            a.vector(op, length, to, 0, far, { mask: 7 }),
          );
          if (length === 2 || to >= 16 || index >= 16) continue;
          add(of, `${name} ${v(to)}, ${place(at, v)}, ${v(2)}`, (a) => a.vector(op, length, to, 2, at));
          add(of, `${name} ${v(to)}, ${place(far, v)}, ${v(14)}`, (a) => a.vector(op, length, to, 14, far));
        }
      }
    }
    for (const [from, index] of [
      [1, 4],
      [9, 12],
      [17, 20],
      [3, 31],
    ] as const) {
      for (const displacement of [0, 4, 512]) {
        const at: Memory = { base: RAX, index, scale: 2, displacement };
        add('scatter', `vscatterdps ${place(at, v)}{k3}, ${v(from)}`, (a) =>
          a.vector(VECTOR.scatter, length, from, 0, at, { mask: 3 }),
        );
      }
    }
    if (length === 2) continue;
    for (const [of, op, name] of [
      ['blendVector', VECTOR.blendVector, 'vblendvps'],
      ['blendVectorF64', VECTOR.blendVectorF64, 'vblendvpd'],
    ] as const)
      for (const [to, x, y, mask] of [
        [1, 2, 3, 4],
        [9, 10, 11, 15],
      ] as const)
        add(of, `${name} ${v(to)}, ${v(x)}, ${v(y)}, ${v(mask)}`, (a) =>
          a.vector(op, length, to, x, y, { immediate: mask << 4 }),
        );
  }
  return found;
}

export const CASES: readonly Case[] = [
  ...generalCases(),
  ...maskCases(),
  ...Object.entries(SPECS).flatMap(([of, spec]) => [...casesOf(of, spec)]),
  ...specialCases(),
];

/** The names of all instructions in VECTOR. */
export const VECTOR_NAMES: readonly string[] = Object.entries(VECTOR).flatMap(([name, entry]) =>
  'code' in entry ? [name] : Object.keys(entry).map((type) => `${name}.${type}`),
);

/** The bytes of one case. Constants lie 64 bytes from its beginning. */
export function bytesOf(
  { emit }: Case,
  assembler: Assembler,
): { readonly bytes: Uint8Array; readonly distance: number } {
  emit(assembler);
  const { position } = assembler;
  return { bytes: assembler.finish().slice(0, position), distance: 64 - position };
}

export const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
