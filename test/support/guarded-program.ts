/** A graph's program over guarded memory: what it writes beside its buffers, or reads far from them, ends the process. */
import { bytesPerElement, allocate, computeDType, type TypedArray } from '../../src/core/dtype.js';
import { sizeOf } from '../../src/core/shape.js';
import { compileGraph } from '../../src/compiler/program.js';
import type { Node } from '../../src/graph/node.js';
import { structureOf } from '../../src/graph/structure.js';
import type { NativeMachine } from '../../src/runtime/native/native-machine.js';
import { readValue, valueOf } from '../../src/runtime/storage.js';
import { lowerProgram } from '../../src/targets/cpu/program.js';
import { Unsupported } from '../../src/targets/native/native-code.js';
import { GuardedMemory } from './guarded-memory.js';

/** How far loads of vectors may reach beyond a value: what the heap keeps free around all. */
const MARGIN = 1024;

/** What `outputs` are, computed by one thread; undefined if the machine has no code for them. Throws if anything beside them was written. */
export function runGuarded(
  machine: NativeMachine,
  outputs: readonly Node[],
  side: 'start' | 'end',
): TypedArray[] | undefined {
  const { inputs, scalars } = structureOf(outputs);
  const graph = { inputs, scalars, outputs, overwrites: outputs.map(() => undefined) };
  const kernels = compileGraph(graph, machine.target.machine.traits);
  const code = lowerProgram(kernels, machine.target.machine);
  let native;
  try {
    native = machine.target.encode(code.module);
  } catch (error) {
    if (error instanceof Unsupported) return undefined;
    throw error;
  }
  const bytesOf = ({ dtype, shape }: Node): number => sizeOf(shape) * bytesPerElement(dtype);
  const fixed = [code.layout.bytes, kernels.arenaBytes, code.scratchBytes];
  const sizes = [...fixed, ...inputs.map(bytesOf), ...outputs.map(bytesOf)];
  const memory = new GuardedMemory(machine, sizes, { side, readable: MARGIN, align: 64 });
  const inputAt = (n: number): number => fixed.length + n;
  const outputAt = (n: number): number => fixed.length + inputs.length + n;
  const table = new ArrayBuffer(code.layout.bytes);
  const words = new Int32Array(table);
  kernels.buffers.forEach(({ role }, buffer) => {
    if (role.kind === 'input') words[buffer] = memory.address(inputAt(role.index));
    else if (role.kind === 'output') words[buffer] = memory.address(outputAt(role.index));
    else if (role.kind === 'temporary')
      words[buffer] = memory.address(1) + (kernels.offsets.get(buffer) ?? 0);
  });
  words[code.layout.scratch / 4] = memory.address(2);
  for (const { at, to } of code.layout.frames) words[at / 4] = memory.address(0) + to;
  const view = new DataView(table);
  kernels.scalars.forEach((dtype, slot) => {
    const [at, value] = [code.layout.scalars + 8 * slot, scalars[slot]?.attributes.cell.value ?? NaN];
    const kind = computeDType(dtype);
    if (kind === 'float32') view.setFloat32(at, value, true);
    else if (kind === 'float64') view.setFloat64(at, value, true);
    else view.setInt32(at, value, true);
  });
  memory.write(0, words);
  inputs.forEach((node, n) => memory.write(inputAt(n), readValue(valueOf(node))));
  memory.call(native, 'run', 0, 1, memory.address(0));
  const results = outputs.map((node, n) =>
    memory.read(outputAt(n), allocate(node.dtype, sizeOf(node.shape))),
  );
  memory.expectIntact();
  memory.free();
  return results;
}
