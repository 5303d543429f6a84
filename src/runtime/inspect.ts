/** Looking at what was made of a graph. */
import { formatKernels, formatMemory } from '../compiler/print.js';
import { InternalError } from '../core/errors.js';
import { isOp, topologicalOrder, type Node } from '../graph/node.js';
import { printModule } from '../targets/cpu/print.js';
import { wasmText } from '../targets/wasm/text.js';
import type { ProgramGraph } from './device.js';
import { CpuDevice } from './cpu-device.js';
import { autoDevice, currentDevice, wasmDevice } from './devices.js';
import { hexDump } from './native/hex-dump.js';
import type { Profile } from './profile.js';
import { profileGraph, type ProfileOptions } from './profile-program.js';
import type { AnyStorage } from './storage.js';

/** A compiled graph, laid open. Each text is made when it is asked for. */
export interface Inspection {
  /** The nodes, one per line, inputs first. */
  readonly graph: string;
  /** The fused kernels, step by step. */
  readonly kernels: string;
  /** How many kernels there are. */
  readonly kernelCount: number;
  /** The generated loops. */
  readonly loops: string;
  /** What runs it: 'native' or 'wasm'. */
  readonly target: string;
  /** The WebAssembly instructions; where the program is machine code, those that would run instead of it. */
  readonly wasm: string;
  /** The machine code; empty where the program is WebAssembly. */
  readonly machineCode: string;
  /** The bytes of the code. */
  readonly moduleBytes: number;
  /** What lies where in memory. */
  readonly memory: string;
  /** Milliseconds from graph to module. */
  readonly compileMilliseconds: number;
  /**
   * Runs the computation on all threads and tells what each kernel takes, and how that compares with what the machine can do. Nothing is changed
   * by it. Takes about a second.
   */
  profile(options?: ProfileOptions): Promise<Profile>;
}

/**
 * Compiles a graph anew for the current device (`auto` where that is the reference) and shows what becomes of it. `inputs` gives the values of the
 * graph's inputs, for a profile.
 */
export function inspectGraph(graph: ProgramGraph, inputs: () => readonly AnyStorage[]): Inspection {
  const current = currentDevice();
  const device = current instanceof CpuDevice ? current : autoDevice();
  const start = performance.now();
  const program = device.compile(graph);
  const compileMilliseconds = performance.now() - start;
  const { kernels, code, encoded, generator } = program.compiled;
  const { bytes } = encoded;
  return {
    get graph() {
      return formatGraph(graph.outputs);
    },
    get kernels() {
      return formatKernels(kernels);
    },
    kernelCount: code.kernels.length,
    get loops() {
      return printModule(code.module);
    },
    target: generator.name,
    get wasm() {
      return wasmText(generator.name === 'wasm' ? bytes : wasmDevice().generate(kernels).encoded.bytes);
    },
    get machineCode() {
      return generator.name === 'native' ? hexDump(bytes) : '';
    },
    moduleBytes: bytes.length,
    get memory() {
      return formatMemory(kernels);
    },
    compileMilliseconds,
    profile: (options) => profileGraph(device, graph, inputs, options),
  };
}

/** A graph as text. */
export function formatGraph(outputs: readonly Node[]): string {
  const numbers = new Map<Node, number>();
  const lines = topologicalOrder(outputs, true).map((node) => {
    numbers.set(node, numbers.size);
    const inputs =
      node.value === undefined ? node.inputs.map((input) => `%${numbers.get(input) ?? '?'}`) : [];
    const what = node.value === undefined ? node.op : 'value';
    return `%${numbers.get(node) ?? '?'}: ${node.dtype}[${node.shape.join(', ')}] = ${what}(${inputs.join(', ')})${formatAttributes(node)}`;
  });
  const results = outputs.map((node) => {
    const number = numbers.get(node);
    if (number === undefined) throw new InternalError('an output is not part of its graph');
    return `%${number}`;
  });
  return [...lines, `return ${results.join(', ')}`].join('\n');
}

function formatAttributes(node: Node): string {
  if (isOp(node, 'scalar')) return ` ${node.attributes.cell.value}`;
  if (isOp(node, 'scan')) return ` ${node.attributes.length} times`;
  const text = JSON.stringify(node.attributes);
  return text === '{}' ? '' : ` ${text}`;
}
