/** Which instruction does an operation of the loop IR, for each type. */
import { InternalError } from '../../core/errors.js';
import type { BinaryOp, CompareOp, Type, UnaryOp } from '../cpu/ir.js';
import { OPCODES, type Opcode } from './opcodes.js';

const TYPES = ['i32', 'f32', 'f64', 'i32v', 'f32v', 'maskv'] as const satisfies readonly Type[];

/** How the text format spells a type in front of an instruction. */
const PREFIX: Readonly<Record<Type, string>> = {
  i32: 'i32',
  f32: 'f32',
  f64: 'f64',
  i32v: 'i32x4',
  f32v: 'f32x4',
  maskv: 'i32x4',
};

const UNARY: Readonly<Record<UnaryOp, string>> = {
  neg: 'neg',
  abs: 'abs',
  sqrt: 'sqrt',
  floor: 'floor',
  ceil: 'ceil',
  trunc: 'trunc',
  nearest: 'nearest',
  not: 'not',
};

const BINARY: Readonly<Record<BinaryOp, string>> = {
  add: 'add',
  sub: 'sub',
  mul: 'mul',
  div: 'div',
  min: 'min',
  max: 'max',
  and: 'and',
  or: 'or',
  xor: 'xor',
  shl: 'shl',
  shrS: 'shr_s',
  shrU: 'shr_u',
  divS: 'div_s',
  divU: 'div_u',
  remS: 'rem_s',
  remU: 'rem_u',
  minS: 'min_s',
  minU: 'min_u',
  maxS: 'max_s',
  maxU: 'max_u',
};

/** Names for floats and for integers. */
const COMPARE: Readonly<Record<CompareOp, readonly [string, string]>> = {
  eq: ['eq', 'eq'],
  ne: ['ne', 'ne'],
  lt: ['lt', 'lt_s'],
  le: ['le', 'le_s'],
  gt: ['gt', 'gt_s'],
  ge: ['ge', 'ge_s'],
  ltU: ['', 'lt_u'],
  leU: ['', 'le_u'],
  gtU: ['', 'gt_u'],
  geU: ['', 'ge_u'],
};

type Table = ReadonlyMap<string, number>;

const isOpcode = (name: string): name is Opcode => name in OPCODES;

function table(entries: (type: Type) => Iterable<readonly [op: string, name: string]>): Record<Type, Table> {
  const row = (type: Type): Table => {
    const codes = new Map<string, number>();
    for (const [op, name] of entries(type)) {
      // Bits are bits: the logical instructions of vectors carry no lane type.
      const candidates = [`${PREFIX[type]}.${name}`, ...(type.endsWith('v') ? [`v128.${name}`] : [])];
      const found = candidates.find(isOpcode);
      if (found !== undefined) codes.set(op, OPCODES[found]);
    }
    return codes;
  };
  return Object.fromEntries(TYPES.map((type) => [type, row(type)])) as Record<Type, Table>;
}

const unaryCodes = table(() => Object.entries(UNARY));
const binaryCodes = table(() => Object.entries(BINARY));
const compareCodes = table((type) =>
  Object.entries(COMPARE).map(([op, [float, whole]]) => [op, type.startsWith('f') ? float : whole] as const),
);

/** The instruction for `op`, or undefined if the type has none and it must be composed. */
export const unaryOpcode = (op: UnaryOp, type: Type): number | undefined => unaryCodes[type].get(op);
export const binaryOpcode = (op: BinaryOp, type: Type): number | undefined => binaryCodes[type].get(op);

export function compareOpcode(op: CompareOp, type: Type): number {
  const code = compareCodes[type].get(op);
  if (code === undefined) throw new InternalError(`wasm: no comparison ${op} of ${type}`);
  return code;
}

/** The instruction for an operation that whoever built the expression knows the type to have. */
export function requiredOpcode(op: BinaryOp, type: Type): number {
  const code = binaryOpcode(op, type);
  if (code === undefined) throw new InternalError(`wasm: no ${op} of ${type}`);
  return code;
}
