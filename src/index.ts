export * from './tensor/index.js';
export * from './core/errors.js';
export type { DType, TypedArray } from './core/dtype.js';
export type { Shape } from './core/shape.js';
