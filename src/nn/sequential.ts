import { ArgumentError } from '../core/errors.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** What a {@link Sequential} is made of: layers, and plain functions such as `nn.relu`. */
export type Layer = Module | ((x: Tensor) => Tensor);

/** Applies one layer or function. */
export function applyLayer(layer: Layer, x: Tensor): Tensor {
  return layer instanceof Module ? layer.forward(x) : layer(x);
}

/**
 * Layers one after the other. Parts are named by their position, functions counted: `0.weight`, `2.weight`.
 *
 * @throws ArgumentError for a part that is neither a module nor a function.
 * @example
 * ```ts
 * const model = new nn.Sequential(new nn.Linear(4, 8), nn.relu, new nn.Linear(8, 2));
 * Object.keys(model.namedParameters()); // => ['0.weight', '0.bias', '2.weight', '2.bias']
 * model.forward(zeros([3, 4])).shape; // => [3, 2]
 * ```
 */
export class Sequential extends Module {
  readonly layers: readonly Layer[];

  constructor(...layers: readonly Layer[]) {
    super();
    layers.forEach((layer: unknown, i) => {
      if (!(layer instanceof Module) && typeof layer !== 'function') {
        throw new ArgumentError(
          `Sequential: part ${i} is ${layer === null ? 'null' : `a ${typeof layer}`}, neither a module nor a function`,
          'pass layers (new nn.Linear(…)) and functions (nn.relu)',
        );
      }
    });
    this.layers = layers;
  }

  protected override parts(): Iterable<readonly [string, unknown]> {
    return Object.entries(this.layers);
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => applyLayer(layer, value), x);
  }
}
