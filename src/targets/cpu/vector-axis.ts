/** Which loop of a kernel runs over vectors: the one whose neighbours are cheapest to reach together. */
import type { Index, Variable } from '../../compiler/index-expr.js';
import type { Combiner, LoopKernel, Stage } from '../../compiler/kernel.js';
import { linearStride, visit } from '../../compiler/scalar-expr.js';
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
function isVectorizable(stages: readonly Stage[]): boolean {
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

/** The variable whose neighbours share a vector: the one that makes accesses cheapest; undefined if none does better than scalars. */
export function chooseVector(kernel: LoopKernel, machine: Machine): VectorChoice | undefined {
  const { lanes, masks } = machine;
  const { stages } = kernel;
  const columnsOnly = stages.some((stage) => stage.kind === 'reduce' && isArg(stage.combiner));
  if (columnsOnly ? !isVectorizableRows(stages) : !isVectorizable(stages)) return undefined;
  const accesses: { index: Index; weight: number }[] = [];
  for (const stage of stages) if (stage.kind === 'store') accesses.push({ index: stage.index, weight: 1.5 });
  const guarded: Index[] = [];
  visit(
    stages.map((stage) => stage.value),
    (scalar) => {
      if (scalar.kind !== 'load') return;
      accesses.push({ index: scalar.index, weight: 1 });
      for (const { index } of scalar.guard) guarded.push(index);
    },
  );
  let best: Variable | undefined;
  let bestCost = 1;
  for (const v of columnsOnly ? kernel.rows : [...kernel.rows, ...kernel.columns]) {
    if (v.extent < (masks ? 2 : lanes)) continue;
    let cost = 0;
    let count = 0;
    for (const { index, weight } of accesses) {
      cost += weight * accessCost(index, v, machine);
      count += weight * lanes;
    }
    // At edges every lane looks for itself, and the code for that is long.
    for (const index of guarded) {
      cost += linearStride(index, v) === 0 ? 0.5 : masks ? 1 : guarded.length > MANY_GUARDS ? 2 * lanes : 2;
      count += 0.5 * lanes;
    }
    // Arithmetic is done L at a time whatever the accesses cost.
    const arithmetic = 4;
    const tail = v.extent % lanes;
    const steps = Math.floor(v.extent / lanes) + (mayOverrun(kernel, v, machine) ? Math.sign(tail) : tail);
    const waste = steps / (v.extent / lanes);
    // Among equals the innermost loop wins, and columns before rows: their sums stay in registers.
    const relative = ((cost + arithmetic) / (count + arithmetic * lanes)) * waste;
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
