import { DeviceError } from '../core/errors.js';
import type { KernelProgram } from '../compiler/kernel.js';
import { lowerProgram, type LoweringOptions, type ProgramCode } from '../targets/cpu/program.js';
import type { Machine } from '../targets/cpu/machine.js';
import { Unsupported } from '../targets/native/native-code.js';
import type { CodeGenerator, GeneratedCode } from './code-generator.js';
import type { CpuMemory } from './cpu-memory.js';
import { CpuProgram } from './cpu-program.js';
import type { Device, ProgramGraph } from './device.js';
import { CodeRefused } from './native/code-memory.js';
import { tuner, tuningCache, tuningEnabled } from './tuning.js';

/** So many refusals are noted: enough to see what it is. */
const MOST_REFUSALS = 20;

/** Kernels as code of one generator. */
export interface CompiledKernels {
  readonly kernels: KernelProgram;
  readonly generator: CodeGenerator;
  readonly code: ProgramCode;
  readonly generated: GeneratedCode;
}

/** The processor: programs as the first of several code generators that can do it makes them, on threads over one heap. */
export class CpuDevice implements Device {
  readonly name: 'native' | 'wasm';
  readonly memory: CpuMemory;
  private generators: readonly CodeGenerator[];
  private readonly refused: string[] = [];
  private remark: () => string | undefined;

  /** The device has the name of the first generator. `remark` may say why there is no better one. */
  constructor(
    memory: CpuMemory,
    generators: readonly [CodeGenerator, ...CodeGenerator[]],
    remark: () => string | undefined = () => undefined,
  ) {
    this.name = generators[0].name;
    this.memory = memory;
    this.generators = generators;
    this.remark = remark;
  }

  /** What programs are compiled for. */
  get machine(): Machine {
    return (this.generators[0] as CodeGenerator).machine;
  }

  get description(): string {
    return this.remark() ?? this.generators[0]?.description ?? '';
  }

  /** Why programs are not code of the first generator: a line for each of the first such programs. */
  get refusals(): readonly string[] {
    return this.refused;
  }

  compile(graph: ProgramGraph, options: LoweringOptions = {}): CpuProgram {
    return new CpuProgram(this, graph, options);
  }

  /** Makes code of kernels. */
  generate(kernels: KernelProgram, options: LoweringOptions = {}): CompiledKernels {
    let refusal: Error | undefined;
    for (const generator of this.generators) {
      const choose =
        options.choose ??
        (tuningEnabled()
          ? tuner({ program: kernels, generator, memory: this.memory }, tuningCache())
          : undefined);
      const code = lowerProgram(kernels, generator.machine, { ...options, choose });
      try {
        const generated = generator.generate(code.module);
        if (refusal !== undefined) this.note(refusal.message);
        return { kernels, generator, code, generated };
      } catch (error) {
        if (!(error instanceof Unsupported || error instanceof CodeRefused)) throw error;
        refusal = error;
      }
    }
    throw refusal ?? new DeviceError('no code can be made for this processor');
  }

  private note(reason: string): void {
    if (this.refused.length < MOST_REFUSALS) this.refused.push(reason);
  }

  /** Uses `generator` no more. Gives whether there is another one. */
  giveUp(generator: CodeGenerator, reason: string): boolean {
    const others = this.generators.filter((each) => each !== generator);
    const [next] = others;
    if (next === undefined) return false;
    if (this.generators.includes(generator)) this.remark = () => `${next.name} after all: ${reason}`;
    this.note(reason);
    this.generators = others;
    return true;
  }
}
