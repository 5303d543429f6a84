/** The same graph on a device and on the reference interpreter. */
import { expect } from 'vitest';
import { sizeOf, type Shape } from '../../src/core/shape.js';
import { allocate, type DType, type TypedArray } from '../../src/core/dtype.js';
import type { HostRandom } from '../../src/core/threefry.js';
import { buffer } from '../../src/graph/build.js';
import type { Node } from '../../src/graph/node.js';
import { structureOf } from '../../src/graph/structure.js';
import { compileGraph } from '../../src/compiler/program.js';
import type { CpuDevice, InspectableProgram } from '../../src/runtime/cpu-device.js';
import { CpuProgram } from '../../src/runtime/cpu-program.js';
import type { ProgramPlan } from '../../src/runtime/program-plan.js';
import type { DeviceStorage } from '../../src/runtime/storage.js';
import { HostStorage, readValue, setValue, valueOf } from '../../src/runtime/storage.js';
import { interpret } from '../../src/targets/reference/interpret.js';
import { cpuDevices } from './devices.js';

/** A leaf with a value. */
export function value(data: TypedArray | readonly number[], shape: Shape, dtype: DType = 'float32'): Node {
  const array = allocate(dtype, sizeOf(shape));
  array.set(data);
  const storage = new HostStorage(dtype, array);
  const node = buffer(storage, shape);
  setValue(node, storage);
  return node;
}

/** A leaf of random numbers that suit its dtype. */
export function randomValue(random: HostRandom, shape: Shape, dtype: DType = 'float32', scale = 2): Node {
  const draw = (): number => {
    if (dtype === 'bool') return random.integer(2);
    if (dtype === 'float32' || dtype === 'float64') return (random.uniform() * 2 - 1) * scale;
    if (dtype === 'uint8' || dtype === 'uint32') return random.integer(200);
    return dtype === 'float16' || dtype === 'bfloat16' ? random.integer(0x3c00) : random.integer(200) - 100;
  };
  return value(Array.from({ length: sizeOf(shape) }, draw), shape, dtype);
}

/** Compiles and runs `outputs` on a device. */
export function runOnCpu(
  outputs: readonly Node[],
  device: CpuDevice,
): { results: TypedArray[]; program: InspectableProgram } {
  const { memory } = device;
  const { inputs, scalars } = structureOf(outputs);
  const graph = { inputs, scalars, outputs, overwrites: outputs.map(() => undefined) };
  const made = device.generate(compileGraph(graph, device.machine.traits));
  // As if it came from a file.
  const plan = JSON.parse(JSON.stringify(made.plan)) as ProgramPlan;
  const program = new CpuProgram(device, { ...made, plan });
  const places: DeviceStorage[] = outputs.map((node) => memory.allocate(node.dtype, sizeOf(node.shape)));
  program.run(
    inputs.map(valueOf),
    scalars.map((node) => node.attributes.cell.value),
    places,
  );
  const results = places.map((place) => memory.read(place));
  for (const place of places) memory.free(place);
  program.free();
  return { results, program };
}

export function runOnReference(outputs: readonly Node[]): TypedArray[] {
  const { inputs, scalars } = structureOf(outputs);
  const values = new Map<Node, TypedArray>(inputs.map((node) => [node, readValue(valueOf(node))]));
  for (const node of scalars) values.set(node, Float64Array.of(node.attributes.cell.value));
  return interpret(outputs, values);
}

/** Relative to the larger of 1 and the value; integers and truth values exactly. */
export interface Tolerance {
  readonly float32: number;
  readonly float64: number;
}

const USUAL: Tolerance = { float32: 2e-5, float64: 1e-12 };

/**
 * Throws where devices differ from the reference: all that compute on the processor, unless one is given. Gives the program of the last one, whose
 * vectors are the longest.
 */
export function expectAgreement(
  outputs: readonly Node[],
  tolerance: Partial<Tolerance> = {},
  device?: CpuDevice,
): InspectableProgram {
  const limits = { ...USUAL, ...tolerance };
  const expected = runOnReference(outputs);
  let last: InspectableProgram | undefined;
  for (const each of device === undefined ? cpuDevices() : [device]) {
    const { results, program } = runOnCpu(outputs, each);
    last = program;
    outputs.forEach((node, i) => {
      const actual = results[i] as TypedArray;
      const wanted = expected[i] as TypedArray;
      const limit = node.dtype === 'float64' ? limits.float64 : node.dtype === 'float32' ? limits.float32 : 0;
      for (let j = 0; j < wanted.length; j++) {
        const a = actual[j] as number;
        const e = wanted[j] as number;
        const same = Object.is(a, e) || a === e || Math.abs(a - e) <= limit * Math.max(1, Math.abs(e));
        if (!same)
          expect.fail(
            `${each.description}: ${node.op} ${node.dtype} [${node.shape.join()}]: element ${j} is ${a}, should be ${e}`,
          );
      }
    });
  }
  if (last === undefined) throw new Error('no device');
  return last;
}
