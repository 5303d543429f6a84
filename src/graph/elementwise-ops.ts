/** The primitives that work element by element. */
import type { Op } from './node.js';

/** Take one tensor and nothing else. */
export const UNARY_OPS = [
  ...([
    'neg',
    'abs',
    'sign',
    'floor',
    'ceil',
    'round',
    'trunc',
    'sqrt',
    'exp',
    'expm1',
    'log',
    'log1p',
  ] as const),
  ...(['sin', 'cos', 'tan', 'atan', 'tanh', 'sigmoid', 'erf', 'not'] as const),
] satisfies readonly Op[];

/** Take two tensors of one shape and dtype. */
export const BINARY_OPS = [
  ...(['add', 'sub', 'mul', 'div', 'mod', 'pow', 'max', 'min', 'atan2'] as const),
  ...(['eq', 'ne', 'lt', 'le', 'and', 'or', 'xor', 'shl', 'shr'] as const),
] satisfies readonly Op[];

export type UnaryOp = (typeof UNARY_OPS)[number];
export type BinaryOp = (typeof BINARY_OPS)[number];
export type ElementwiseOp = UnaryOp | BinaryOp | 'cast' | 'bitcast' | 'where';

const ELEMENTWISE: ReadonlySet<Op> = new Set<Op>([...UNARY_OPS, ...BINARY_OPS, 'cast', 'bitcast', 'where']);

/** Whether `op` gives each element from the same elements of its inputs. */
export function isElementwiseOp(op: Op): op is ElementwiseOp {
  return ELEMENTWISE.has(op);
}
