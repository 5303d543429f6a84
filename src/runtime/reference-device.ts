import { allocate, allocateFrom, type DType, type TypedArray } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { placeholder } from '../graph/build.js';
import { Node, topologicalOrder } from '../graph/node.js';
import { interpret } from '../targets/reference/interpret.js';
import type { Device, DeviceMemory, Program, ProgramGraph } from './device.js';
import { DeviceStorage, readValue, type AnyStorage } from './storage.js';

/** The interpreter as a device: slow, obvious, everywhere available; what the others are tested against. */
export class ReferenceDevice implements Device {
  readonly name = 'reference';
  readonly description = 'an interpreter in float64';
  readonly memory = new ReferenceMemory();

  program(original: ProgramGraph): Program {
    const graph = snapshot(original);
    return {
      run: (
        inputs: readonly AnyStorage[],
        scalars: readonly number[],
        outputs: readonly DeviceStorage[],
      ): void => {
        const values = new Map<Node, TypedArray>();
        graph.inputs.forEach((node, i) => {
          const storage = inputs[i];
          if (storage === undefined) throw new InternalError(`input ${i} of a program is missing`);
          values.set(node, readValue(storage));
        });
        graph.scalars.forEach((node, i) => values.set(node, Float64Array.of(scalars[i] ?? Number.NaN)));
        const results = interpret(graph.outputs, values);
        outputs.forEach((storage, i) => {
          this.memory.put(storage, results[i] as TypedArray);
        });
      },
      free: () => undefined,
    };
  }
}

class ReferenceMemory implements DeviceMemory {
  /** By address, which here is a mere number. */
  private readonly arrays = new Map<number, TypedArray>();
  private next = 1;

  allocate(dtype: DType, size: number): DeviceStorage {
    const storage = new DeviceStorage(this, dtype, size, this.next++);
    this.put(storage, allocate(dtype, size));
    return storage;
  }

  free(storage: DeviceStorage): void {
    this.arrays.delete(storage.address);
  }

  read(storage: DeviceStorage): TypedArray {
    const data = this.arrays.get(storage.address);
    if (data === undefined) throw new InternalError('a value was read after it was freed');
    return allocateFrom(storage.dtype, data);
  }

  write(storage: DeviceStorage, data: TypedArray): void {
    this.put(storage, allocateFrom(storage.dtype, data));
  }

  /** Takes an array over as the value. */
  put(storage: DeviceStorage, data: TypedArray): void {
    this.arrays.set(storage.address, data);
  }
}

/** The graph with nodes of its own: those given get values, and forget their history, while the program lives on. */
function snapshot(graph: ProgramGraph): Pick<ProgramGraph, 'inputs' | 'scalars' | 'outputs'> {
  const copies = new Map<Node, Node>();
  for (const node of graph.inputs) copies.set(node, placeholder(node.shape, node.dtype));
  const copy = (node: Node): Node => copies.get(node) ?? node;
  for (const node of topologicalOrder(graph.outputs, true)) {
    if (copies.has(node)) continue;
    copies.set(node, new Node(node.op, node.inputs.map(copy), node.attributes, node.shape, node.dtype));
  }
  return {
    inputs: graph.inputs.map(copy),
    scalars: graph.scalars.map(copy) as Node<'scalar'>[],
    outputs: graph.outputs.map(copy),
  };
}
