/** Contractions along k in loop IR; see dots-plan.ts. A unit of work is an entry of the batch. */
import { wholeLines } from './machine.js';
import type { ContractionKernel } from '../../compiler/kernel.js';
import { addressOf, coordinateMap, sizeOf, startsOf, type Axis } from './contraction-axes.js';
import type { BothAxis } from './contraction-blocks.js';
import type { ContractionCode, ContractionOptions } from './contraction.js';
import { fillTable } from './contraction-pack.js';
import type { DotsPlan } from './dots-plan.js';
import {
  add,
  compare,
  fma,
  func,
  get,
  i32,
  laneIndex,
  load,
  loadMasked,
  mul,
  reduceLanes,
  splat,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';

/** Lowers a contraction as planned. */
export function lowerDots(
  kernel: ContractionKernel,
  plan: DotsPlan,
  options: ContractionOptions,
): ContractionCode {
  const { name } = kernel;
  const { lanes } = options.machine;
  const { heights, widths } = plan;
  const rowCount = sizeOf(kernel.m);
  const columnCount = sizeOf(kernel.n);
  const vectorBytes = lanes * 4;
  // Tables of where rows and columns lie, then the sums, row by row.
  const columnTable = wholeLines(rowCount * 4);
  const sums = columnTable + wholeLines(columnCount * 4);
  const shapes = new Map<string, Func>();
  for (const height of new Set(heights))
    for (const width of new Set(widths))
      shapes.set(
        `${height}x${width}`,
        tileFunction(`${name}_tile${height}x${width}`, [height, width], plan, lanes),
      );
  const firstRows = startsOf(heights);
  const firstColumns = startsOf(widths);
  const entry = `${name}_units`;
  const batchAxes = (operand: ContractionKernel['a']): Axis[] =>
    kernel.batch.map((v) => ({ extent: v.extent, stride: operand.strides.get(v) ?? 0 }));
  const units = func(entry, ['table', 'begin', 'end', 'scratch'], (b, table, begin, end, scratch) => {
    fillTable(b, scratch, plan.rowAxes);
    fillTable(b, add(scratch, i32(columnTable)), plan.columnAxes);
    const start = (operand: ContractionKernel['a']): Expr =>
      b.let(add(options.baseOf(b, table, operand.buffer), i32(operand.offset * 4)), 'operand');
    const rows = start(kernel.a);
    const columns = start(kernel.b);
    b.for(begin, end, 1, (batch) => {
      b.push({
        kind: 'fillZero',
        address: add(scratch, i32(sums)),
        length: i32(rowCount * columnCount * vectorBytes),
      });
      const row = b.let(add(rows, addressOf(b, batch, batchAxes(kernel.a), 4)), 'row');
      const column = b.let(add(columns, addressOf(b, batch, batchAxes(kernel.b), 4)), 'column');
      alongOuter(b, plan.outer, row, column, (fromRow, fromColumn) => {
        heights.forEach((height, i) => {
          widths.forEach((width, j) => {
            const place = (firstRows[i] ?? 0) * columnCount + (firstColumns[j] ?? 0);
            b.call(
              `${name}_tile${height}x${width}`,
              fromRow,
              fromColumn,
              add(scratch, i32((firstRows[i] ?? 0) * 4)),
              add(scratch, i32(columnTable + (firstColumns[j] ?? 0) * 4)),
              add(scratch, i32(sums + place * vectorBytes)),
            );
          });
        });
      });
      b.call(`${name}_results`, table, batch, add(scratch, i32(sums)));
    });
  });
  const batchCount = sizeOf(kernel.batch);
  const flops = 2 * batchCount * rowCount * columnCount * sizeOf(kernel.k);
  return {
    functions: [...shapes.values(), resultsFunction(kernel, options), units],
    entry,
    units: batchCount,
    scratchBytes: sums + rowCount * columnCount * vectorBytes,
    flops,
    work: flops / 4,
  };
}

/** Loops over the outer axes of k; `body` gets the places of both operands. */
function alongOuter(
  b: Builder,
  [axis, ...others]: readonly BothAxis[],
  row: Expr,
  column: Expr,
  body: (row: Expr, column: Expr) => void,
): void {
  if (axis === undefined) {
    body(row, column);
    return;
  }
  b.for(i32(0), i32(axis.extent), 1, (at) => {
    const moved = (from: Expr, stride: number): Expr => b.let(add(from, mul(at, i32(stride * 4))), 'from');
    alongOuter(b, others, moved(row, axis.rows), moved(column, axis.columns), body);
  });
}

/**
 * Sums of a tile over the runs of one outer step. Parameters: `row` and `column` (where the operands begin), `rows` and `columns` (the tile's part of
 * the tables), `sums`.
 */
function tileFunction(
  name: string,
  [height, width]: readonly [number, number],
  plan: DotsPlan,
  lanes: number,
): Func {
  const { runs, length } = plan;
  const columnCount = sizeOf(plan.columnAxes);
  const vectorBytes = lanes * 4;
  return func(name, ['row', 'column', 'rows', 'columns', 'sums'], (b, row, column, rows, columns, sums) => {
    const places = (from: Expr, table: Expr, count: number): ReturnType<Builder['variable']>[] =>
      Array.from({ length: count }, (_, n) => b.variable(add(from, load('i32', table, 4 * n)), 'place'));
    const rowPlaces = places(row, rows, height);
    const columnPlaces = places(column, columns, width);
    const place = (i: number, j: number): number => (i * columnCount + j) * vectorBytes;
    const totals = rowPlaces.map((_, i) =>
      columnPlaces.map((__, j) => b.variable(load('f32', sums, place(i, j), true), 'sum')),
    );
    const step = (offset: Expr | number, valid: number): void => {
      const read = (from: Expr): Expr => {
        const at = typeof offset === 'number' ? from : add(from, offset);
        const distance = typeof offset === 'number' ? offset : 0;
        const value =
          valid === lanes
            ? load('f32', at, distance, true)
            : loadMasked('f32', at, distance, compare('lt', laneIndex, splat(i32(valid))));
        return b.let(value, 'values');
      };
      // The longer side passes by, one vector at a time.
      const tall = height > width;
      const kept = (tall ? columnPlaces : rowPlaces).map((each) => read(get(each)));
      (tall ? rowPlaces : columnPlaces).forEach((each, n) => {
        const passing = read(get(each));
        kept.forEach((other, m) => {
          const sum = tall ? totals[n]?.[m] : totals[m]?.[n];
          if (sum !== undefined) b.set(sum, fma(other, passing, get(sum)));
        });
      });
    };
    const run = (): void => {
      const whole = Math.floor(length / lanes);
      if (whole <= 4) for (let n = 0; n < whole; n++) step(n * vectorBytes, lanes);
      else
        b.for(i32(0), i32(whole * vectorBytes), vectorBytes, (offset) => {
          step(offset, lanes);
        });
      if (length % lanes > 0) step(whole * vectorBytes, length % lanes);
    };
    if (runs.extent === 1) run();
    else {
      b.for(i32(0), i32(runs.extent), 1, () => {
        run();
        for (const each of rowPlaces) b.set(each, add(get(each), i32(runs.rows * 4)));
        for (const each of columnPlaces) b.set(each, add(get(each), i32(runs.columns * 4)));
      });
    }
    totals.forEach((list, i) => {
      list.forEach((sum, j) => {
        b.store('f32', sums, get(sum), place(i, j));
      });
    });
  });
}

/** Adds up lanes and writes the results, one by one. Parameters: `table`, `batch`, `sums`. */
function resultsFunction(kernel: ContractionKernel, options: ContractionOptions): Func {
  const vectorBytes = options.machine.lanes * 4;
  const columnCount = sizeOf(kernel.n);
  return func(`${kernel.name}_results`, ['table', 'batch', 'sums'], (b, table, batch, sums) => {
    const emitter = options.results(b, table, kernel.stores);
    emitter.scope(coordinateMap(b, batch, kernel.batch), () => {
      b.for(i32(0), i32(sizeOf(kernel.m)), 1, (row) => {
        emitter.scope(coordinateMap(b, row, kernel.m), () => {
          b.for(i32(0), i32(columnCount), 1, (column) => {
            const at = add(sums, mul(add(mul(row, i32(columnCount)), column), i32(vectorBytes)));
            const sum = b.let(reduceLanes('add', load('f32', at, 0, true)), 'sum');
            emitter.scope(coordinateMap(b, column, kernel.n), () => {
              emitter.store(sum);
            });
          });
        });
      });
    });
  });
}
