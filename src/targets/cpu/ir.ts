/**
 * The loop IR: what every CPU target encodes. Explicit loops, scalars, vectors of L lanes (L belongs to the target),
 * loads, stores, fused multiply-add. Expressions are trees; a value used twice is a local. Addresses are bytes in the
 * 32-bit heap.
 */
export * from './ir-language.js';
export * from './ir-expressions.js';
export * from './ir-builder.js';
