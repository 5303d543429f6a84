/**
 * Sums of products as a blocked matrix kernel in loop IR: matrix products, batched ones, convolutions and both of their gradients. All
 * of them are out[batch, row, column] = Σ_k x[batch, row, k] · y[batch, column, k] with operands that are strided views, so a
 * convolution needs no unfolded copy of its input. After Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008);
 * with the first operand left where it is, and the second packed a panel at a time just before its use.
 */
import type { ContractionKernel } from '../../compiler/kernel.js';
import { InternalError } from '../../core/errors.js';
import { runsOf, sizeOf } from './contraction-axes.js';
import { fillTable, packFunctions } from './contraction-pack.js';
import { packRowsFunction, packedBytes } from './contraction-pack-rows.js';
import type { Candidate, Choose } from './candidates.js';
import { contractionPlans, planContraction, type ContractionPlan } from './contraction-plan.js';
import { groupCount } from './contraction-rows.js';
import { Sweeps } from './contraction-sweep-unit.js';
import { resultFunction, type ResultEmitter } from './contraction-results.js';
import type { Stores } from './contraction-stores.js';
import type { FunctionLibrary } from './function-library.js';
import { dotsPlans, planDots, type DotsPlan } from './dots-plan.js';
import { lowerDots } from './dots.js';
import { directPlans, planDirect, type DirectPlan } from './direct-plan.js';
import { lowerDirect } from './direct.js';
import { panelWidth, type Machine, wholeLines } from './machine.js';
import { rowsFunction, Tiles, unitFunction, vectorsOf, type Layout } from './contraction-unit.js';
import { add, func, i32, type Builder, type Expr, type Func } from './ir.js';

export type { ResultEmitter } from './contraction-results.js';

export interface ContractionOptions {
  readonly machine: Machine;
  /** Gives the address of a buffer. */
  readonly baseOf: (b: Builder, table: Expr, buffer: number) => Expr;
  /** Opens what emits the epilogue: `stores` are the kernel's, perhaps in terms of other variables. */
  readonly results: (b: Builder, table: Expr, stores: Stores) => ResultEmitter;
  /** Takes the functions that kernels have in common. */
  readonly library: FunctionLibrary;
  /** Chooses among the ways to do a contraction; the least estimated cycles do when left out. */
  readonly choose?: Choose | undefined;
}

export interface ContractionCode {
  readonly functions: readonly Func[];
  /** The function (table, begin, end, scratch) that does the units of work begin <= unit < end. */
  readonly entry: string;
  readonly units: number;
  /** Bytes of scratch that each thread needs. */
  readonly scratchBytes: number;
  /** Multiplications and additions as a convolution or matrix product is counted, whatever is really done. */
  readonly flops: number;
  /** Rough operations. */
  readonly work: number;
}

const oddLines = (bytes: number): number => {
  const lines = Math.ceil(bytes / 64);
  return (lines + 1 - (lines % 2)) * 64;
};

function layoutOf(plan: ContractionPlan, machine: Machine): Layout {
  const rowBytes = panelWidth(machine) * 4;
  const { k, rows } = plan;
  const rowTable = 0;
  const columnTable = k.rowSteps.kind === 'table' ? wholeLines(k.size * 4) : 0;
  const panels = columnTable + (k.columnSteps.kind === 'table' ? wholeLines(k.size * 4) : 0);
  const panelBytes = wholeLines(k.size * rowBytes);
  const keepsSums = plan.sweep === undefined || plan.sweep.finish === 'keep';
  const packedRows = panels + (plan.sweep?.source === 'operand' ? 0 : plan.panelsPerStrip * panelBytes);
  const groupBytes = Math.max(packedBytes(rows.segments, k.size), packedBytes(rows.lastSegments, k.size));
  const sums = packedRows + (plan.packRows ? wholeLines(plan.groupsPerUnit * groupBytes) : 0);
  const sumsBytes = wholeLines(plan.groupsPerUnit * rows.rows * rowBytes);
  const kept = !keepsSums ? 0 : k.count > 1 ? plan.panelsPerUnit : plan.panelsPerStrip;
  // Squares reach over the last row; an odd number of lines keeps columns out of each other's sets of the cache.
  const { lanes } = machine;
  const turnedBytes = oddLines(Math.ceil((plan.groupsPerUnit * rows.rows) / lanes) * lanes * 4);
  const turned = sums + kept * sumsBytes + lanes * rowBytes;
  return {
    rowTable,
    columnTable,
    panels,
    panelBytes,
    packedRows,
    sums,
    sumsBytes,
    turned,
    turnedBytes,
    bytes:
      turned +
      (keepsSums && plan.vector === 'rows' ? plan.panelsPerStrip * panelWidth(machine) * turnedBytes : 0),
  };
}

/** Tiles, rows of them, and units. */
function multiplyFunctions(
  name: string,
  plan: ContractionPlan,
  layout: Layout,
  options: ContractionOptions,
): readonly Func[] {
  const { machine } = plan;
  if (plan.sweep !== undefined) {
    const sweeps = new Sweeps(name, plan, plan.sweep, layout, options);
    const rows = sweeps.rows();
    return [...sweeps.functions, rows, sweeps.unit()];
  }
  const tiles = new Tiles(name, plan, machine);
  const rows = vectorsOf(plan, machine).map((vectors) =>
    rowsFunction(name, plan, tiles, vectors, panelWidth(machine) * 4),
  );
  return [...tiles.functions, ...rows, unitFunction(name, plan, layout, options)];
}

/** The plans that have the least cycles, or all there are. */
interface Plans {
  readonly packed: readonly ContractionPlan[];
  readonly direct: readonly DirectPlan[];
  readonly dots: readonly DotsPlan[];
}

function candidatesOf(kernel: ContractionKernel, plans: Plans, options: ContractionOptions): Candidate[] {
  const rowsOf = ({ rowOperand }: ContractionPlan | DirectPlan): string =>
    rowOperand === kernel.a ? 'a' : 'b';
  const candidate = (
    kind: string,
    detail: string,
    { cycles }: { readonly cycles: number },
    lower: Candidate['lower'],
  ): Candidate => ({ name: `${kind}, ${detail}`, kind, cycles, lower });
  const found = [
    ...plans.direct.map((plan) => {
      const { vectors, together } = plan.panels;
      const detail = `panel of ${vectors.length}${together ? ' across runs' : ''}`;
      return candidate(`direct ${rowsOf(plan)}`, detail, plan, () => lowerDirect(kernel, plan, options));
    }),
    ...plans.dots.map((plan) => {
      const detail = `tile ${plan.heights[0] ?? 0}x${plan.widths[0] ?? 0}`;
      return candidate('dots', detail, plan, () => lowerDots(kernel, plan, options));
    }),
    ...plans.packed.map((plan) => {
      const { rows, vectors } = plan.machine.tile;
      const detail = `tile ${rows}x${vectors}`;
      return candidate(`packed ${rowsOf(plan)}`, detail, plan, () => lowerPacked(kernel, plan, options));
    }),
  ];
  // Where estimates are equal the order stays.
  return found.sort((x, y) => x.cycles - y.cycles);
}

/** What the estimate takes, and then all others if somebody wants to choose. */
function candidatesFor(
  kernel: ContractionKernel,
  options: ContractionOptions,
): readonly [Candidate, ...Candidate[]] {
  const { machine } = options;
  const [direct, dots] = [planDirect(kernel, machine), planDots(kernel, machine)];
  const packed = planContraction(kernel, machine);
  const [first] = candidatesOf(
    kernel,
    {
      packed: [packed],
      direct: direct === undefined ? [] : [direct],
      dots: dots === undefined ? [] : [dots],
    },
    options,
  );
  if (first === undefined) throw new InternalError('a contraction without a plan');
  if (options.choose === undefined) return [first];
  const all = candidatesOf(
    kernel,
    {
      packed: contractionPlans(kernel, machine),
      direct: directPlans(kernel, machine),
      dots: dotsPlans(kernel, machine),
    },
    options,
  );
  const names = new Set([first.name]);
  return [first, ...all.filter(({ name }) => !names.has(name) && names.add(name))];
}

/**
 * Lowers a float32 contraction. Results do not depend on how units are shared among threads.
 *
 * @param kernel - extents of at least 1; the element count of every operand below 2^29.
 */
export function lowerContraction(kernel: ContractionKernel, options: ContractionOptions): ContractionCode {
  const candidates = candidatesFor(kernel, options);
  return (options.choose?.(kernel, candidates) ?? candidates[0]).lower();
}

/** The matrix kernel over packed panels. */
function lowerPacked(
  kernel: ContractionKernel,
  plan: ContractionPlan,
  options: ContractionOptions,
): ContractionCode {
  const { machine } = options;
  const layout = layoutOf(plan, plan.machine);
  const entry = `${kernel.name}_units`;
  const functions = [
    ...multiplyFunctions(kernel.name, plan, layout, options),
    ...(plan.packRows ? [packRowsFunction(`${kernel.name}_packRows`, plan.rows, plan.k, machine.lanes)] : []),
    ...(plan.sweep === undefined || plan.sweep.source === 'panels'
      ? packFunctions(`${kernel.name}_pack`, {
          machine: plan.machine,
          columns: plan.columns,
          steps: plan.k.columnSteps,
          runs: runsOf(plan.k.columnAxes),
          panels: plan.panelsPerStrip,
          panelBytes: layout.panelBytes,
        })
      : []),
    ...(plan.sweep === undefined || plan.sweep.finish === 'keep'
      ? [
          resultFunction(`${kernel.name}_results`, plan, {
            machine: plan.machine,
            sumsBytes: layout.sumsBytes,
            turnedBytes: layout.turnedBytes,
            results: options.results,
          }),
        ]
      : []),
    func(entry, ['table', 'begin', 'end', 'scratch'], (b, table, begin, end, scratch) => {
      if (plan.k.rowSteps.kind === 'table') fillTable(b, add(scratch, i32(layout.rowTable)), plan.k.rowAxes);
      if (plan.k.columnSteps.kind === 'table')
        fillTable(b, add(scratch, i32(layout.columnTable)), plan.k.columnAxes);
      b.for(begin, end, 1, (unit) => {
        b.call(`${kernel.name}_unit`, table, unit, scratch);
      });
    }),
  ];
  const batch = sizeOf(plan.batchAxes.rows);
  const flops = 2 * batch * plan.rowCount * plan.columnCount * sizeOf(kernel.k);
  return {
    functions,
    entry,
    units:
      batch *
      Math.ceil(plan.panels / plan.panelsPerUnit) *
      Math.ceil(groupCount(plan.rows) / plan.groupsPerUnit),
    scratchBytes: layout.bytes,
    flops,
    work: flops / 4,
  };
}
