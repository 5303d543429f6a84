/** Instructions as the GNU assembler writes them, and as ours emits them: what test/goldens/arm64-encodings.json is made of and compared with. */
import type { Assembler } from '../../src/targets/arm64/assembler.js';
import { Label } from '../../src/targets/arm64/code-buffer.js';
import { byteImmediate, floatImmediate } from '../../src/targets/arm64/immediates.js';
import {
  ACCESS,
  ARITHMETIC,
  CONDITION,
  FLOAT_GENERAL,
  FLOAT_ONE,
  FLOAT_TWO,
  LOGICAL,
  MULTIPLY,
  SELECT,
  TWO_SOURCES,
  VECTOR_ACROSS,
  VECTOR_ELEMENT,
  VECTOR_LOGICAL,
  VECTOR_RESIZE,
  VECTOR_SHIFT,
  VECTOR_THREE,
  VECTOR_TWO,
  type Access,
  type Condition,
} from '../../src/targets/arm64/instructions.js';
import { floatBits } from '../../src/targets/cpu/bits.js';

export interface EncodingCase {
  /** Lines of assembly. */
  readonly text: string;
  readonly emit: (a: Assembler) => void;
}

export const ENCODINGS: EncodingCase[] = [];

const add = (text: string, emit: (a: Assembler) => void): void => {
  ENCODINGS.push({ text, emit });
};
const keys = <K extends string>(table: Readonly<Record<K, unknown>>): K[] => Object.keys(table) as K[];

/** Registers with each of their bits set and not. */
const TRIPLES = [
  [0, 1, 2],
  [21, 10, 5],
  [30, 29, 15],
] as const;
const VECTOR_TRIPLES = [...TRIPLES, [31, 30, 16]] as const;

// General instructions

for (const op of keys(ARITHMETIC)) {
  for (const [d, n, m] of TRIPLES) {
    add(`${op} w${d}, w${n}, w${m}`, (a) => a.arithmetic(op, d, n, m));
    add(`${op} w${d}, w${n}, w${m}, lsl #4`, (a) => a.arithmetic(op, d, n, m, 4));
    add(`${op} x${d}, x${n}, x${m}`, (a) => a.arithmetic(op, d, n, m, 0, true));
    for (const value of [1, 4095, 4096, 0xfff000]) {
      add(`${op} w${d}, w${n}, #${value}`, (a) => a.arithmeticImmediate(op, d, n, value));
      add(`${op} x${d}, x${n}, #${value}`, (a) => a.arithmeticImmediate(op, d, n, value, true));
    }
  }
}
add('cmp w3, w4', (a) => a.arithmetic('subs', 31, 3, 4));
add('cmn w3, #7', (a) => a.arithmeticImmediate('adds', 31, 3, 7));
add('sub sp, sp, #208', (a) => a.arithmeticImmediate('sub', 31, 31, 208, true));
add('mov x29, sp', (a) => a.arithmeticImmediate('add', 29, 31, 0, true));
for (const extension of ['uxtw', 'sxtw'] as const) {
  for (const shift of [1, 2, 4])
    add(`add x17, x28, w9, ${extension} #${shift}`, (a) => a.addExtended(17, 28, 9, extension, shift));
  add(`add x1, x28, w30, ${extension}`, (a) => a.addExtended(1, 28, 30, extension));
}
for (const op of keys(LOGICAL))
  for (const [d, n, m] of TRIPLES)
    add(`${op} w${d}, w${n}, w${m}`, (a) => {
      a.logical(op, d, n, m);
    });
/** Every run of ones in every size, some of their rotations. */
for (let size = 2; size <= 32; size *= 2) {
  for (let ones = 1; ones < size; ones++) {
    for (const rotation of [0, 1, size >> 1, size - 1]) {
      const element = ((2n ** BigInt(ones) - 1n) << BigInt(size)) | (2n ** BigInt(ones) - 1n);
      const turned = (element >> BigInt(rotation)) & (2n ** BigInt(size) - 1n);
      let value = 0n;
      for (let n = 0; n < 32; n += size) value |= turned << BigInt(n);
      const op = (['and', 'orr', 'eor'] as const)[(ones + rotation) % 3] ?? 'and';
      add(`${op} w7, w8, #${value}`, (a) => {
        if (!a.logicalImmediate(op, 7, 8, Number(value) | 0)) throw new Error(`${value} is held`);
      });
    }
  }
}
add('mov w3, w19', (a) => a.move(3, 19));
add('mov x19, x3', (a) => a.move(19, 3, true));
add('movz w3, #0xffff, lsl #16', (a) => a.moveWide('movz', 3, 0xffff, 1));
add('movn w30, #0x1234', (a) => a.moveWide('movn', 30, 0x1234, 0));
add('movk x30, #0x1234, lsl #48', (a) => a.moveWide('movk', 30, 0x1234, 3, true));
const CONSTANTS: readonly (readonly [number, string])[] = [
  [0, 'movz w5, #0'],
  [1, 'movz w5, #1'],
  [65535, 'movz w5, #65535'],
  [65536, 'movz w5, #1, lsl #16'],
  [-1, 'movn w5, #0'],
  [-65536, 'movn w5, #65535'],
  [-65537, 'movn w5, #1, lsl #16'],
  [0x7fffffff, 'movn w5, #0x8000, lsl #16'],
  [-0x80000000, 'movz w5, #0x8000, lsl #16'],
  [0x0ff00ff0, 'orr w5, wzr, #0x0ff00ff0'],
  [123456789, 'movz w5, #0xcd15\nmovk w5, #0x75b, lsl #16'],
];
for (const [value, text] of CONSTANTS) add(text, (a) => a.moveConstant(5, value));
add('movz x5, #0xdef0\nmovk x5, #0x9abc, lsl #16\nmovk x5, #0x1234, lsl #48', (a) => {
  a.moveConstant64(5, 0x1234_0000_9abc_def0n);
});
for (const op of keys(TWO_SOURCES))
  for (const [d, n, m] of TRIPLES) add(`${op} w${d}, w${n}, w${m}`, (a) => a.twoSources(op, d, n, m));
for (const op of ['lsl', 'lsr', 'asr'] as const)
  for (const count of [0, 1, 7, 31])
    add(`${op} w21, w10, #${count}`, (a) => a.shiftConstant(op, 21, 10, count));
for (const op of keys(MULTIPLY)) {
  for (const [d, n, m] of TRIPLES) add(`${op} w${d}, w${n}, w${m}, w17`, (a) => a.multiply(op, d, n, m, 17));
}
add('mul w1, w2, w30', (a) => a.multiply('madd', 1, 2, 30));
add('umulh x21, x10, x5', (a) => a.multiplyHigh64(21, 10, 5));
for (const op of keys(SELECT)) {
  for (const condition of Object.values(CONDITION))
    add(`${op} w21, w10, w5, ${conditionName(condition)}`, (a) => a.select(op, 21, 10, 5, condition));
}
for (const condition of Object.values(CONDITION))
  add(`cset w9, ${conditionName(condition)}`, (a) => a.setCondition(9, condition));

function conditionName(condition: Condition): string {
  return (
    ['eq', 'ne', 'hs', 'lo', 'mi', 'pl', 'vs', 'vc', 'hi', 'ls', 'ge', 'lt', 'gt', 'le'][condition] ?? ''
  );
}

// Memory

const MNEMONIC: Readonly<Record<Access, readonly [string, string, string]>> = {
  w: ['ldr', 'str', 'w'],
  x: ['ldr', 'str', 'x'],
  u8: ['ldrb', 'strb', 'w'],
  i8: ['ldrsb', 'strb', 'w'],
  u16: ['ldrh', 'strh', 'w'],
  b: ['ldr', 'str', 'b'],
  h: ['ldr', 'str', 'h'],
  s: ['ldr', 'str', 's'],
  d: ['ldr', 'str', 'd'],
  q: ['ldr', 'str', 'q'],
};
for (const access of keys(ACCESS)) {
  const [load, store, prefix] = MNEMONIC[access];
  const { bytes } = ACCESS[access];
  for (const direction of ['load', 'store'] as const) {
    const name = direction === 'load' ? load : store;
    add(`${name} ${prefix}21, [x10]`, (a) => a.access(direction, access, 21, { base: 10, offset: 0 }));
    add(`${name} ${prefix}21, [x10, #${bytes}]`, (a) =>
      a.access(direction, access, 21, { base: 10, offset: bytes }),
    );
    add(`${name} ${prefix}30, [sp, #${4095 * bytes}]`, (a) =>
      a.access(direction, access, 30, { base: 31, offset: 4095 * bytes }),
    );
    const unscaled = name.replace(/^(ld|st)r/, '$1ur');
    for (const offset of [-256, -1, ...(bytes > 1 ? [1, 255] : [])])
      add(`${unscaled} ${prefix}5, [x28, #${offset}]`, (a) =>
        a.access(direction, access, 5, { base: 28, offset }),
      );
    add(`${name} ${prefix}5, [x28, w27, uxtw]`, (a) =>
      a.access(direction, access, 5, { base: 28, index: 27 }),
    );
  }
}
add('prfm pldl1keep, [x10, #4088]', (a) => a.prefetch({ base: 10, offset: 4088 }));
add('prfum pldl1keep, [x10, #-4]', (a) => a.prefetch({ base: 10, offset: -4 }));
add('prfm pldl1keep, [x28, w9, uxtw]', (a) => a.prefetch({ base: 28, index: 9 }));
for (const [direction, name] of [
  ['load', 'ldp'],
  ['store', 'stp'],
] as const) {
  for (const vector of [false, true]) {
    const r = vector ? 'd' : 'x';
    for (const offset of [-512, 0, 8, 504])
      add(`${name} ${r}5, ${r}26, [sp, #${offset}]`, (a) =>
        a.pair(direction, 5, 26, { base: 31, offset }, { vector }),
      );
  }
  add(`${name} x29, x30, [sp, #-160]!`, (a) =>
    a.pair(direction, 29, 30, { base: 31, offset: -160 }, { update: 'before' }),
  );
  add(`${name} x1, x30, [sp], #160`, (a) =>
    a.pair(direction, 1, 30, { base: 31, offset: 160 }, { update: 'after' }),
  );
}
for (const [size, lanes] of [
  ['b', 16],
  ['h', 8],
  ['s', 4],
  ['d', 2],
] as const) {
  for (let lane = 0; lane < lanes; lane++) {
    add(`ld1 {v21.${size}}[${lane}], [x10]`, (a) => a.loadLane(size, 21, lane, 10));
    add(`st1 {v10.${size}}[${lane}], [x21]`, (a) => a.storeLane(size, 10, lane, 21));
  }
}
add('ldar w9, [x16]', (a) => a.loadAcquire(9, 16));
add('ldaxr w9, [x16]', (a) => a.loadExclusive(9, 16));
add('stlxr w17, w9, [x16]', (a) => a.storeExclusive(17, 9, 16));

// Jumps, and constants behind the code

const jumps: readonly (readonly [string, (a: Assembler, label: Label) => void])[] = [
  ['b', (a, label) => a.jump(label)],
  ['bl', (a, label) => a.call(label)],
  ...Object.values(CONDITION).map(
    (condition) =>
      [`b.${conditionName(condition)}`, (a: Assembler, label: Label) => a.jumpIf(condition, label)] as const,
  ),
  ['cbz w21,', (a, label) => a.jumpIfZero(21, label)],
  ['cbnz w10,', (a, label) => a.jumpUnlessZero(10, label)],
  ['tbz w21, #0,', (a, label) => a.jumpIfBitClear(21, 0, label)],
  ['tbz w10, #31,', (a, label) => a.jumpIfBitClear(10, 31, label)],
];
for (const [text, jump] of jumps) {
  add(`${text} 1f\nisb\n1:`, (a) => {
    const label = new Label();
    jump(a, label);
    a.instructionBarrier();
    a.bind(label);
  });
  add(`1: isb\n${text} 1b`, (a) => {
    const label = new Label();
    a.bind(label);
    a.instructionBarrier();
    jump(a, label);
  });
}
add('blr x21', (a) => a.callRegister(21));
add('ret', (a) => a.return());
add('dmb ish', (a) => a.memoryBarrier());
add('svc #0', (a) => a.systemCall());
add('mrs x16, cntvct_el0', (a) => a.readClock(16));
add('isb', (a) => a.instructionBarrier());
add('isb\nnop\nnop\nnop\nisb', (a) => {
  a.instructionBarrier();
  a.align(16);
  a.instructionBarrier();
});
add('ldr s1, 1f\nldr q2, 2f\nldr d3, 3f\nldr q4, 2f\n2: .word 1, 2, 3, 4\n3: .word 5, 6\n1: .word 7', (a) => {
  a.loadLiteral(1, [7]);
  a.loadLiteral(2, [1, 2, 3, 4]);
  a.loadLiteral(3, [5, 6]);
  a.loadLiteral(4, [1, 2, 3, 4]);
  a.placeLiterals();
});

// Floats

for (const [type, r] of [
  ['f32', 's'],
  ['f64', 'd'],
] as const) {
  for (const [d, n, m] of VECTOR_TRIPLES) {
    for (const op of keys(FLOAT_TWO))
      add(`${op} ${r}${d}, ${r}${n}, ${r}${m}`, (a) => a.floatTwo(op, type, d, n, m));
    for (const op of keys(FLOAT_ONE)) add(`${op} ${r}${d}, ${r}${n}`, (a) => a.floatOne(op, type, d, n));
    add(`fmadd ${r}${d}, ${r}${n}, ${r}${m}, ${r}19`, (a) => a.floatMultiplyAdd(type, d, n, m, 19));
    add(`fcmp ${r}${n}, ${r}${m}`, (a) => a.floatCompare(type, n, m));
    add(`fcsel ${r}${d}, ${r}${n}, ${r}${m}, mi`, (a) => a.floatSelect(type, d, n, m, CONDITION.minus));
  }
  for (const op of keys(FLOAT_GENERAL)) {
    const out = op.startsWith('fcvt') ? ['w21', `${r}10`] : [`${r}21`, 'w10'];
    add(`${op} ${out.join(', ')}`, (a) => a.floatGeneral(op, type, 21, 10));
    add(`${op} ${out.join(', ').replace('w', 'x')}`, (a) => a.floatGeneral(op, type, 21, 10, true));
  }
  for (const value of [2, 0.125, 31, -1.9375, 1]) {
    const field = floatImmediate(floatBits(value)) ?? -1;
    add(`fmov ${r}21, #${value.toFixed(6)}`, (a) => a.floatConstant(type, 21, field));
    if (type === 'f32') add(`fmov v21.4s, #${value.toFixed(6)}`, (a) => a.vectorFloatConstant(21, field));
  }
}
add('fcvt d21, s10', (a) => a.widen(21, 10));
add('fcvt s21, d10', (a) => a.narrow(21, 10));
add('fmov s21, w10', (a) => a.fromGeneral(21, 10));

// Vectors

for (const [d, n, m] of VECTOR_TRIPLES) {
  for (const op of keys(VECTOR_THREE)) {
    const pairs = op.endsWith('pairs');
    const shape = pairs ? '2d' : '4s';
    add(`${op.replace('pairs', '')} v${d}.${shape}, v${n}.${shape}, v${m}.${shape}`, (a) =>
      a.three(op, d, n, m),
    );
  }
  for (const op of keys(VECTOR_LOGICAL))
    add(`${op} v${d}.16b, v${n}.16b, v${m}.16b`, (a) => a.vectorLogical(op, d, n, m));
  add(`mov v${d}.16b, v${n}.16b`, (a) => a.moveVector(d, n));
  add(`mvn v${d}.16b, v${n}.16b`, (a) => a.vectorNot(d, n));
  for (const op of keys(VECTOR_ELEMENT))
    for (let lane = 0; lane < 4; lane++)
      add(`${op} v${d}.4s, v${n}.4s, v${m}.s[${lane}]`, (a) => a.byElement(op, d, n, m, lane));
  for (const op of keys(VECTOR_TWO)) add(`${op} v${d}.4s, v${n}.4s`, (a) => a.two(op, d, n));
  for (const op of keys(VECTOR_RESIZE)) {
    const narrows = op.startsWith('xtn');
    const [wide, narrow] = op.endsWith('16') ? ['4s', '4h'] : ['8h', '8b'];
    const [to, from] = narrows ? [narrow, wide] : [wide, narrow];
    add(`${op.replace(/\d+$/, '')} v${d}.${to}, v${n}.${from}`, (a) => a.resize(op, d, n));
  }
  for (const op of keys(VECTOR_SHIFT))
    for (const count of [op === 'shl' ? 0 : 1, 5, 31])
      add(`${op} v${d}.4s, v${n}.4s, #${count}`, (a) => a.vectorShift(op, d, n, count));
  for (const op of keys(VECTOR_ACROSS)) add(`${op} s${d}, v${n}.4s`, (a) => a.across(op, d, n));
  for (const from of [0, 4, 15])
    add(`ext v${d}.16b, v${n}.16b, v${m}.16b, #${from}`, (a) => a.extract(d, n, m, from));
}
for (const bits of [0, 1, 0xff, 0x8000, 0xff0000, 0x80000000, 0x7fffffff, -1, ~0x1200]) {
  const immediate = byteImmediate(bits);
  if (immediate === undefined) throw new Error(`${bits} has a byte`);
  const { byte, shift, inverted } = immediate;
  add(`${inverted ? 'mvni' : 'movi'} v21.4s, #${byte}, lsl #${8 * shift}`, (a) =>
    a.byteConstant(21, immediate),
  );
}
for (let lane = 0; lane < 4; lane++) {
  add(`dup v21.4s, v10.s[${lane}]`, (a) => a.duplicate(21, 10, lane));
  add(`mov s21, v10.s[${lane}]`, (a) => a.laneToFloat(21, 10, lane));
  add(`umov w21, v10.s[${lane}]`, (a) => a.laneToGeneral(21, 10, lane));
  add(`mov v21.s[${lane}], v10.s[0]`, (a) => a.insertFloat(21, lane, 10));
  add(`mov v21.s[${lane}], w10`, (a) => a.insertGeneral(21, lane, 10));
}
add('dup v21.4s, w10', (a) => a.duplicateGeneral(21, 10));
