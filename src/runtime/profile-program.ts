/** Runs a graph to see what its kernels take. */
import { ArgumentError } from '../core/errors.js';
import { sizeOf } from '../core/shape.js';
import type { Kernel, Step } from '../compiler/kernel.js';
import type { Span } from '../targets/cpu/timeline.js';
import { ceilingsOf } from './ceilings.js';
import type { CpuMemory } from './cpu-memory.js';
import type { CpuDevice, InspectableProgram } from './cpu-device.js';
import { ProgramRefused, type ProgramGraph } from './device.js';
import { profileOf, type KernelSpan, type Profile } from './profile.js';
import { readValue, type AnyStorage, type DeviceStorage } from './storage.js';

export interface ProfileOptions {
  /** Runs of which the fastest counts; 20 when left out. */
  readonly repeats?: number;
}

/** Before measuring: V8 makes its better code of WebAssembly meanwhile, and caches and clock rates settle. */
const WARM_UP_MILLISECONDS = 300;
const WARM_UP_RUNS = 3;

/** A run as the threads' own clock saw it. */
interface TimedRun {
  /** When it was over, by the clock of this thread in milliseconds. */
  readonly end: number;
  readonly milliseconds: number;
  readonly spans: readonly Span[];
  readonly lost: number;
}

/**
 * Runs the graph on all threads, over what `inputs` gives and without changing it: what would be overwritten is a copy, which all runs go on with, as
 * training does.
 */
export async function profileGraph(
  device: CpuDevice,
  graph: ProgramGraph,
  inputs: () => readonly AnyStorage[],
  { repeats = 20 }: ProfileOptions = {},
): Promise<Profile> {
  if (!Number.isInteger(repeats) || repeats < 1)
    throw new ArgumentError(`profile: ${repeats} repeats`, 'use a whole number of at least 1');
  const { memory } = device;
  await memory.pool.ready();
  // From here on nothing waits, so that nobody else can change the values.
  let program = device.compile(graph, { timed: true });
  const own: DeviceStorage[] = [];
  try {
    const places = placesFor(memory, graph, inputs(), own);
    const run = (): TimedRun => timedRun(program, graph, places);
    // The first run of all hands the code to the threads.
    try {
      run();
    } catch (error) {
      if (!(error instanceof ProgramRefused)) throw error;
      program.free();
      program = device.compile(graph, { timed: true });
      run();
    }
    const first = run();
    for (let n = 2; n < WARM_UP_RUNS || performance.now() - first.end < WARM_UP_MILLISECONDS; n++) run();
    let last = run();
    let best = last;
    for (let n = 1; n < repeats; n++) {
      last = run();
      if (last.milliseconds < best.milliseconds) best = last;
    }
    const { code, kernels, generator } = program.compiled;
    // The runs that are measured find everything prepared.
    const runs = runsOf(kernels.preparation, 0, runsOf(kernels.steps));
    return profileOf({
      target: generator.name,
      threads: code.parallel ? memory.pool.threads : 1,
      milliseconds: best.milliseconds,
      spans: inMilliseconds(best, first, last),
      lostSpans: best.lost,
      ceilings: ceilingsOf(generator, memory),
      kernels: code.kernels.map(({ kernel }) => ({ kernel, runs: runs.get(kernel) ?? 1 })),
      buffers: kernels.buffers,
    });
  } finally {
    program.free();
    for (const place of own) memory.free(place);
  }
}

interface Places {
  readonly inputs: readonly AnyStorage[];
  readonly outputs: readonly DeviceStorage[];
}

/** Inputs and outputs for all runs. What is allocated for them goes into `own`. */
function placesFor(
  memory: CpuMemory,
  graph: ProgramGraph,
  values: readonly AnyStorage[],
  own: DeviceStorage[],
): Places {
  const inputs = [...values];
  const outputs = graph.outputs.map((node, i) => {
    const place = memory.allocate(node.dtype, sizeOf(node.shape));
    own.push(place);
    const replaced = graph.overwrites[i];
    const value = replaced === undefined ? undefined : values[replaced];
    if (replaced !== undefined && value !== undefined) {
      memory.write(place, readValue(value));
      inputs[replaced] = place;
    }
    return place;
  });
  return { inputs, outputs };
}

function timedRun(
  program: InspectableProgram,
  { scalars }: ProgramGraph,
  { inputs, outputs }: Places,
): TimedRun {
  const numbers = scalars.map((node) => node.attributes.cell.value);
  const start = performance.now();
  program.run(inputs, numbers, outputs);
  const end = performance.now();
  return { end, milliseconds: end - start, ...program.takeSpans() };
}

/**
 * The spans of `run` in milliseconds since it began. Nothing but the return to this thread comes after the last kernel, so both clocks meet there; how
 * fast the threads' clock goes is seen from two runs that lie apart.
 */
function inMilliseconds(run: TimedRun, first: TimedRun, last: TimedRun): KernelSpan[] {
  const endOf = ({ spans }: TimedRun): number => spans.reduce((latest, { end }) => Math.max(latest, end), 0);
  const ticks = endOf(last) - endOf(first);
  const scale = ticks > 0 ? (last.end - first.end) / ticks : 1;
  const end = endOf(run);
  const at = (time: number): number =>
    Math.min(run.milliseconds, Math.max(0, run.milliseconds - (end - time) * scale));
  return run.spans.map((span) => ({
    kernel: span.kernel,
    thread: span.thread,
    begin: at(span.begin),
    end: at(span.end),
  }));
}

/** How often each kernel runs: once, or as often as the scans around it have steps. */
function runsOf(steps: readonly Step[], times = 1, runs = new Map<Kernel, number>()): Map<Kernel, number> {
  for (const kernel of steps.flat()) {
    if (kernel.kind === 'scan') runsOf(kernel.body, times * kernel.length, runs);
    else runs.set(kernel, times);
  }
  return runs;
}
