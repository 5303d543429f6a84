/** Looking at what was made of a graph. */
import { formatKernel, formatKernels, formatMemory } from '../compiler/print.js';
import { InternalError } from '../core/errors.js';
import { isOp, topologicalOrder, type Node } from '../graph/node.js';
import { printModule } from '../targets/cpu/print.js';
import { wasmText } from '../targets/wasm/text.js';
import type { ProgramGraph } from './device.js';
import { currentDevice } from './runtime.js';
import { WasmDevice } from './wasm-device.js';

/** One kernel's share of a run. */
export interface KernelTime {
  /** What it computes. */
  readonly kernel: string;
  /** Best of several runs on one thread. */
  readonly milliseconds: number;
  /** 0 for kernels that are not contractions. */
  readonly gigaflopsPerSecond: number;
}

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
  /** The WebAssembly instructions. */
  readonly wasm: string;
  /** The bytes of the WebAssembly module. */
  readonly moduleBytes: number;
  /** What lies where in memory. */
  readonly memory: string;
  /** Milliseconds from graph to module. */
  readonly compileMilliseconds: number;
  /** Runs every kernel on made-up inputs and takes its time. */
  profile(repeats?: number): KernelTime[];
}

/** Compiles a graph anew for the wasm device and shows what becomes of it. */
export function inspectGraph(graph: ProgramGraph): Inspection {
  const device = currentDevice();
  const wasm = device instanceof WasmDevice ? device : new WasmDevice();
  const start = performance.now();
  const program = wasm.compile(graph);
  const compileMilliseconds = performance.now() - start;
  const { kernels, code, bytes } = program.compiled;
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
    get wasm() {
      return wasmText(bytes);
    },
    moduleBytes: bytes.length,
    get memory() {
      return formatMemory(kernels);
    },
    compileMilliseconds,
    profile: (repeats = 5) =>
      program.profile(repeats).map(({ kernel, milliseconds, flops }) => ({
        kernel: formatKernel(kernel),
        milliseconds,
        gigaflopsPerSecond: flops / milliseconds / 1e6,
      })),
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
