import { DeviceError } from '../core/errors.js';
import type { KernelProgram } from '../compiler/kernel.js';
import { compileGraph } from '../compiler/program.js';
import { lowerProgram, type LoweringOptions, type ProgramCode } from '../targets/cpu/program.js';
import type { Machine } from '../targets/cpu/machine.js';
import { Unsupported } from '../targets/native/native-code.js';
import type { CodeGenerator, EncodedModule, GeneratedCode } from './code-generator.js';
import type { CpuMemory } from './cpu-memory.js';
import { CpuProgram } from './cpu-program.js';
import type { Device, ProgramGraph } from './device.js';
import type { ProgramFiles } from './program-files.js';
import { CodeRefused } from './native/code-memory.js';
import { planOf, type ProgramPlan } from './program-plan.js';
import { tuner, tuningCache, tuningEnabled } from './tuning.js';

/** So many refusals are noted: enough to see what it is. */
const MOST_REFUSALS = 20;

/** What it takes to run a program. */
export interface MadeProgram {
  readonly plan: ProgramPlan;
  readonly generator: CodeGenerator;
  readonly generated: GeneratedCode;
}

/** A program with all that led to its code. */
export interface CompiledKernels extends MadeProgram {
  readonly kernels: KernelProgram;
  readonly code: ProgramCode;
  readonly encoded: EncodedModule;
}

/** A program with all that led to its code, to look into. */
export type InspectableProgram = CpuProgram<CompiledKernels>;

export interface CpuDeviceOptions {
  /** Why there is no better device. */
  readonly remark?: () => string | undefined;
  /** Where programs are kept for other processes. */
  readonly files?: () => ProgramFiles | undefined;
}

/** The processor: programs as the first of several code generators that can do it makes them, on threads over one heap. */
export class CpuDevice implements Device {
  readonly name: 'native' | 'wasm';
  readonly memory: CpuMemory;
  private generators: readonly CodeGenerator[];
  private readonly refused: string[] = [];
  private remark: () => string | undefined;
  private readonly files: () => ProgramFiles | undefined;

  /** The device has the name of the first generator. */
  constructor(
    memory: CpuMemory,
    generators: readonly [CodeGenerator, ...CodeGenerator[]],
    { remark = () => undefined, files = () => undefined }: CpuDeviceOptions = {},
  ) {
    this.name = generators[0].name;
    this.memory = memory;
    this.generators = generators;
    this.remark = remark;
    this.files = files;
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

  /** A program to look into, made anew. */
  compile(graph: ProgramGraph, options?: LoweringOptions): InspectableProgram {
    return new CpuProgram(this, this.generate(compileGraph(graph, this.machine.traits), options));
  }

  program(graph: ProgramGraph, key: string): CpuProgram {
    // What tuning chooses is in a file of its own, and may be chosen otherwise another time.
    const files = tuningEnabled() ? undefined : this.files();
    const generator = this.generators[0] as CodeGenerator;
    const kept = files?.get(generator.identity, key);
    if (kept !== undefined) {
      try {
        return new CpuProgram(this, { plan: kept.plan, generator, generated: generator.place(kept.code) });
      } catch (error) {
        if (!(error instanceof CodeRefused)) throw error;
      }
    }
    const start = performance.now();
    const { plan, encoded, generated, ...made } = this.generate(compileGraph(graph, this.machine.traits));
    if (made.generator === generator)
      files?.put(generator.identity, key, { plan, code: encoded }, performance.now() - start);
    // The loops and kernels are garbage from here on.
    return new CpuProgram(this, { plan, generator: made.generator, generated });
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
        const encoded = generator.encode(code.module);
        const generated = generator.place(encoded);
        if (refusal !== undefined) this.note(refusal.message);
        return { plan: planOf(kernels, code), kernels, generator, code, encoded, generated };
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
