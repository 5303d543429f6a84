/** Node at coordinates → scalar expression. Movement becomes index arithmetic; what has memory of its own becomes a load. */
import { InternalError } from '../core/errors.js';
import { isElementwiseOp } from '../graph/elementwise-ops.js';
import { isOp, type Node } from '../graph/node.js';
import { dilatedSize } from '../graph/shapes.js';
import {
  add,
  flatten,
  literal,
  narrow,
  offset,
  ofValue,
  quotient,
  remainder,
  scale,
  subtract,
  unflatten,
  ZERO,
  type Index,
} from './index-expr.js';
import type { Bound, Scalar } from './scalar-expr.js';

/** What a node is at this place: memory, a result of the kernel's own, or (undefined) an expression of its inputs. */
export type Resolve = (
  node: Node,
  coordinates: readonly Index[],
) => Scalar | { readonly buffer: number } | undefined;

/** Thrown when a kernel's own result is asked for at another place than where it is known. */
export class Misaligned extends InternalError {}

export const isElementwise = (node: Node): boolean => isElementwiseOp(node.op);

/** Where the value of a node is wanted. Under `guard`, coordinates may be out of range where a bound fails. */
interface Place {
  readonly at: readonly Index[];
  readonly guard: readonly Bound[];
  /** Equal for equal places. */
  readonly key: string;
}

const ANYWHERE: readonly Bound[] = [];

function placeAt(at: readonly Index[], guard: readonly Bound[]): Place {
  const coordinates = at.map((index) => index.key).join();
  if (guard.length === 0) return { at, guard, key: coordinates };
  const bounds = guard.map(({ index, low, high }) => `${index.key}:${low}:${high}`).join();
  return { at, guard, key: `${coordinates}|${bounds}` };
}

/** Turns nodes into scalars; equal places of equal nodes give the same object. */
export class Lowering {
  private readonly resolve: Resolve;
  private readonly known = new Map<Node, Map<string, Scalar>>();
  private readonly scalarSlots: ReadonlyMap<Node, number>;

  constructor(resolve: Resolve, scalarSlots: ReadonlyMap<Node, number>) {
    this.resolve = resolve;
    this.scalarSlots = scalarSlots;
  }

  /** The value of `node` at `coordinates`. Under `guard`, coordinates may be out of range where a bound fails. */
  at(node: Node, coordinates: readonly Index[], guard: readonly Bound[] = ANYWHERE): Scalar {
    return this.value(node, placeAt(coordinates, guard));
  }

  private value(node: Node, place: Place): Scalar {
    let places = this.known.get(node);
    if (places === undefined) this.known.set(node, (places = new Map<string, Scalar>()));
    let scalar = places.get(place.key);
    if (scalar === undefined) places.set(place.key, (scalar = this.compute(node, place)));
    return scalar;
  }

  private compute(node: Node, place: Place): Scalar {
    const { at, guard } = place;
    const resolved = this.resolve(node, at);
    if (resolved !== undefined) {
      if ('kind' in resolved) return resolved;
      return {
        kind: 'load',
        dtype: node.dtype,
        buffer: resolved.buffer,
        index: flatten(at, node.shape),
        guard,
      };
    }
    if (isElementwiseOp(node.op)) {
      return {
        kind: 'op',
        dtype: node.dtype,
        op: node.op,
        args: node.inputs.map((input) => this.value(input, place)),
      };
    }
    const [x, y] = node.inputs;
    if (isOp(node, 'constant')) return { kind: 'constant', dtype: node.dtype, value: node.attributes.value };
    if (isOp(node, 'scalar')) return { kind: 'scalar', dtype: node.dtype, slot: this.slotOf(node) };
    if (isOp(node, 'iota')) return { kind: 'index', dtype: 'int32', index: at[0] ?? ZERO };
    if (x === undefined) throw new InternalError(`${node.op} has no value and no inputs`);
    if (isOp(node, 'random')) {
      const words = [0, 1].map((i) => this.at(x, unflatten(literal(i), x.shape))) as [Scalar, Scalar];
      return { kind: 'random', dtype: 'uint32', index: flatten(at, node.shape), args: words };
    }
    if (isOp(node, 'reshape')) return this.at(x, unflatten(flatten(at, node.shape), x.shape), guard);
    if (isOp(node, 'permute')) {
      const source = new Array<Index>(at.length);
      node.attributes.axes.forEach((axis, i) => (source[axis] = at[i] ?? ZERO));
      return this.at(x, source, guard);
    }
    if (isOp(node, 'expand'))
      return this.at(
        x,
        at.map((index, axis) => (x.shape[axis] === 1 ? ZERO : index)),
        guard,
      );
    if (isOp(node, 'slice')) {
      const { start, step } = node.attributes;
      return this.at(
        x,
        at.map((index, axis) => offset(scale(index, step[axis] ?? 1), start[axis] ?? 0)),
        guard,
      );
    }
    if (isOp(node, 'flip')) {
      const { axes } = node.attributes;
      return this.at(
        x,
        at.map((index, axis) =>
          axes.includes(axis) ? subtract(literal((node.shape[axis] ?? 1) - 1), index) : index,
        ),
        guard,
      );
    }
    if (isOp(node, 'window')) {
      const { axis, stride, dilation } = node.attributes;
      const moved = add(scale(at[axis] ?? ZERO, stride), scale(at[axis + 1] ?? ZERO, dilation));
      return this.at(x, [...at.slice(0, axis), moved, ...at.slice(axis + 2)], guard);
    }
    if (isOp(node, 'pad')) return this.padded(node, x, at, guard);
    if (isOp(node, 'concat')) return this.concatenated(node, at, guard);
    if (isOp(node, 'gather') && y !== undefined) {
      const { axis } = node.attributes;
      const index = this.at(y, at.slice(axis, axis + y.shape.length), guard);
      const row = ofValue(index, x.shape[axis] ?? 1);
      return this.at(x, [...at.slice(0, axis), row, ...at.slice(axis + y.shape.length)], guard);
    }
    if (node.op === 'barrier' || node.op === 'stopGradient' || node.op === 'custom')
      return this.value(x, place);
    throw new InternalError(`${node.op} cannot be part of another kernel`);
  }

  private slotOf(node: Node): number {
    const slot = this.scalarSlots.get(node);
    if (slot === undefined) throw new InternalError('a scalar has no slot');
    return slot;
  }

  private padded(node: Node<'pad'>, x: Node, at: readonly Index[], guard: readonly Bound[]): Scalar {
    const { low, interior, value } = node.attributes;
    const bounds: Bound[] = [];
    const source = at.map((index, axis) => {
      const moved = offset(index, -(low[axis] ?? 0));
      const step = (interior[axis] ?? 0) + 1;
      const size = x.shape[axis] ?? 1;
      if (moved.min < 0 || moved.max >= dilatedSize(size, step))
        bounds.push({ index: moved, low: 0, high: dilatedSize(size, step) });
      const inRange = narrow(moved, 0, dilatedSize(size, step));
      if (step === 1) return inRange;
      const phase = remainder(moved, step);
      if (phase.min !== 0 || phase.max !== 0) bounds.push({ index: phase, low: 0, high: 1 });
      return quotient(inRange, step);
    });
    if (bounds.length === 0) return this.at(x, source, guard);
    const outside: Scalar = { kind: 'constant', dtype: node.dtype, value };
    return this.choose(bounds, this.at(x, source, [...guard, ...bounds]), outside);
  }

  private concatenated(node: Node<'concat'>, at: readonly Index[], guard: readonly Bound[]): Scalar {
    const { axis } = node.attributes;
    const index = at[axis] ?? ZERO;
    let from = 0;
    const parts = node.inputs
      .map((input) => {
        const size = input.shape[axis] ?? 0;
        const part = { input, from, size };
        from += size;
        return part;
      })
      .filter(({ from: start, size }) => size > 0 && start <= index.max && start + size > index.min);
    let result: Scalar | undefined;
    for (const { input, from: start, size } of parts.reverse()) {
      const bounds: Bound[] = [{ index, low: start, high: start + size }];
      const always = index.min >= start && index.max < start + size;
      const source = at.map((each, i) =>
        i === axis ? offset(narrow(each, start, start + size), -start) : each,
      );
      const value = this.at(input, source, always ? guard : [...guard, ...bounds]);
      result =
        result === undefined
          ? value
          : this.choose([{ index, low: start, high: start + size }], value, result);
    }
    if (result === undefined) throw new InternalError('concat of nothing');
    return result;
  }

  private choose(bounds: readonly Bound[], inside: Scalar, outside: Scalar): Scalar {
    return {
      kind: 'op',
      dtype: inside.dtype,
      op: 'where',
      args: [{ kind: 'inside', dtype: 'bool', bounds }, inside, outside],
    };
  }
}
