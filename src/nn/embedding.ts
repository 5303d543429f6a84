import { isFloat } from '../core/dtype.js';
import { ArgumentError, DTypeError } from '../core/errors.js';
import { arange } from '../tensor/creation.js';
import { stopGradient } from '../tensor/autograd.js';
import { eq, where } from '../tensor/elementwise.js';
import { take } from '../tensor/indexing.js';
import { unsqueeze } from '../tensor/movement.js';
import { literal } from '../tensor/operands.js';
import type { Tensor } from '../tensor/tensor.js';
import { Parameter } from '../tensor/variable.js';
import { checkPositiveInteger } from './arguments.js';
import * as init from './init.js';
import { Module } from './module.js';

export interface EmbeddingOptions {
  /** A row that starts as zeros and is never changed. */
  readonly paddingIndex?: number;
  /** Normal with mean 0 and standard deviation 1 unless told. */
  readonly weightInit?: init.Initializer;
}

/**
 * A table of vectors, looked up by integer index: indices of any shape give one vector each, along a new last axis.
 *
 * @throws ArgumentError for sizes that are no positive integers.
 * @throws DTypeError in `forward` for indices that are not integers.
 * @example
 * ```ts
 * const layer = new nn.Embedding(1000, 64);
 * layer.forward(zeros([8, 20], { dtype: 'int32' })).shape; // => [8, 20, 64]
 * ```
 */
export class Embedding extends Module {
  readonly weight: Parameter;
  readonly count: number;
  readonly features: number;
  readonly paddingIndex: number | undefined;

  constructor(count: number, features: number, options: EmbeddingOptions = {}) {
    super();
    const { paddingIndex, weightInit = init.normal() } = options;
    checkPositiveInteger('Embedding', 'count', count);
    checkPositiveInteger('Embedding', 'features', features);
    if (
      paddingIndex !== undefined &&
      !(Number.isInteger(paddingIndex) && paddingIndex >= 0 && paddingIndex < count)
    ) {
      throw new ArgumentError(
        `Embedding: paddingIndex is ${paddingIndex}, but there are rows 0 to ${count - 1}`,
        'use the index of a row',
      );
    }
    this.count = count;
    this.features = features;
    this.paddingIndex = paddingIndex;
    const start = weightInit([count, features]);
    this.weight = new Parameter(paddingIndex === undefined ? start : withoutRow(start, paddingIndex));
  }

  forward(indices: Tensor): Tensor {
    if (isFloat(indices.dtype)) {
      throw new DTypeError(
        `Embedding: indices must be integers, got ${indices.dtype}`,
        "cast('int32') first",
      );
    }
    const vectors = take(this.weight, indices, 0);
    if (this.paddingIndex === undefined) return vectors;
    const padding: Tensor = unsqueeze(eq(indices, literal(indices, this.paddingIndex)), -1);
    return where(padding, stopGradient(vectors), vectors);
  }
}

/** The table with one row of zeros. */
function withoutRow(table: Tensor, row: number): Tensor {
  const numbers: Tensor = unsqueeze(arange(table.shape[0] ?? 0), -1);
  return where(eq(numbers, literal(numbers, row)), literal(table, 0), table);
}
