/** Functions of one sample made functions of many. */
import { ArgumentError, ShapeError } from '../core/errors.js';
import { formatShape, normalizeAxis } from '../core/shape.js';
import { leavesOf, mapTree, type MapTree } from '../core/tree.js';
import { batch } from '../graph/batch.js';
import { moveAxis, placeholder } from '../graph/build.js';
import { topologicalOrder, type Node } from '../graph/node.js';
import { isolate } from './isolate.js';
import { isTensor, Tensor } from './tensor.js';

/** Along which axis samples lie: the same for all, one for each argument, or null for an argument that all samples share. */
export type MappedAxes = number | null | readonly (number | null)[];

export interface VmapOptions {
  /** 0 unless told. */
  readonly inAxes?: MappedAxes;
  /** Where the axis of samples goes in each result (0). */
  readonly outAxes?: number;
}

/** A tree with tensors of any shape instead of those of one. */
type AnyShape<T> = MapTree<T, Tensor, Tensor>;

const isTree = (value: unknown): boolean => typeof value === 'object' && value !== null;

/**
 * Turns a function of one sample into one of a batch: it is described once, and computed for all samples at once.
 * Arguments and results may be trees of tensors. Random numbers drawn inside differ from sample to sample.
 *
 * @throws ShapeError if the arguments disagree about the number of samples.
 * @example
 * ```ts
 * const lengths = vmap((row: Tensor) => row.square().sum().sqrt());
 * await lengths(tensor([[3, 4], [6, 8]])).array(); // => [5, 10]
 * ```
 */
export function vmap<Args extends readonly unknown[], Result>(
  fn: (...args: Args) => Result,
  options: VmapOptions = {},
): (...args: { [K in keyof Args]: AnyShape<Args[K]> }) => AnyShape<Result> {
  const { inAxes = 0, outAxes = 0 } = options;
  return (...args) => {
    const mapped = new Map<Node, Node>();
    let size: number | undefined;

    const sampleOf = (tensor: Tensor, axis: number): Tensor => {
      const at = normalizeAxis(axis, tensor.rank, 'vmap');
      const n = tensor.shape[at];
      size ??= n;
      if (n !== size) {
        throw new ShapeError(
          `vmap: axis ${at} of ${formatShape(tensor.shape)} holds ${String(n)} samples, other arguments have ${String(size)}`,
          'all mapped arguments need equally many samples; use null in inAxes for those that are shared',
        );
      }
      const sample = placeholder(
        tensor.shape.filter((_, i) => i !== at),
        tensor.dtype,
      );
      mapped.set(sample, moveAxis(tensor.node, at, 0));
      return new Tensor(sample);
    };
    const samples = args.map((arg, i) => {
      const axis = typeof inAxes === 'number' || inAxes === null ? inAxes : (inAxes[i] ?? null);
      return axis === null || !isTree(arg) ? arg : mapTree(arg, isTensor, (tensor) => sampleOf(tensor, axis));
    });
    if (size === undefined) {
      throw new ArgumentError(
        'vmap: no argument is mapped over',
        'pass at least one tensor whose entry in inAxes is not null',
      );
    }
    const count = size;

    const { result, assigned } = isolate(() => fn(...(samples as unknown as Args)));
    for (const [variable, node] of assigned) {
      if (topologicalOrder([node]).some((each) => mapped.has(each))) {
        throw new ArgumentError(
          `vmap: a variable of shape ${formatShape(variable.shape)} is assigned a value that differs from sample to sample`,
          'return the value instead, and assign what the batch makes of it',
        );
      }
      variable.assign(new Tensor(node));
    }
    const results = leavesOf(result, isTensor).map(([, tensor]) => tensor.node);
    const batched = batch(results, mapped, count);
    return mapTree(result, isTensor, (_, i) => {
      const node = batched[i] as Node;
      return new Tensor(moveAxis(node, 0, normalizeAxis(outAxes, node.shape.length, 'vmap')));
    });
  };
}
