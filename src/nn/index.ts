/** Layers, losses and initialisers: what people call as `nn.…`. */
export * from '../tensor/activations.js';
export { sigmoid, tanh } from '../tensor/elementwise.js';
export * from './activation-layers.js';
export { BatchNorm1d, BatchNorm2d, type BatchNormLayerOptions } from './batch-norm.js';
export * from './conv.js';
export { crossEntropy, nll, type CrossEntropyOptions } from './cross-entropy.js';
export { Dropout, type DropoutOptions } from './dropout.js';
export { Embedding, type EmbeddingOptions } from './embedding.js';
export { Flatten } from './flatten.js';
export * as init from './init.js';
export type { Initializer } from './init.js';
export { LayerNorm, type LayerNormLayerOptions } from './layer-norm.js';
export { Linear, type LinearOptions } from './linear.js';
export * from './losses.js';
export { Module, RunningStatistic, type LoadOptions } from './module.js';
export * from './pooling.js';
export type { LossOptions, LossReduction } from './reduction.js';
export { applyLayer, Sequential, type Layer } from './sequential.js';
