/** Choosing among the ways to do heavy contractions by measuring them, instead of by estimates alone. */
import { sizeOf } from '../core/shape.js';
import { kernelShape } from '../compiler/kernel-shape.js';
import type { ContractionKernel } from '../compiler/kernel.js';
import type { Variable } from '../compiler/index-expr.js';
import type { Candidate, Choose } from '../targets/cpu/candidates.js';
import type { CodeGenerator } from './code-generator.js';
import { measureCandidates, type Bench } from './measure-candidates.js';
import { TuningCache, tuningPath } from './tuning-cache.js';

/** Contractions of fewer operations take a quarter of a millisecond or less, and making code of their candidates takes a thousand times that. */
const HEAVY_FLOPS = 2e7;
/** Candidates whose estimate is further from the best one's seldom win. */
const WORST_ESTIMATE = 1.6;
const MOST_CANDIDATES = 5;
/** What differs by less may be noise. */
const CLEARLY = 0.95;

let enabled = false;
let shared: TuningCache | undefined;

/**
 * Turns tuning on or off for everything compiled from now on; it is off at first. Where it is on, each heavy matrix product or convolution that
 * this machine has not met before is measured in several ways when it is compiled, which takes some tens of milliseconds for each, and the fastest is
 * used and remembered in the folder of the data cache.
 *
 * The ways add up in different orders. So tuning may change the last bits of results, and these may then differ between machines, or before and
 * after the file is removed. On one machine and with one file they stay the same, whatever the number of threads.
 *
 * @example
 * ```ts
 * setTuning(true);
 * const a = ones([256, 256]);
 * await a.matmul(a).sum().item(); // => 16777216
 * setTuning(false);
 * ```
 */
export function setTuning(on: boolean): void {
  enabled = on;
}

/** Whether tuning is on. */
export function tuningEnabled(): boolean {
  return enabled;
}

/** What is remembered on this machine. */
export function tuningCache(): TuningCache {
  const path = tuningPath();
  if (shared === undefined || shared.path !== path) shared = new TuningCache(path);
  return shared;
}

/** Chooses for the kernels of a program: as the cache says, or else by measuring. */
export function tuner(bench: Bench, cache: TuningCache): Choose {
  const machine = machineName(bench.generator);
  return (kernel, candidates) => {
    const rivals = rivalsOf(kernel, candidates);
    if (rivals.length < 2) return candidates[0];
    const key = keyOf(kernel, bench);
    const known = cache.get(machine, key);
    const found = candidates.find(({ name }) => name === known);
    if (found !== undefined) return found;
    const times = measureCandidates(kernel, rivals, bench);
    if (times.size === 0) return candidates[0];
    const chosen = fastest(times, candidates[0]);
    cache.set(machine, key, chosen.name);
    return chosen;
  };
}

/**
 * Those worth measuring, the estimate's own choice first; none for light kernels. The best of each kind come before others: within a kind estimates
 * are nearer to the truth than between kinds.
 */
function rivalsOf(kernel: ContractionKernel, candidates: readonly [Candidate, ...Candidate[]]): Candidate[] {
  const size = (list: readonly Variable[]): number => sizeOf(list.map(({ extent }) => extent));
  const flops = 2 * size(kernel.batch) * size(kernel.m) * size(kernel.n) * size(kernel.k);
  if (flops < HEAVY_FLOPS) return [];
  const [{ cycles: least }] = candidates;
  const near = candidates.filter(({ cycles }) => cycles <= WORST_ESTIMATE * least);
  const kinds = near.map(({ kind }) => kind);
  const isBest = near.map((_, i) => kinds.indexOf(kinds[i] ?? '') === i);
  return [...near.filter((_, i) => isBest[i]), ...near.filter((_, i) => !isBest[i])].slice(
    0,
    MOST_CANDIDATES,
  );
}

/** The fastest, if it is clearly faster than the estimate's choice. */
function fastest(times: ReadonlyMap<Candidate, number>, usual: Candidate): Candidate {
  let chosen = usual;
  let least = CLEARLY * (times.get(usual) ?? Infinity);
  for (const [candidate, milliseconds] of times)
    if (milliseconds < least) [chosen, least] = [candidate, milliseconds];
  return chosen;
}

function machineName({ description }: CodeGenerator): string {
  const { process } = globalThis as { process?: NodeJS.Process };
  const model = process?.getBuiltinModule('node:os').cpus()[0]?.model.trim() ?? 'unknown processor';
  return `${model}, ${description}`;
}

/** The kernel's shape, and what its code depends on of the machine: virtual processors of one name differ. */
function keyOf(kernel: ContractionKernel, { program, generator }: Bench): string {
  const { key } = kernelShape(kernel, (buffer) => {
    const info = program.buffers[buffer];
    return `${info?.dtype ?? ''}${info?.size ?? ''}`;
  });
  return hashOf(`${key} ${JSON.stringify(generator.machine)}`);
}

/**
 * 64 bits as text: FNV-1a with two offsets (G. Fowler, L. Noll, K.-P. Vo). Two kernels of one hash would only share a choice, which both can do or
 * which is made anew.
 */
function hashOf(text: string): string {
  let [low, high] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code ^ (low >>> 13), 0x01000193);
  }
  return [low, high].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
