import type { DType, TypedArray } from '../core/dtype.js';
import { DTypeError, ShapeError } from '../core/errors.js';
import { formatShape, sameShape, sizeOf, type Shape } from '../core/shape.js';
import { buffer } from '../graph/build.js';
import type { Node } from '../graph/node.js';
import { DeviceStorage, HostStorage, setValue, valueOf, type AnyStorage } from '../runtime/storage.js';
import { replaceValue, valueIn, type Slot } from '../runtime/runtime.js';
import { realize, schedule } from './realize.js';
import { Tensor } from './tensor.js';
import { activeTrace, assume } from './trace.js';

/** Frees the device memory of variables that nobody can reach any more. */
const unreachable = new FinalizationRegistry<Slot>((slot) => {
  if (slot.current instanceof DeviceStorage) slot.current.memory.free(slot.current);
  slot.spare?.memory.free(slot.spare);
});

/** Updates that wait are carried out when they have become this long. */
const LONGEST_PENDING_UPDATE = 2000;

/** Whose value a node stands for. */
const owners = new WeakMap<Node, Variable>();

/** The variable that a node was read from, if any. */
export function ownerOf(node: Node): Variable | undefined {
  return owners.get(node);
}

/**
 * A tensor whose value can be replaced: parameters, optimizer state, running statistics, random counters. Tensors that were
 * computed from it keep the value that it had.
 *
 * @example
 * ```ts
 * const counter = new Variable(zeros([]));
 * counter.assign(counter.add(1));
 * await counter.item(); // => 1
 * ```
 */
export class Variable<S extends Shape = Shape> extends Tensor<S> {
  private readonly slot: Slot;
  private readonly fixedShape: Shape;
  private readonly fixedDType: DType;
  /** The node others have seen; none while nobody outside compiled functions has read the variable. */
  private leaf: Node | undefined;

  /** Takes the initial value from `initial`, which is computed now. */
  constructor(initial: Tensor<S>) {
    super(undefined);
    const { node } = initial;
    if (node.value === undefined) realize([node]);
    const value = valueOf(node);
    this.slot = {
      // A value in device memory may belong to somebody else; this variable overwrites its own memory only.
      current: value instanceof HostStorage ? value : new HostStorage(value.dtype, value.memory.read(value)),
      spare: undefined,
      isHalfWritten: false,
    };
    this.fixedShape = node.shape;
    this.fixedDType = node.dtype;
    unreachable.register(this, this.slot);
  }

  override get node(): Node {
    const node = activeTrace()?.read(this) ?? this.outerNode;
    owners.set(node, this);
    return node;
  }

  /** The node outside of any trace. */
  get outerNode(): Node {
    if (this.leaf === undefined) {
      const value = valueIn(this.slot);
      this.leaf = buffer(value, this.fixedShape);
      this.leaf.tracked = true;
      setValue(this.leaf, value);
    }
    return this.leaf;
  }

  override get shape(): S {
    return this.fixedShape as S;
  }

  override get dtype(): DType {
    return this.fixedDType;
  }

  override get rank(): number {
    return this.fixedShape.length;
  }

  override get size(): number {
    return sizeOf(this.fixedShape);
  }

  /** Replaces the value; same shape and dtype. Takes effect for everything that reads the variable from now on. */
  assign(value: Tensor): void {
    if (!sameShape(value.shape, this.fixedShape)) {
      throw new ShapeError(
        `assign: a variable of shape ${formatShape(this.fixedShape)} cannot take a value of shape ${formatShape(value.shape)}`,
      );
    }
    if (value.dtype !== this.fixedDType) {
      throw new DTypeError(
        `assign: a ${this.fixedDType} variable cannot take a ${value.dtype} value`,
        `cast('${this.fixedDType}') first`,
      );
    }
    const trace = activeTrace();
    if (trace !== undefined) {
      trace.assign(this, value.node);
      return;
    }
    this.leaf = value.node;
    // Read when the update is carried out: a later assignment replaces this one.
    schedule(
      this,
      () => ({ slot: this.slot, node: this.outerNode }),
      () => {
        this.leaf = undefined;
      },
    );
    // Updates that nobody asks for would grow into each other without end.
    if (value.node.depth > LONGEST_PENDING_UPDATE) realize([]);
  }

  /** Replaces the value by host data at once, dropping a pending assignment. */
  load(data: TypedArray): void {
    const value = new HostStorage(this.fixedDType, data);
    const node = buffer(value, this.fixedShape);
    setValue(node, value);
    this.leaf = node;
    schedule(
      this,
      () => ({ slot: this.slot, node }),
      () => {
        this.leaf = undefined;
      },
    );
  }

  /** For compiled functions: the memory, and whether tensors outside may still read its present value. */
  memory(): { slot: Slot; shared: boolean } {
    return { slot: this.slot, shared: this.leaf !== undefined };
  }

  /** For compiled functions: the slot has a new value. */
  updated(): void {
    this.leaf = undefined;
  }

  /** For compiled functions: the slot takes a value that has another owner too. */
  receive(value: AnyStorage): void {
    replaceValue(this.slot, value);
    this.leaf = undefined;
  }
}

/** A variable that training changes. */
export class Parameter<S extends Shape = Shape> extends Variable<S> {
  private isTrainable = true;

  /** Frozen parameters get no gradient and are left alone by optimizers. */
  get trainable(): boolean {
    return assume(() => this.isTrainable);
  }

  set trainable(trainable: boolean) {
    this.isTrainable = trainable;
  }

  /** Set by `loss.backward()`. */
  grad: Tensor<S> | undefined = undefined;
}

/** Whether a value is a parameter; a leaf of trees. */
export function isParameter(value: unknown): value is Parameter {
  return value instanceof Parameter;
}
