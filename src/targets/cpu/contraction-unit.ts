/** What one unit of a contraction does: strips of panels against its rows, block of k after block. */
import type { Operand } from '../../compiler/kernel.js';
import { addressOf, split, type Axis } from './contraction-axes.js';
import { packedTileBytes } from './contraction-pack-rows.js';
import type { ContractionPlan } from './contraction-plan.js';
import { eachGroup, groupCount, rowOfGroup, samePattern, type Segment } from './contraction-rows.js';
import { panelWidth, type Machine } from './machine.js';
import { tileFunction, type KSteps, type RowPattern } from './contraction-tile.js';
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

/** How many vectors of columns panels have: all of them, then the last, if it needs fewer. */
export function vectorsOf(plan: ContractionPlan, machine: Machine): number[] {
  const { vectors } = machine.tile;
  const last = Math.ceil((plan.columnCount - (plan.panels - 1) * panelWidth(machine)) / machine.lanes);
  if (last === vectors) return [vectors];
  return plan.panels === 1 ? [last] : [vectors, last];
}

/** One tile function for each pattern of rows and number of vectors. */
export class Tiles {
  readonly functions: Func[] = [];
  private readonly known: { pattern: RowPattern; vectors: number; name: string }[] = [];
  private readonly name: string;
  private readonly plan: ContractionPlan;
  private readonly machine: Machine;

  constructor(name: string, plan: ContractionPlan, machine: Machine) {
    this.name = name;
    this.plan = plan;
    this.machine = machine;
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
      tileFunction(name, pattern, { machine: this.machine, vectors, steps, blocked: k.count > 1 }),
    );
    return name;
  }
}

const rowsName = (name: string, vectors: number): string => `${name}_rows${vectors}`;

/** All rows of a unit against one panel. `source` is the first operand at this block of k, or the packed rows. */
export function rowsFunction(
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

/** Where things lie in a thread's scratch. */
export interface Layout {
  readonly rowTable: number;
  readonly columnTable: number;
  readonly panels: number;
  readonly panelBytes: number;
  readonly packedRows: number;
  readonly sums: number;
  /** Sums of one panel. */
  readonly sumsBytes: number;
  /** Sums of a strip column by column, where they are written along rows; and the step from column to column. */
  readonly turned: number;
  readonly turnedBytes: number;
  readonly bytes: number;
}

/** For each block of k: packs a strip of panels, multiplies all rows with each of them, and writes the strip after the last block. */
export function unitFunction(
  name: string,
  plan: ContractionPlan,
  layout: Layout,
  options: { readonly machine: Machine; readonly baseOf: (b: Builder, table: Expr, buffer: number) => Expr },
): Func {
  const { k, rows, panelsPerUnit, panelsPerStrip, groupsPerUnit, panels } = plan;
  const groups = groupCount(rows);
  const { machine } = options;
  const width = panelWidth(machine);
  const [most = machine.tile.vectors, last] = vectorsOf(plan, machine);
  return func(`${name}_unit`, ['table', 'unit', 'scratch'], (b, table, unit, scratch) => {
    const [rest, rowBlock] = split(b, unit, Math.ceil(groups / groupsPerUnit));
    const [batch, columnBlock] = split(b, rest, Math.ceil(panels / panelsPerUnit));
    const groupBegin = b.let(mul(rowBlock, i32(groupsPerUnit)), 'groupBegin');
    const groupEnd = b.let(binary('minS', add(groupBegin, i32(groupsPerUnit)), i32(groups)), 'groupEnd');
    const panelBegin = b.let(mul(columnBlock, i32(panelsPerUnit)), 'panelBegin');
    const panelEnd = b.let(binary('minS', add(panelBegin, i32(panelsPerUnit)), i32(panels)), 'panelEnd');
    const row = rowOfGroup(b, groupBegin, rows);
    const rowEnd = select(
      compare('eq', groupEnd, i32(groups)),
      i32(plan.rowCount),
      rowOfGroup(b, groupEnd, rows),
    );
    const rowCount = b.let(sub(rowEnd, row), 'rowCount');
    const start = (operand: Operand, axes: readonly Axis[]): Expr => {
      const origin = add(options.baseOf(b, table, operand.buffer), i32(operand.offset * 4));
      return b.let(add(origin, addressOf(b, batch, axes, 4)), 'operand');
    };
    const rowOperand = start(plan.rowOperand, plan.batchAxes.rows);
    const columnOperand = start(plan.columnOperand, plan.batchAxes.columns);
    const inScratch = (offset: number, what: string): Expr => b.let(add(scratch, i32(offset)), what);
    const firstPanel = inScratch(layout.panels, 'panel');
    const packedRows = inScratch(layout.packedRows, 'packedRows');
    const rowTable = inScratch(layout.rowTable, 'rowTable');
    const columnTable = inScratch(layout.columnTable, 'columnTable');
    b.for(i32(0), i32(k.count), 1, (block) => {
      const [outer, inRun] = split(b, block, k.perRun);
      const blockOf = (operand: Expr, axes: readonly Axis[], step: number): Expr =>
        b.let(add(add(operand, addressOf(b, outer, axes, 4)), mul(inRun, i32(step * 4))), 'block');
      const rowSource = blockOf(rowOperand, k.rowOuter, k.rowStep);
      const columnSource = blockOf(columnOperand, k.columnOuter, k.columnStep);
      const isLast = compare('eq', inRun, i32(k.perRun - 1));
      const size =
        k.size === k.lastSize ? i32(k.size) : b.let(select(isLast, i32(k.lastSize), i32(k.size)), 'size');
      if (plan.packRows)
        b.call(`${name}_packRows`, rowSource, packedRows, groupBegin, groupEnd, size, rowTable);
      b.for(panelBegin, panelEnd, panelsPerStrip, (strip) => {
        const column = b.let(mul(strip, i32(width)), 'column');
        const count = b.let(binary('minS', i32(panelsPerStrip), sub(panelEnd, strip)), 'count');
        b.call(`${name}_pack`, columnSource, column, count, firstPanel, size, columnTable);
        const kept = k.count > 1 ? mul(sub(strip, panelBegin), i32(layout.sumsBytes)) : i32(0);
        const sums = b.let(add(add(scratch, i32(layout.sums)), kept), 'sums');
        b.for(i32(0), count, 1, (p) => {
          const panel = b.let(add(firstPanel, mul(p, i32(layout.panelBytes))), 'panel');
          const multiply = (vectors: number): void => {
            b.call(
              rowsName(name, vectors),
              plan.packRows ? packedRows : rowSource,
              panel,
              add(panel, mul(size, i32(width * 4))),
              add(sums, mul(p, i32(layout.sumsBytes))),
              groupBegin,
              groupEnd,
              rowTable,
              compare('eq', block, i32(0)),
            );
          };
          if (last === undefined) multiply(most);
          else {
            b.if(
              compare('eq', add(strip, p), i32(panels - 1)),
              () => {
                multiply(last);
              },
              () => {
                multiply(most);
              },
            );
          }
        });
        const finish = (): void => {
          const columns = binary('minS', mul(count, i32(width)), sub(i32(plan.columnCount), column));
          b.call(
            `${name}_results`,
            table,
            batch,
            row,
            rowCount,
            column,
            columns,
            sums,
            add(scratch, i32(layout.turned)),
          );
        };
        if (k.count === 1) finish();
        else b.if(compare('eq', block, i32(k.count - 1)), finish);
      });
    });
  });
}
