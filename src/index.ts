/** Deep learning, woven in TypeScript: what `import { … } from 'tensorloom'` offers. */
export * from './core/errors.js';
export type { DType, TypedArray } from './core/dtype.js';
export type { Shape } from './core/shape.js';
export type { Tree } from './core/tree.js';
export * from './runtime/index.js';
export * from './tensor/index.js';
export * as nn from './nn/index.js';
export * as optim from './optim/index.js';
export * as data from './data/index.js';
export * as interop from './interop/index.js';
export * as plot from './plot/index.js';
export * as train from './train/index.js';
export * as models from './models/index.js';
export * as recipes from './recipes/index.js';
