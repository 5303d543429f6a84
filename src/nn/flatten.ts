import { flatten } from '../tensor/movement.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/**
 * Joins the axes from `start` (1 unless told: all but the batch) to `end` (the last unless told) into one.
 *
 * @example
 * ```ts
 * new nn.Flatten().forward(zeros([64, 3, 8, 8])).shape; // => [64, 192]
 * ```
 */
export class Flatten extends Module {
  readonly start: number;
  readonly end: number;

  constructor(start = 1, end = -1) {
    super();
    this.start = start;
    this.end = end;
  }

  forward(x: Tensor): Tensor {
    return flatten(x, this.start, this.end);
  }
}
