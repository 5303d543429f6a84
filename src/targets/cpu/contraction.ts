/**
 * Sums of products as a blocked matrix kernel in loop IR: matrix products, batched ones, convolutions and both of their gradients. All
 * of them are out[batch, row, column] = Σ_k x[batch, row, k] · y[batch, column, k] with operands that are strided views, so a
 * convolution needs no unfolded copy of its input. After Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008);
 * with the first operand left where it is, and the second packed a panel at a time just before its use.
 */
import type { ContractionKernel, Operand } from '../../compiler/kernel.js';
import { addressOf, sizeOf, split, type Axis } from './contraction-axes.js';
import { fillTable, packFunction } from './contraction-pack.js';
import { groupCount, planContraction, type ContractionPlan } from './contraction-plan.js';
import { resultFunction, type StoreResult } from './contraction-results.js';
import { eachGroup, rowOfGroup, samePattern, type Segment } from './contraction-rows.js';
import { packRowsFunction, packedBytes, packedTileBytes } from './contraction-pack-rows.js';
import { TILE_VECTORS, tileFunction, type KSteps, type RowPattern } from './contraction-tile.js';
import {
  add,
  binary,
  compare,
  func,
  get,
  i32,
  mul,
  select,
  sub,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';

export type { ResultPoint, StoreResult } from './contraction-results.js';

export interface ContractionOptions {
  /** Lanes of a vector. */
  readonly lanes: number;
  /** Gives the address of a buffer. */
  readonly baseOf: (b: Builder, table: Expr, buffer: number) => Expr;
  /** Emits the epilogue and its stores. */
  readonly storeResult: StoreResult;
}

export interface ContractionCode {
  readonly functions: readonly Func[];
  /** The function (table, begin, end, scratch) that does the units of work begin <= unit < end. */
  readonly entry: string;
  readonly units: number;
  /** Bytes of scratch that each thread needs. */
  readonly scratchBytes: number;
  readonly flops: number;
}

/** Where things lie in a thread's scratch. */
interface Layout {
  readonly rowTable: number;
  readonly columnTable: number;
  readonly panel: number;
  readonly packedRows: number;
  readonly sums: number;
  readonly bytes: number;
}

const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;

function layoutOf(plan: ContractionPlan, rowBytes: number): Layout {
  const { k } = plan;
  const columnTable = k.rowSteps.kind === 'table' ? aligned(k.size * 4) : 0;
  const panel = columnTable + (k.columnSteps.kind === 'table' ? aligned(k.size * 4) : 0);
  const packedRows = panel + aligned(k.size * rowBytes);
  const sums =
    packedRows + (plan.packRows ? aligned(plan.groupsPerUnit * packedBytes(plan.rows.segments, k.size)) : 0);
  const kept = k.count > 1 ? plan.panelsPerUnit : 1;
  return {
    rowTable: 0,
    columnTable,
    panel,
    packedRows,
    sums,
    bytes: sums + aligned(kept * plan.maxRowsPerUnit * rowBytes),
  };
}

/**
 * Lowers a float32 contraction. Results do not depend on how units are shared among threads.
 *
 * @param kernel - extents of at least 1; the element count of every operand below 2^29.
 */
export function lowerContraction(kernel: ContractionKernel, options: ContractionOptions): ContractionCode {
  const { lanes } = options;
  const plan = planContraction(kernel, lanes);
  const rowBytes = TILE_VECTORS * lanes * 4;
  const layout = layoutOf(plan, rowBytes);
  const tiles = new Tiles(kernel.name, plan, lanes);
  const rowFunctions = vectorsOf(plan, lanes).map((vectors) =>
    rowsFunction(kernel.name, plan, tiles, vectors, rowBytes),
  );
  const entry = `${kernel.name}_units`;
  const functions = [
    ...tiles.functions,
    ...rowFunctions,
    ...(plan.packRows ? [packRowsFunction(`${kernel.name}_packRows`, plan.rows, plan.k, lanes)] : []),
    packFunction(`${kernel.name}_pack`, { lanes, columns: plan.columns, steps: plan.k.columnSteps }),
    resultFunction(`${kernel.name}_results`, plan, lanes, options.storeResult),
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
  return {
    functions,
    entry,
    units:
      batch *
      Math.ceil(plan.panels / plan.panelsPerUnit) *
      Math.ceil(groupCount(plan.rows) / plan.groupsPerUnit),
    scratchBytes: layout.bytes,
    flops: 2 * batch * sizeOf(kernel.m) * sizeOf(kernel.n) * sizeOf(kernel.k),
  };
}

/** How many vectors of columns panels have: all of them, then the last, if it needs fewer. */
function vectorsOf(plan: ContractionPlan, lanes: number): number[] {
  const last = Math.ceil((plan.columnCount - (plan.panels - 1) * TILE_VECTORS * lanes) / lanes);
  if (last === TILE_VECTORS) return [TILE_VECTORS];
  return plan.panels === 1 ? [last] : [TILE_VECTORS, last];
}

/** One tile function for each pattern of rows and number of vectors. */
class Tiles {
  readonly functions: Func[] = [];
  private readonly known: { pattern: RowPattern; vectors: number; name: string }[] = [];
  private readonly name: string;
  private readonly plan: ContractionPlan;
  private readonly lanes: number;

  constructor(name: string, plan: ContractionPlan, lanes: number) {
    this.name = name;
    this.plan = plan;
    this.lanes = lanes;
  }

  nameOf(source: RowPattern, vectors: number): string {
    const { k, packRows } = this.plan;
    const pattern = packRows ? source.map((_, row) => row * 4) : source;
    const found = this.known.find((each) => each.vectors === vectors && samePattern(each.pattern, pattern));
    if (found !== undefined) return found.name;
    const name = `${this.name}_tile${this.known.length}`;
    this.known.push({ pattern, vectors, name });
    const steps: KSteps = packRows ? { kind: 'stride', bytes: pattern.length * 4 } : k.rowSteps;
    this.functions.push(
      tileFunction(name, pattern, { lanes: this.lanes, vectors, steps, blocked: k.count > 1 }),
    );
    return name;
  }
}

const rowsName = (name: string, vectors: number): string => `${name}_rows${vectors}`;

/** All rows of a unit against one panel. `source` is the first operand at this block of k, or the packed rows. */
function rowsFunction(
  name: string,
  plan: ContractionPlan,
  tiles: Tiles,
  vectors: number,
  rowBytes: number,
): Func {
  const parameters = ['source', 'panel', 'panelEnd', 'sums', 'groupBegin', 'groupEnd', 'table', 'first'];
  return func(
    rowsName(name, vectors),
    parameters,
    (b, source, panel, panelEnd, sums, groupBegin, groupEnd, table, first) => {
      const target = b.variable(sums, 'target');
      const packed = b.variable(source, 'packed');
      const segments = (list: readonly Segment[], base: Expr): void => {
        for (const { pattern, start, tiles: count, step } of list) {
          const from = plan.packRows ? packed : b.variable(add(base, i32(start)), 'from');
          const tile = (): void => {
            b.call(tiles.nameOf(pattern, vectors), get(from), panel, panelEnd, get(target), table, first);
            b.set(target, add(get(target), i32(pattern.length * rowBytes)));
            const next = plan.packRows ? packedTileBytes(pattern.length, plan.k.size) : step;
            if (count > 1 || plan.packRows) b.set(from, add(get(from), i32(next)));
          };
          if (count === 1) tile();
          else b.for(i32(0), i32(count), 1, tile);
        }
      };
      eachGroup(b, plan.rows, plan.packRows ? i32(0) : source, groupBegin, groupEnd, segments);
    },
  );
}

/** One unit: for each block of k and each panel, pack it, multiply all rows with it, and write it after the last block. */
function unitFunction(
  name: string,
  plan: ContractionPlan,
  layout: Layout,
  options: ContractionOptions,
): Func {
  const { lanes } = options;
  const { k, rows, panelsPerUnit, groupsPerUnit, panels } = plan;
  const groups = groupCount(rows);
  const rowBlocks = Math.ceil(groups / groupsPerUnit);
  const columnBlocks = Math.ceil(panels / panelsPerUnit);
  const width = TILE_VECTORS * lanes;
  const rowBytes = width * 4;
  const vectors = vectorsOf(plan, lanes);
  return func(`${name}_unit`, ['table', 'unit', 'scratch'], (b, table, unit, scratch) => {
    const [rest, rowBlock] = split(b, unit, rowBlocks);
    const [batch, columnBlock] = split(b, rest, columnBlocks);
    const groupBegin = b.let(mul(rowBlock, i32(groupsPerUnit)), 'groupBegin');
    const groupEnd = b.let(binary('minS', add(groupBegin, i32(groupsPerUnit)), i32(groups)), 'groupEnd');
    const panelBegin = b.let(mul(columnBlock, i32(panelsPerUnit)), 'panelBegin');
    const panelEnd = b.let(binary('minS', add(panelBegin, i32(panelsPerUnit)), i32(panels)), 'panelEnd');
    const row = b.let(rowOfGroup(b, groupBegin, rows), 'row');
    const rowCount = b.let(
      sub(groupEnd.kind === 'const' ? i32(plan.rowCount) : endRow(b, groupEnd, groups, plan), row),
      'rowCount',
    );
    const start = (operand: Operand, axes: readonly Axis[]): Expr =>
      b.let(
        add(
          add(options.baseOf(b, table, operand.buffer), i32(operand.offset * 4)),
          addressOf(b, batch, axes, 4),
        ),
        'operand',
      );
    const rowOperand = start(plan.rowOperand, plan.batchAxes.rows);
    const columnOperand = start(plan.columnOperand, plan.batchAxes.columns);
    const panel = b.let(add(scratch, i32(layout.panel)), 'panel');
    const packedRows = b.let(add(scratch, i32(layout.packedRows)), 'packedRows');
    const rowTable = b.let(add(scratch, i32(layout.rowTable)), 'rowTable');
    const columnTable = b.let(add(scratch, i32(layout.columnTable)), 'columnTable');
    b.for(i32(0), i32(k.count), 1, (block) => {
      const [outer, inRun] = split(b, block, k.perRun);
      const rowSource = b.let(
        add(add(rowOperand, addressOf(b, outer, k.rowOuter, 4)), mul(inRun, i32(k.rowStep * 4))),
        'rowSource',
      );
      const columnSource = b.let(
        add(add(columnOperand, addressOf(b, outer, k.columnOuter, 4)), mul(inRun, i32(k.columnStep * 4))),
        'columnSource',
      );
      const size =
        k.size === k.lastSize
          ? i32(k.size)
          : b.let(select(compare('lt', inRun, i32(k.perRun - 1)), i32(k.size), i32(k.lastSize)), 'size');
      const packedEnd = b.let(add(panel, mul(size, i32(rowBytes))), 'packedEnd');
      if (plan.packRows)
        b.call(`${name}_packRows`, rowSource, packedRows, groupBegin, groupEnd, size, rowTable);
      b.for(panelBegin, panelEnd, 1, (number) => {
        const column = b.let(mul(number, i32(width)), 'column');
        for (let v = 0; v < TILE_VECTORS; v++) {
          const at = add(column, i32(v * lanes));
          const pack = (): void => {
            b.call(
              `${name}_pack`,
              columnSource,
              at,
              add(panel, i32(v * lanes * 4)),
              add(packedEnd, i32(v * lanes * 4)),
              columnTable,
            );
          };
          if (v === 0) pack();
          else b.if(compare('lt', at, i32(plan.columnCount)), pack);
        }
        const sums = b.let(
          add(
            scratch,
            add(
              i32(layout.sums),
              k.count > 1 ? mul(sub(number, panelBegin), i32(plan.maxRowsPerUnit * rowBytes)) : i32(0),
            ),
          ),
          'sums',
        );
        const multiply = (vectors: number): void => {
          b.call(
            rowsName(name, vectors),
            plan.packRows ? packedRows : rowSource,
            panel,
            packedEnd,
            sums,
            groupBegin,
            groupEnd,
            rowTable,
            compare('eq', block, i32(0)),
          );
        };
        const [most = TILE_VECTORS, last] = vectors;
        if (last === undefined) multiply(most);
        else {
          b.if(
            compare('eq', number, i32(panels - 1)),
            () => {
              multiply(last);
            },
            () => {
              multiply(most);
            },
          );
        }
        const finish = (): void => {
          const columns = b.let(binary('minS', i32(width), sub(i32(plan.columnCount), column)), 'columns');
          b.call(`${name}_results`, table, batch, row, rowCount, column, columns, sums);
        };
        if (k.count === 1) finish();
        else b.if(compare('eq', block, i32(k.count - 1)), finish);
      });
    });
  });
}

const endRow = (b: Builder, groupEnd: Expr, groups: number, plan: ContractionPlan): Expr =>
  b.let(
    select(compare('eq', groupEnd, i32(groups)), i32(plan.rowCount), rowOfGroup(b, groupEnd, plan.rows)),
    'endRow',
  );
