/** Layers, losses and initialisers: what people call as `nn.…`. */
export * from '../tensor/activations.js';
export { sigmoid, tanh } from '../tensor/elementwise.js';
export * from './conv.js';
export { crossEntropy, nll, type CrossEntropyOptions } from './cross-entropy.js';
export { Flatten } from './flatten.js';
export * as init from './init.js';
export type { Initializer } from './init.js';
export { Linear, type LinearOptions } from './linear.js';
export { Module, RunningStatistic, type LoadOptions } from './module.js';
export * from './pooling.js';
export { Sequential, type Layer } from './sequential.js';
