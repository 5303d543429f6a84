/** Contractions by sweeps in loop IR: a unit goes over its rows tile by tile, and with each tile over all of its panels. */
import type { Variable } from '../../compiler/index-expr.js';
import type { Operand } from '../../compiler/kernel.js';
import { addressOf, coordinatesOf, split, type Axis } from './contraction-axes.js';
import type { ContractionOptions } from './contraction.js';
import { packedTileBytes } from './contraction-pack-rows.js';
import type { ContractionPlan } from './contraction-plan.js';
import { eachGroup, groupCount, rowOfGroup, samePattern, type Segment } from './contraction-rows.js';
import { sweepFunction, type ColumnSource, type EpilogueEmitter, type Finish } from './contraction-sweep.js';
import type { SweepPlan } from './contraction-sweep-plan.js';
import type { KSteps, RowPattern } from './contraction-tile.js';
import type { Layout } from './contraction-unit.js';
import { panelWidth } from './machine.js';
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

/** Whether panels are whole, or the last of all, which has fewer columns. */
type PanelKind = 'whole' | 'last';

/** The functions of a contraction that depend on its tiles. */
export class Sweeps {
  readonly functions: Func[] = [];
  private readonly known: { key: string; pattern: RowPattern; name: string }[] = [];
  private readonly name: string;
  private readonly plan: ContractionPlan;
  private readonly sweep: SweepPlan;
  private readonly layout: Layout;
  private readonly options: ContractionOptions;

  constructor(
    name: string,
    plan: ContractionPlan,
    sweep: SweepPlan,
    layout: Layout,
    options: ContractionOptions,
  ) {
    this.name = name;
    this.plan = plan;
    this.sweep = sweep;
    this.layout = layout;
    this.options = options;
  }

  /** Columns of the last panel, if they are fewer than those of others. */
  private get lastColumns(): number {
    return this.plan.columnCount % panelWidth(this.plan.machine);
  }

  private nameOf(source: ColumnSource, panels: PanelKind, rows: RowPattern, nextRows: number): string {
    const { plan, sweep, layout } = this;
    const { k, packRows, machine } = plan;
    const pattern = packRows ? rows.map((_, row) => row * 4) : rows;
    const key = `${source} ${panels} ${nextRows}`;
    const found = this.known.find((each) => each.key === key && samePattern(each.pattern, pattern));
    if (found !== undefined) return found.name;
    const name = `${this.name}_sweep${this.known.length}`;
    this.known.push({ key, pattern, name });
    const steps: KSteps = packRows ? { kind: 'stride', bytes: pattern.length * 4 } : k.rowSteps;
    const columns = panels === 'whole' ? panelWidth(machine) : this.lastColumns;
    const { operandStep } = sweep;
    const finish = this.finishOf(columns);
    this.functions.push(
      sweepFunction(name, pattern, {
        ...{ machine, columns, steps, k, source, operandStep, finish },
        panelBytes: layout.panelBytes,
        nextRows,
      }),
    );
    return name;
  }

  private finishOf(columns: number): Finish {
    const { sweep, layout } = this;
    switch (sweep.finish) {
      case 'keep':
        return { kind: 'keep', panelBytes: layout.sumsBytes };
      case 'write':
        return { kind: 'write', rowBytes: (sweep.target?.row ?? 0) * 4 };
      case 'epilogue':
        return { kind: 'epilogue', emit: this.epilogue(columns) };
    }
  }

  private epilogue(columns: number): EpilogueEmitter {
    const { plan, options } = this;
    const { lanes } = plan.machine;
    const columnVariable = plan.columnVariables[0] as Variable;
    const rowVariable = plan.rowVariables[0];
    return (b, { program, batch, row }, panels) => {
      const emitter = options.results(b, program, plan.stores);
      const extents = plan.batch.map(({ extent }) => extent);
      const coordinates = coordinatesOf(b, batch, extents);
      emitter.scope(new Map(plan.batch.map((v, axis) => [v, coordinates[axis] ?? i32(0)])), () => {
        panels((column, sums) => {
          for (let v = 0; v * lanes < columns; v++) {
            const first = b.let(add(column, i32(v * lanes)), 'column');
            const write = (): void => {
              sums.forEach((list, r) => {
                const sum = list[v];
                if (sum === undefined) return;
                const at =
                  rowVariable === undefined ? [] : [[rowVariable, b.let(add(row, i32(r)), 'row')] as const];
                emitter.scope(new Map(at), () => {
                  emitter.store(sum);
                });
              });
            };
            emitter.scope(
              new Map([[columnVariable, first]]),
              write,
              columnVariable,
              Math.min(lanes, columns - v * lanes),
            );
          }
        });
      });
    };
  }

  /**
   * All rows of a unit against its panels. `source` is the first operand at this block of k, or the packed rows; `last` whether the last panel
   * is the one of fewer columns; `target` where the first row's sums go.
   */
  rows(): Func {
    const { plan, sweep, layout } = this;
    const { machine, k, packRows } = plan;
    const rowBytes = panelWidth(machine) * 4;
    const parameters = ['source', 'panel', 'operand', 'size', 'panels', 'last', 'groupBegin', 'groupEnd'];
    const more = ['target', 'table', 'first', 'program', 'batch', 'column'];
    return func(
      `${this.name}_rows`,
      [...parameters, ...more],
      (b, source, panel, operand, size, panels, last, groupBegin, groupEnd, ...others) => {
        const [target, table, first, program, batch, column] = others as [Expr, Expr, Expr, Expr, Expr, Expr];
        const targetAt = b.variable(target, 'targetAt');
        const packed = b.variable(source, 'packed');
        const firstRow = rowOfGroup(b, groupBegin, plan.rows);
        const row = b.variable(firstRow, 'row');
        const whole = b.let(sub(panels, last), 'whole');
        const targetRow = sweep.finish === 'write' ? (sweep.target?.row ?? 0) * 4 : rowBytes;
        const targetPanel = sweep.finish === 'keep' ? layout.sumsBytes : rowBytes;
        const sweepOver = (from: ColumnSource, { pattern, step }: Segment, a: Expr): void => {
          const nextRows = packRows ? 0 : Math.max(0, step);
          const common = [table, first, program, batch, get(row)];
          if (plan.columnCount >= panelWidth(machine)) {
            const name = this.nameOf(from, 'whole', pattern, nextRows);
            b.call(name, a, panel, operand, size, whole, get(targetAt), ...common, column);
          }
          if (this.lastColumns === 0) return;
          const name = this.nameOf(from, 'last', pattern, nextRows);
          const beyond = (start: Expr, bytes: number): Expr => add(start, mul(whole, i32(bytes)));
          b.if(last, () => {
            const places = [beyond(panel, layout.panelBytes), beyond(operand, rowBytes), size, i32(1)];
            const end = add(column, mul(whole, i32(panelWidth(machine))));
            b.call(name, a, ...places, beyond(get(targetAt), targetPanel), ...common, end);
          });
        };
        eachGroup(b, plan.rows, packRows ? i32(0) : source, groupBegin, groupEnd, (segments, base) => {
          segments.forEach((segment: Segment, index) => {
            const { pattern, start, tiles, step } = segment;
            const from = packRows ? packed : b.variable(add(base, i32(start)), 'from');
            const tile = (): void => {
              // The first tile of all packs; it is the first of its group.
              if (sweep.source !== 'packing' || index > 0) {
                sweepOver(sweep.source === 'packing' ? 'panels' : sweep.source, segment, get(from));
              } else {
                b.if(
                  compare('eq', get(row), firstRow),
                  () => {
                    sweepOver('packing', segment, get(from));
                  },
                  () => {
                    sweepOver('panels', segment, get(from));
                  },
                );
              }
              b.set(row, add(get(row), i32(pattern.length)));
              b.set(targetAt, add(get(targetAt), i32(pattern.length * targetRow)));
              const next = packRows ? packedTileBytes(pattern.length, k.size) : step;
              if (tiles > 1 || packRows) b.set(from, add(get(from), i32(next)));
            };
            if (tiles === 1) tile();
            else b.for(i32(0), i32(tiles), 1, tile);
          });
        });
      },
    );
  }

  /** One unit: block of k after block. */
  unit(): Func {
    const { plan, sweep, layout, options } = this;
    const { k, rows, panelsPerUnit, groupsPerUnit, panels } = plan;
    const groups = groupCount(rows);
    const width = panelWidth(plan.machine);
    return func(`${this.name}_unit`, ['table', 'unit', 'scratch'], (b, table, unit, scratch) => {
      const [rest, rowBlock] = split(b, unit, Math.ceil(groups / groupsPerUnit));
      const [batch, columnBlock] = split(b, rest, Math.ceil(panels / panelsPerUnit));
      const groupBegin = b.let(mul(rowBlock, i32(groupsPerUnit)), 'groupBegin');
      const groupEnd = b.let(binary('minS', add(groupBegin, i32(groupsPerUnit)), i32(groups)), 'groupEnd');
      const panelBegin = b.let(mul(columnBlock, i32(panelsPerUnit)), 'panelBegin');
      const count = b.let(binary('minS', i32(panelsPerUnit), sub(i32(panels), panelBegin)), 'count');
      const isLast = b.let(compare('eq', add(panelBegin, count), i32(panels)), 'isLast');
      const column = b.let(mul(panelBegin, i32(width)), 'column');
      const row = rowOfGroup(b, groupBegin, rows);
      const start = (operand: Operand, axes: readonly Axis[]): Expr => {
        const origin = add(options.baseOf(b, table, operand.buffer), i32(operand.offset * 4));
        return b.let(add(origin, addressOf(b, batch, axes, 4)), 'operand');
      };
      const rowOperand = start(plan.rowOperand, plan.batchAxes.rows);
      const columnOperand = start(plan.columnOperand, plan.batchAxes.columns);
      const inScratch = (offset: number, what: string): Expr => b.let(add(scratch, i32(offset)), what);
      const panel = inScratch(layout.panels, 'panel');
      const rowTable = inScratch(layout.rowTable, 'rowTable');
      const target = this.targetOf(b, { table, scratch, batch, row, column });
      b.for(i32(0), i32(k.count), 1, (block) => {
        const [outer, inRun] = split(b, block, k.perRun);
        const blockOf = (operand: Expr, axes: readonly Axis[], step: number): Expr =>
          b.let(add(add(operand, addressOf(b, outer, axes, 4)), mul(inRun, i32(step * 4))), 'block');
        const rowSource = blockOf(rowOperand, k.rowOuter, k.rowStep);
        const columnSource = blockOf(columnOperand, k.columnOuter, k.columnStep);
        const size =
          k.size === k.lastSize
            ? i32(k.size)
            : b.let(select(compare('eq', inRun, i32(k.perRun - 1)), i32(k.lastSize), i32(k.size)), 'size');
        const source = plan.packRows ? inScratch(layout.packedRows, 'packedRows') : rowSource;
        if (plan.packRows)
          b.call(`${this.name}_packRows`, rowSource, source, groupBegin, groupEnd, size, rowTable);
        if (sweep.source === 'panels')
          b.call(
            `${this.name}_pack`,
            columnSource,
            column,
            count,
            panel,
            size,
            add(scratch, i32(layout.columnTable)),
          );
        const operand = sweep.source === 'panels' ? i32(0) : add(columnSource, mul(column, i32(4)));
        const last = this.lastColumns === 0 ? i32(0) : isLast;
        const where = [source, panel, operand, size, count, last, groupBegin, groupEnd, target, rowTable];
        b.call(`${this.name}_rows`, ...where, compare('eq', block, i32(0)), table, batch, column);
      });
      if (sweep.finish !== 'keep') return;
      const rowEnd = select(
        compare('eq', groupEnd, i32(groups)),
        i32(plan.rowCount),
        rowOfGroup(b, groupEnd, rows),
      );
      const columns = binary('minS', mul(count, i32(width)), sub(i32(plan.columnCount), column));
      const turned = add(scratch, i32(layout.turned));
      b.call(`${this.name}_results`, table, batch, row, sub(rowEnd, row), column, columns, target, turned);
    });
  }

  /** Where the sums of a unit's first row and panel go. */
  private targetOf(
    b: Builder,
    at: {
      readonly table: Expr;
      readonly scratch: Expr;
      readonly batch: Expr;
      readonly row: Expr;
      readonly column: Expr;
    },
  ): Expr {
    const { layout, sweep, options } = this;
    const { target } = sweep;
    if (sweep.finish === 'epilogue') return i32(0);
    if (sweep.finish === 'keep' || target === undefined)
      return b.let(add(at.scratch, i32(layout.sums)), 'sums');
    const origin = add(options.baseOf(b, at.table, target.buffer), i32(target.constant * 4));
    const inEntry = add(mul(at.row, i32(target.row * 4)), mul(at.column, i32(4)));
    return b.let(add(add(origin, addressOf(b, at.batch, target.batch, 4)), inEntry), 'target');
  }
}
