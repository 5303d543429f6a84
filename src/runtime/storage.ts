import type { DType, TypedArray } from '../core/dtype.js';
import { StaleValueError } from '../core/errors.js';
import type { Node, Storage } from '../graph/node.js';
import type { DeviceMemory } from './device.js';

let storages = 0;

/** A value in an ordinary typed array, which the garbage collector frees. Never changed once made. */
export class HostStorage implements Storage {
  /** No other storage has the same. */
  readonly id = storages++;
  readonly version = 0;
  readonly dtype: DType;
  readonly data: TypedArray;

  constructor(dtype: DType, data: TypedArray) {
    this.dtype = dtype;
    this.data = data;
  }

  get size(): number {
    return this.data.length;
  }
}

/** A value in the memory of a device. Variables overwrite theirs; `version` counts how often. */
export class DeviceStorage implements Storage {
  readonly memory: DeviceMemory;
  readonly dtype: DType;
  readonly size: number;
  /** Where it lies, in bytes. */
  readonly address: number;
  /** No other storage has the same. */
  readonly id = storages++;
  version = 0;

  constructor(memory: DeviceMemory, dtype: DType, size: number, address: number) {
    this.memory = memory;
    this.dtype = dtype;
    this.size = size;
    this.address = address;
  }
}

export type AnyStorage = HostStorage | DeviceStorage;

/** Which version of its storage a node's value is; only for storages that can be overwritten. */
const versions = new WeakMap<Node, number>();

/** Attaches a value to a node. */
export function setValue(node: Node, value: AnyStorage): void {
  node.value = value;
  if (value instanceof DeviceStorage) versions.set(node, value.version);
}

/** The value of a node that has one; throws if a variable's update has overwritten it meanwhile. */
export function valueOf(node: Node): AnyStorage {
  const value = node.value as AnyStorage;
  if (value instanceof DeviceStorage && versions.get(node) !== value.version) {
    throw new StaleValueError(
      `a value of shape [${node.shape.join(', ')}] is asked for that depends on parameters which have been updated twice since`,
      'await it (data(), item(), array()) before the next update, or together with the loss: await evaluate(loss, prediction)',
    );
  }
  return value;
}

/** The elements of a value; a copy where the value could change. */
export function readValue(value: AnyStorage): TypedArray {
  return value instanceof HostStorage ? value.data : value.memory.read(value);
}
