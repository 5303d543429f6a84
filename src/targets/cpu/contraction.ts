/**
 * Sums of products as a blocked matrix kernel in loop IR: matrix products, batched ones, convolutions and both of their gradients. All
 * of them are out[batch, row, column] = Σ_k x[batch, row, k] · y[batch, column, k] with operands that are strided views, so a
 * convolution needs no unfolded copy of its input. After Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008);
 * with the first operand left where it is, and the second packed a panel at a time just before its use.
 */
import type { ContractionKernel } from '../../compiler/kernel.js';
import { mergeAxes, sizeOf, type Axis } from './contraction-axes.js';
import { fillTable, packFunctions } from './contraction-pack.js';
import { packRowsFunction, packedBytes } from './contraction-pack-rows.js';
import { groupCount, planContraction, type ContractionPlan } from './contraction-plan.js';
import { resultFunction, type ResultEmitter } from './contraction-results.js';
import type { Stores } from './contraction-stores.js';
import { panelWidth, type Machine } from './machine.js';
import { rowsFunction, Tiles, unitFunction, vectorsOf, type Layout } from './contraction-unit.js';
import { add, func, i32, type Builder, type Expr, type Func } from './ir.js';

export type { ResultEmitter } from './contraction-results.js';

export interface ContractionOptions {
  readonly machine: Machine;
  /** Gives the address of a buffer. */
  readonly baseOf: (b: Builder, table: Expr, buffer: number) => Expr;
  /** Opens what emits the epilogue: `stores` are the kernel's, perhaps in terms of other variables. */
  readonly results: (b: Builder, table: Expr, stores: Stores) => ResultEmitter;
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

/** How many steps of the innermost axis are neighbours. */
function runsOf(axes: readonly Axis[]): number {
  const inner = mergeAxes(axes).at(-1);
  return inner?.stride === 1 ? inner.extent : 1;
}

const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;

const oddLines = (bytes: number): number => {
  const lines = Math.ceil(bytes / 64);
  return (lines + 1 - (lines % 2)) * 64;
};

function layoutOf(plan: ContractionPlan, machine: Machine): Layout {
  const rowBytes = panelWidth(machine) * 4;
  const { k, rows } = plan;
  const rowTable = 0;
  const columnTable = k.rowSteps.kind === 'table' ? aligned(k.size * 4) : 0;
  const panels = columnTable + (k.columnSteps.kind === 'table' ? aligned(k.size * 4) : 0);
  const panelBytes = aligned(k.size * rowBytes);
  const packedRows = panels + plan.panelsPerStrip * panelBytes;
  const groupBytes = Math.max(packedBytes(rows.segments, k.size), packedBytes(rows.lastSegments, k.size));
  const sums = packedRows + (plan.packRows ? aligned(plan.groupsPerUnit * groupBytes) : 0);
  const sumsBytes = aligned(plan.groupsPerUnit * rows.rows * rowBytes);
  const kept = k.count > 1 ? plan.panelsPerUnit : plan.panelsPerStrip;
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
    bytes: turned + (plan.vector === 'rows' ? plan.panelsPerStrip * panelWidth(machine) * turnedBytes : 0),
  };
}

/**
 * Lowers a float32 contraction. Results do not depend on how units are shared among threads.
 *
 * @param kernel - extents of at least 1; the element count of every operand below 2^29.
 */
export function lowerContraction(kernel: ContractionKernel, options: ContractionOptions): ContractionCode {
  const { machine } = options;
  const plan = planContraction(kernel, machine);
  const rowBytes = panelWidth(machine) * 4;
  const layout = layoutOf(plan, machine);
  const tiles = new Tiles(kernel.name, plan, machine);
  const rowFunctions = vectorsOf(plan, machine).map((vectors) =>
    rowsFunction(kernel.name, plan, tiles, vectors, rowBytes),
  );
  const entry = `${kernel.name}_units`;
  const functions = [
    ...tiles.functions,
    ...rowFunctions,
    ...(plan.packRows ? [packRowsFunction(`${kernel.name}_packRows`, plan.rows, plan.k, machine.lanes)] : []),
    ...packFunctions(`${kernel.name}_pack`, {
      machine,
      columns: plan.columns,
      steps: plan.k.columnSteps,
      runs: runsOf(plan.k.columnAxes),
      panels: plan.panelsPerStrip,
      panelBytes: layout.panelBytes,
    }),
    resultFunction(`${kernel.name}_results`, plan, {
      machine,
      sumsBytes: layout.sumsBytes,
      turnedBytes: layout.turnedBytes,
      results: options.results,
    }),
    unitFunction(kernel.name, plan, layout, options),
    func(entry, ['table', 'begin', 'end', 'scratch'], (b, table, begin, end, scratch) => {
      if (plan.k.rowSteps.kind === 'table') fillTable(b, add(scratch, i32(layout.rowTable)), plan.k.rowAxes);
      if (plan.k.columnSteps.kind === 'table')
        fillTable(b, add(scratch, i32(layout.columnTable)), plan.k.columnAxes);
      b.for(begin, end, 1, (unit) => {
        b.call(`${kernel.name}_unit`, table, unit, scratch);
      });
    }),
  ];
  const batch = sizeOf(kernel.batch);
  const flops = 2 * batch * sizeOf(kernel.m) * sizeOf(kernel.n) * sizeOf(kernel.k);
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
