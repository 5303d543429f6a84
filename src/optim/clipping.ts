import { ArgumentError } from '../core/errors.js';
import { clip, minimum } from '../tensor/elementwise.js';
import { literal } from '../tensor/operands.js';
import type { Tensor } from '../tensor/tensor.js';
import '../tensor/methods.js';
import { stateless, type Transformation } from './transformation.js';

/** Keeps the factor finite where all gradients are 0; PyTorch's number. */
const EPSILON = 1e-6;

/**
 * Gradients scaled down together so that their common norm, √Σ g², is at most `maxNorm` (Pascanu, Mikolov, Bengio 2013), and
 * the norm that they had.
 *
 * @throws ArgumentError if `maxNorm` is not positive.
 * @example
 * ```ts
 * const { gradients, norm } = optim.clipGradNorm([tensor([3]), tensor([4])], 10);
 * await norm.item(); // => 5
 * await gradients[1].array(); // => [4]
 * ```
 */
export function clipGradNorm(
  gradients: readonly Tensor[],
  maxNorm: number,
): { gradients: Tensor[]; norm: Tensor } {
  checkPositive('clipGradNorm', 'maxNorm', maxNorm);
  const [first, ...others] = gradients.map((gradient) => gradient.square().sum());
  if (first === undefined)
    throw new ArgumentError('clipGradNorm: the list of gradients is empty', 'pass at least one gradient');
  const norm = others.reduce((total, each) => total.add(each), first).sqrt();
  const factor = minimum(literal(norm, maxNorm).div(norm.add(literal(norm, EPSILON))), literal(norm, 1));
  return { gradients: gradients.map((gradient) => gradient.mul(factor as Tensor)), norm };
}

/**
 * Gradients with each element held within ±`limit`.
 *
 * @example
 * ```ts
 * const [clipped] = optim.clipGradValue([tensor([-3, 0.5])], 1);
 * await clipped.array(); // => [-1, 0.5]
 * ```
 */
export function clipGradValue(gradients: readonly Tensor[], limit: number): Tensor[] {
  checkPositive('clipGradValue', 'limit', limit);
  return gradients.map((gradient) => clip(gradient, literal(gradient, -limit), literal(gradient, limit)));
}

/** {@link clipGradNorm} as a stage of an optimizer. */
export function clipByNorm(maxNorm: number): Transformation {
  checkPositive('optimizer', 'clipNorm', maxNorm);
  return {
    update: (stage) => ({ ...stage, directions: clipGradNorm(stage.directions, maxNorm).gradients }),
  };
}

/** {@link clipGradValue} as a stage of an optimizer. */
export function clipByValue(limit: number): Transformation {
  checkPositive('optimizer', 'clipValue', limit);
  return stateless((direction) => clipGradValue([direction], limit)[0] as Tensor);
}

function checkPositive(where: string, name: string, value: number): void {
  if (!(value > 0)) throw new ArgumentError(`${where}: ${name} is ${value}`, `${name} must be positive`);
}
