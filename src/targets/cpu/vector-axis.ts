/** Which loop of a kernel runs over vectors: the one whose neighbours are cheapest to reach together. */
import type { Index, Variable } from '../../compiler/index-expr.js';
import type { Combiner, LoopKernel, Stage } from '../../compiler/kernel.js';
import { linearStride, visit, type Scalar } from '../../compiler/scalar-expr.js';
import { scalarType } from './elements.js';
import { LARGEST_OVERRUN_STRIDE } from './emit-memory.js';
import type { Machine } from './machine.js';
import { isWindow } from './window.js';

/** With more guarded loads than this, code for each lane would be too long. */
const MANY_GUARDS = 12;
/** Whether lanes past the end of a vector loop may be computed: nothing they read lies far from what others read. */
export function mayOverrun(kernel: LoopKernel, vector: Variable, machine: Machine): boolean {
  // What lies far is not read then.
  if (machine.masks) return true;
  let possible = true;
  visit(
    kernel.stages.map((stage) => stage.value),
    (scalar) => {
      if (scalar.kind !== 'load') return;
      const stride = linearStride(scalar.index, vector);
      if (stride === undefined || Math.abs(stride) > LARGEST_OVERRUN_STRIDE) possible = false;
    },
  );
  return possible;
}

/** Cost of one vector access by its stride, in vector loads. Gathering takes a machine that can do it about a load for each lane. */
function accessCost(index: Index, v: Variable, { lanes, masks }: Machine): number {
  const stride = linearStride(index, v);
  if (masks) {
    if (stride === undefined && isWindow(index, v, lanes)) return 2;
    const distance = Math.abs(stride ?? 3);
    if (distance <= 1) return stride === 0 ? 0.1 : stride === 1 ? 1 : 1.5;
    return distance === 2 ? 2.5 : lanes * (distance <= 16 ? 0.8 : 1.6);
  }
  if (stride === undefined) return lanes * 1.4;
  const distance = Math.abs(stride);
  if (distance <= 1) return stride === 0 ? 0.1 : stride === 1 ? 1 : 2;
  if (distance === 2) return 2.5;
  // Lanes that lie in cache lines of their own cost more than the instructions that gather them.
  return distance <= 16 ? lanes * 1.2 : lanes * 2.5;
}

/** Whether lanes can hold what the stages compute. */
export function isVectorizable(stages: readonly Stage[]): boolean {
  let possible = stages.every((stage) => stage.kind === 'store' || !isArg(stage.combiner));
  visit(
    stages.map((stage) => stage.value),
    (scalar) => {
      if (scalarType(scalar.dtype) === 'f64') possible = false;
    },
  );
  return possible;
}

const isArg = (combiner: Combiner): boolean => combiner === 'argmax' || combiner === 'argmin';

/** A loop over vectors, and its cost in scalar loops. */
export interface VectorChoice {
  readonly vector: Variable;
  readonly cost: number;
}

type Load = Extract<Scalar, { kind: 'load' }>;

/** Where a kernel reads and writes. */
export interface Accesses {
  readonly stores: readonly Index[];
  readonly loads: readonly Load[];
  /** What conditions of loads are about. */
  readonly guarded: readonly Index[];
}

export function accessesOf(stages: readonly Stage[]): Accesses {
  const stores = stages.flatMap((stage) => (stage.kind === 'store' ? [stage.index] : []));
  const loads: Load[] = [];
  visit(
    stages.map((stage) => stage.value),
    (scalar) => {
      if (scalar.kind === 'load') loads.push(scalar);
    },
  );
  return { stores, loads, guarded: loads.flatMap(({ guard }) => guard.map(({ index }) => index)) };
}

/** What vectors along `v` cost, in scalar loops. `costOf` is the cost of a load where that is not the usual one. */
export function relativeCost(
  { stores, loads, guarded }: Accesses,
  v: Variable,
  machine: Machine,
  overrun: boolean,
  costOf: (load: Load) => number | undefined = () => undefined,
): number {
  const { lanes, masks } = machine;
  let cost = 0;
  let count = 0;
  for (const index of stores) {
    cost += 1.5 * accessCost(index, v, machine);
    count += 1.5 * lanes;
  }
  for (const load of loads) {
    cost += costOf(load) ?? accessCost(load.index, v, machine);
    count += lanes;
  }
  // At edges every lane looks for itself, and the code for that is long.
  for (const index of guarded) {
    cost += linearStride(index, v) === 0 ? 0.5 : masks ? 1 : guarded.length > MANY_GUARDS ? 2 * lanes : 2;
    count += 0.5 * lanes;
  }
  // Arithmetic is done L at a time whatever the accesses cost.
  const arithmetic = 4;
  const tail = v.extent % lanes;
  const steps = Math.floor(v.extent / lanes) + (overrun ? Math.sign(tail) : tail);
  const waste = steps / (v.extent / lanes);
  return ((cost + arithmetic) / (count + arithmetic * lanes)) * waste;
}

/** The variable whose neighbours share a vector: the one that makes accesses cheapest; undefined if none does better than scalars. */
export function chooseVector(kernel: LoopKernel, machine: Machine): VectorChoice | undefined {
  const { lanes, masks } = machine;
  const { stages } = kernel;
  const columnsOnly = stages.some((stage) => stage.kind === 'reduce' && isArg(stage.combiner));
  if (columnsOnly ? !isVectorizableRows(stages) : !isVectorizable(stages)) return undefined;
  const accesses = accessesOf(stages);
  let best: Variable | undefined;
  let bestCost = 1;
  for (const v of columnsOnly ? kernel.rows : [...kernel.rows, ...kernel.columns]) {
    if (v.extent < (masks ? 2 : lanes)) continue;
    const relative = relativeCost(accesses, v, machine, mayOverrun(kernel, v, machine));
    // Among equals the innermost loop wins, and columns before rows: their sums stay in registers.
    if (relative < bestCost || (relative === bestCost && best !== undefined)) {
      bestCost = relative;
      best = v;
    }
  }
  return best === undefined ? undefined : { vector: best, cost: bestCost };
}

/** As {@link isVectorizable}, for kernels whose rows share vectors. */
function isVectorizableRows(stages: readonly Stage[]): boolean {
  return isVectorizable(
    stages.map((stage) => (stage.kind === 'reduce' ? { ...stage, combiner: 'max' as const } : stage)),
  );
}
