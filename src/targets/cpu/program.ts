/** Kernels in steps → one loop IR module whose function `run(thread, threads, table)` all threads execute side by side. */
import type { DType } from '../../core/dtype.js';
import { InternalError } from '../../core/errors.js';
import type { Kernel, KernelProgram, Step } from '../../compiler/kernel.js';
import { attend } from './attendance.js';
import type { Choose } from './candidates.js';
import { lowerContraction, type ContractionOptions } from './contraction.js';
import { lowerCumulative } from './cumulative.js';
import { Emitter, scalarType } from './emit.js';
import { FunctionLibrary } from './function-library.js';
import * as ir from './ir.js';
import type { Builder, Expr, Func, Module } from './ir.js';
import { lowerLoop } from './loops.js';
import type { LoweringContext } from './lowered-kernel.js';
import type { Machine } from './machine.js';
import { lowerScatter } from './scatter.js';
import { CLAIM_BYTES, nextChunkFunction, openClaim, takeChunks } from './shares.js';
import { lowerSort } from './sort.js';
import {
  align,
  allSteps,
  CACHE_LINE,
  countKernels,
  layOutTable,
  type FramedShape,
  type PlainKernel,
  type TableLayout,
} from './table-layout.js';
import { noteSpan, timelineLayout, timelineOf, type TimelineLayout } from './timeline.js';
import { lowerWinogradGradient } from './winograd-gradient.js';
import { lowerWinograd, lowerWinogradFilter } from './winograd.js';

/** Operations below which a step is not worth waking other threads for. */
const SERIAL_WORK = 20_000;
/** Operations that a thread takes at a time, if there are enough. */
const CHUNK_WORK = 30_000;

/** A kernel as code: what `inspect` shows and `profile` calls. */
export interface KernelCode {
  readonly kernel: Kernel;
  /** The function (frame, begin, end[, scratch]), which kernels of the same shape share. */
  readonly entry: string;
  /** Where the kernel's frame lies in the table, in bytes. */
  readonly frame: number;
  readonly units: number;
  /** Rough operations altogether. */
  readonly work: number;
  /** Multiplications and additions, for contractions. */
  readonly flops: number;
  readonly takesScratch: boolean;
}

export interface ProgramCode {
  readonly module: Module;
  readonly layout: TableLayout;
  readonly kernels: readonly KernelCode[];
  /** Bytes of scratch per thread. */
  readonly scratchBytes: number;
  /** Whether any step is large enough for several threads. */
  readonly parallel: boolean;
  /** Present in a program that makes notes of when its kernels run; numbers in them count `kernels`. */
  readonly timeline: TimelineLayout | undefined;
}

export interface LoweringOptions {
  /** Whether the program makes notes of when its kernels run, where the table says. */
  readonly timed?: boolean;
  /** Chooses among the ways to do each contraction; the least estimated cycles do when left out. */
  readonly choose?: Choose | undefined;
}

/** Lowers a program for a machine. */
export function lowerProgram(
  program: KernelProgram,
  machine: Machine,
  options: LoweringOptions = {},
): ProgramCode {
  return new ProgramLowering(program, machine, options).lower();
}

class ProgramLowering {
  private readonly program: KernelProgram;
  private readonly machine: Machine;
  private readonly layout: TableLayout;
  private readonly context: LoweringContext;
  private readonly functions: Func[] = [];
  private readonly library = new FunctionLibrary();
  private readonly codes: KernelCode[] = [];
  private readonly codeOf = new Map<Kernel, NumberedCode>();
  private readonly shapes: ReadonlyMap<Kernel, FramedShape>;
  private readonly shared = new Map<string, Omit<KernelCode, 'kernel' | 'frame'>>();
  private readonly timeline: TimelineLayout | undefined;
  private readonly choose: Choose | undefined;
  private scratchBytes = 0;
  /** That of the kernel that is being lowered. */
  private shape: FramedShape | undefined;

  constructor(program: KernelProgram, machine: Machine, { timed = false, choose }: LoweringOptions) {
    this.choose = choose;
    this.program = program;
    this.machine = machine;
    const { shapes, layout } = layOutTable(program);
    this.shapes = shapes;
    this.layout = layout;
    this.timeline = timed ? timelineLayout(countRuns(allSteps(program))) : undefined;
    this.context = {
      machine,
      base: (b, frame, buffer) => {
        const word = ir.load('i32', frame, 4 * placeIn(this.shape?.buffers, buffer));
        return b.let(ir.load('i32', word), 'base');
      },
      scalars: (b, frame) => (slot, dtype) => {
        const place = (this.shape?.buffers.length ?? 0) + placeIn(this.shape?.scalars, slot);
        return loadScalar(b, ir.load('i32', frame, 4 * place), dtype);
      },
      dtypeOf: (buffer) => program.buffers[buffer]?.dtype ?? 'float32',
      sizeOf: (buffer) => program.buffers[buffer]?.size,
    };
  }

  lower(): ProgramCode {
    const { layout, program } = this;
    for (const step of allSteps(program)) this.lowerStep(step);
    const parallel = this.isParallel(allSteps(program));
    // Behind what kernels use.
    const claimOffset = this.scratchBytes;
    if (parallel) this.scratchBytes += CLAIM_BYTES;
    const run = ir.func(
      'run',
      ['thread', 'threads', 'table'],
      (b, thread, threads, table) => {
        const size = b.let(ir.i32(this.scratchBytes));
        const scratch = b.let(ir.add(ir.load('i32', table, layout.scratch), ir.mul(thread, size)), 'scratch');
        const notes =
          this.timeline === undefined
            ? undefined
            : b.let(timelineOf(this.timeline, ir.load('i32', table, layout.timeline), thread), 'notes');
        const claim = b.let(ir.add(scratch, ir.i32(claimOffset)), 'claim');
        const execution = { thread, threads, claim, table, scratch, notes };
        const work = (): void => {
          if (parallel) openClaim(b, claim, thread, threads);
          if (program.preparation.length > 0)
            b.if(ir.compare('ne', ir.load('i32', table, layout.prepare), ir.i32(0)), () => {
              this.emitSteps(b, program.preparation, execution);
              this.meet(b, execution);
            });
          this.emitSteps(b, program.steps, execution);
        };
        if (parallel) attend(b, thread, this.barrierOf(table), work);
        else work();
      },
      true,
    );
    return {
      module: {
        functions: [
          ...this.library.functions,
          ...this.functions,
          ...(parallel ? [nextChunkFunction()] : []),
          run,
        ],
      },
      layout,
      kernels: this.codes,
      scratchBytes: this.scratchBytes,
      parallel,
      timeline: this.timeline,
    };
  }

  private lowerStep(step: Step): void {
    for (const kernel of step) {
      if (kernel.kind === 'scan') {
        for (const inner of kernel.body) this.lowerStep(inner);
        continue;
      }
      const code = this.codeFor(kernel);
      this.codeOf.set(kernel, { code, counter: this.codes.length });
      this.codes.push(code);
    }
  }

  /** The code of a kernel: that of another one of its shape, if there is one. */
  private codeFor(kernel: PlainKernel): KernelCode {
    const shape = this.shapes.get(kernel);
    if (shape === undefined) throw new InternalError('a kernel without a frame');
    let code = this.shared.get(shape.key);
    if (code === undefined) {
      this.shape = shape;
      const name = kernel.name.replaceAll(/[^A-Za-z0-9]/g, '_').slice(0, 40);
      this.shared.set(shape.key, (code = this.lowerKernel(kernel, `k${this.shared.size}_${name}`)));
      this.shape = undefined;
    }
    return { ...code, kernel, frame: shape.frame };
  }

  private lowerKernel(kernel: PlainKernel, name: string): Omit<KernelCode, 'kernel' | 'frame'> {
    if (kernel.kind === 'contraction' || kernel.kind === 'winograd' || kernel.kind === 'winogradGradient') {
      const options: ContractionOptions = {
        machine: this.machine,
        choose: this.choose,
        library: this.library,
        baseOf: this.context.base,
        results: (b, table, stores) => {
          const bases = new Map<number, Expr>();
          const top = b.statements;
          const emitter = new Emitter({
            b,
            machine: this.machine,
            base: (buffer) => {
              let base = bases.get(buffer);
              if (base === undefined) {
                const here = b.statements;
                b.statements = top;
                bases.set(buffer, (base = this.context.base(b, table, buffer)));
                b.statements = here;
              }
              return base;
            },
            scalars: this.context.scalars(b, table),
          });
          return {
            scope: (bindings, body, vector, valid) => {
              emitter.scope(bindings, body, vector, valid);
            },
            store: (sum) => {
              emitter.setAccumulator(sum);
              const writes = stores.map(({ buffer, index, value }) =>
                emitter.prepareStore(buffer, this.context.dtypeOf(buffer), index, value),
              );
              for (const write of writes) write();
            },
          };
        },
      };
      const lowered =
        kernel.kind === 'winograd'
          ? lowerWinograd({ ...kernel, name }, options)
          : kernel.kind === 'winogradGradient'
            ? lowerWinogradGradient({ ...kernel, name }, options)
            : lowerContraction({ ...kernel, name }, options);
      this.functions.push(
        ...lowered.functions.map((each) =>
          each.name === lowered.entry ? { ...each, exported: true } : each,
        ),
      );
      this.scratchBytes = Math.max(this.scratchBytes, align(lowered.scratchBytes, CACHE_LINE));
      return {
        entry: lowered.entry,
        units: lowered.units,
        work: lowered.work,
        flops: lowered.flops,
        takesScratch: true,
      };
    }
    const lowered = this.lowerPlain(kernel, name);
    this.functions.push(
      ...lowered.functions.map((each) => (each.name === lowered.entry ? { ...each, exported: true } : each)),
    );
    return {
      entry: lowered.entry,
      units: lowered.units,
      work: lowered.units * lowered.unitWork,
      flops: 0,
      takesScratch: false,
    };
  }

  private lowerPlain(
    kernel: Exclude<Kernel, { kind: 'scan' | 'contraction' | 'winograd' | 'winogradGradient' }>,
    name: string,
  ): ReturnType<typeof lowerLoop> {
    switch (kernel.kind) {
      case 'loop':
        return lowerLoop(kernel, name, this.context);
      case 'winogradFilter':
        return lowerWinogradFilter(
          { ...kernel, name },
          { machine: this.machine, baseOf: this.context.base, library: this.library },
        );
      case 'scatter':
        return lowerScatter(kernel, name, this.context);
      case 'cumulative':
        return lowerCumulative(kernel, name, this.context);
      case 'sort':
        return lowerSort(kernel, name, this.context);
    }
  }

  /** Steps one after the other. Small ones are left to thread 0, and need no meeting among themselves. */
  private emitSteps(b: Builder, steps: readonly Step[], run: Run): void {
    let before: 'serial' | 'parallel' | undefined;
    for (const step of steps) {
      const [first] = step;
      const mode = first?.kind === 'scan' || this.isLarge(step) ? 'parallel' : 'serial';
      if (before !== undefined && (before === 'parallel' || mode === 'parallel')) this.meet(b, run);
      before = mode;
      if (first?.kind === 'scan') this.emitScan(b, first, run);
      else if (mode === 'serial')
        b.if(ir.compare('eq', run.thread, ir.i32(0)), () => {
          this.emitSerial(b, step, run);
        });
      else this.emitParallel(b, step, run);
    }
  }

  private isLarge(step: Step): boolean {
    return step.reduce((sum, kernel) => sum + (this.codeOf.get(kernel)?.code.work ?? 0), 0) >= SERIAL_WORK;
  }

  /** Whether any step is large, in scans too. */
  private isParallel(steps: readonly Step[]): boolean {
    return steps.some(
      (step) =>
        this.isLarge(step) || step.some((kernel) => kernel.kind === 'scan' && this.isParallel(kernel.body)),
    );
  }

  private barrierOf(table: Expr): Expr {
    return ir.add(table, ir.i32(this.layout.barrier));
  }

  private meet(b: Builder, { table, threads }: Run): void {
    b.push({ kind: 'barrier', state: this.barrierOf(table), threads });
  }

  private emitSerial(b: Builder, step: Step, run: Run): void {
    for (const kernel of step) {
      const numbered = this.codeOf.get(kernel) as NumberedCode;
      const { code } = numbered;
      this.timed(b, run, numbered, () => {
        const units = ir.i32(code.units);
        b.call(code.entry, frameOf(run, code), ir.i32(0), units, ...(code.takesScratch ? [run.scratch] : []));
        return units;
      });
    }
  }

  /** Emits `work`, which gives the units that it has done; with a note of when that was, if the program is timed. */
  private timed(b: Builder, { notes }: Run, { counter }: NumberedCode, work: () => Expr): void {
    if (this.timeline === undefined || notes === undefined) work();
    else noteSpan(b, this.timeline, notes, counter, work);
  }

  private emitParallel(b: Builder, step: Step, run: Run): void {
    const codes = step.map((kernel) => this.codeOf.get(kernel) as NumberedCode);
    for (const numbered of codes.sort((x, y) => y.code.work - x.code.work)) {
      const { code, counter } = numbered;
      const { units, work } = code;
      if (units === 0) continue;
      const grain = Math.max(1, Math.min(Math.round((CHUNK_WORK * units) / work), Math.ceil(units / 8)));
      this.timed(b, run, numbered, () => {
        const taken = this.timeline === undefined ? undefined : b.variable(ir.i32(0), 'taken');
        const counters = ir.add(run.table, ir.i32(this.layout.counters + counter * CACHE_LINE));
        takeChunks(b, run.claim, counters, { units, grain }, (begin, end) => {
          b.call(code.entry, frameOf(run, code), begin, end, ...(code.takesScratch ? [run.scratch] : []));
          if (taken !== undefined) b.set(taken, ir.add(ir.get(taken), ir.sub(end, begin)));
        });
        return taken === undefined ? ir.i32(0) : ir.get(taken);
      });
    }
  }

  /** Between the steps of a loop, thread 0 moves the windows on and hands the carries over. */
  private emitScan(b: Builder, kernel: Extract<Kernel, { kind: 'scan' }>, run: Run): void {
    const { thread, table } = run;
    const { layout } = this;
    const base = (buffer: number): Expr => ir.load('i32', table, 4 * buffer);
    const copy = (list: readonly { from: number; to: number; bytes: number }[]): void => {
      for (const { from, to, bytes } of list)
        b.push({ kind: 'copy', to: base(to), from: base(from), length: ir.i32(bytes) });
    };
    const onFirst = (body: () => void): void => {
      b.if(ir.compare('eq', thread, ir.i32(0)), body);
    };
    onFirst(() => {
      copy(kernel.initial);
    });
    b.for(ir.i32(0), ir.i32(kernel.length), 1, (i) => {
      onFirst(() => {
        const step = kernel.reverse ? b.let(ir.sub(ir.i32(kernel.length - 1), i)) : i;
        for (const { buffer, whole, bytes } of kernel.windows) {
          b.store('i32', table, ir.add(base(whole), ir.mul(step, ir.i32(bytes))), 4 * buffer);
        }
        b.push({
          kind: 'fillZero',
          address: ir.add(table, ir.i32(layout.counters)),
          length: ir.i32(layout.counterBytes),
        });
      });
      this.meet(b, run);
      this.emitSteps(b, kernel.body, run);
      this.meet(b, run);
      onFirst(() => {
        copy(kernel.carries);
      });
    });
    // The loop has used the counters of its kernels only, but has cleared all: kernels of later steps start at 0 as they should.
  }
}

interface Run {
  readonly thread: Expr;
  readonly threads: Expr;
  /** The thread's words for taking units (see `shares.ts`). */
  readonly claim: Expr;
  readonly table: Expr;
  readonly scratch: Expr;
  /** Where the thread of a timed program makes its notes. */
  readonly notes: Expr | undefined;
}

/** The code of a kernel, and its number among all. */
interface NumberedCode {
  readonly code: KernelCode;
  readonly counter: number;
}

const countRuns = (steps: readonly Step[]): number => countKernels(steps, ({ length }) => length);

const frameOf = ({ table }: Run, { frame }: KernelCode): Expr => ir.add(table, ir.i32(frame));

function placeIn(list: readonly number[] | undefined, value: number): number {
  const place = list?.indexOf(value) ?? -1;
  if (place < 0) throw new InternalError(`a kernel uses ${value}, which is not in its frame`);
  return place;
}

function loadScalar(b: Builder, address: Expr, dtype: DType): Expr {
  const element = scalarType(dtype);
  const value = ir.load(element, address);
  return b.let(dtype === 'bool' ? ir.compare('ne', value, ir.i32(0)) : value);
}
