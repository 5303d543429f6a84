/** Direct contractions in loop IR: panels of runs against all rows, one after the other; see direct-plan.ts. */
import { wholeLines } from './machine.js';
import type { ContractionKernel } from '../../compiler/kernel.js';
import { addressOf, coordinateMap, sizeOf, split, startsOf } from './contraction-axes.js';
import type { ContractionCode, ContractionOptions } from './contraction.js';
import { fillTable } from './contraction-pack.js';
import type { DirectPlan } from './direct-plan.js';
import { directTile } from './direct-tile.js';
import {
  add,
  binary,
  compare,
  func,
  i32,
  load,
  mul,
  select,
  sub,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';

/** Lowers a contraction as planned. Results do not depend on how units are shared among threads. */
export function lowerDirect(
  kernel: ContractionKernel,
  plan: DirectPlan,
  options: ContractionOptions,
): ContractionCode {
  const { name } = kernel;
  const { lanes, tile } = options.machine;
  const { k, panels, blocks } = plan;
  const columnTable = k.rowSteps.kind === 'table' ? wholeLines(k.size * 4) : 0;
  const sums = columnTable + wholeLines(k.size * 4);
  const rowBytes = panels.sumRow * 4;
  const tiles = [...new Set(blocks.flat())].map((height) =>
    directTile(`${name}_tile${height}`, {
      height,
      vectors: panels.vectors,
      rowStride: plan.rowStride,
      k: k.size,
      rowSteps: k.rowSteps,
      unroll: tile.unroll,
      lanes,
      sumRow: rowBytes,
    }),
  );
  const entry = `${name}_units`;
  const groups = panels.together ? 1 : panels.count;
  const total = groups * sizeOf(plan.outer);
  const firstRows = startsOf(blocks.map((heights) => heights.reduce((sum, height) => sum + height, 0)));
  const panelFunction = func(
    `${name}_panel`,
    ['row', 'column', 'sums', 'scratch', 'block'],
    (b, row, column, panelSums, scratch, block) => {
      blocks.forEach((heights, n) => {
        const tilesOfBlock = (): void => {
          let at = 0;
          for (const height of heights) {
            b.call(
              `${name}_tile${height}`,
              add(row, i32(((firstRows[n] ?? 0) + at) * plan.rowStride)),
              column,
              add(panelSums, i32(at * rowBytes)),
              scratch,
              add(scratch, i32(columnTable)),
            );
            at += height;
          }
        };
        if (blocks.length === 1) tilesOfBlock();
        else b.if(compare('eq', block, i32(n)), tilesOfBlock);
      });
    },
  );
  const units = func(entry, ['table', 'begin', 'end', 'scratch'], (b, table, begin, end, scratch) => {
    if (k.rowSteps.kind === 'table') fillTable(b, scratch, k.rowAxes);
    fillTable(b, add(scratch, i32(columnTable)), k.columnAxes);
    const rowsStart = start(b, table, plan.rowOperand, options);
    const columnsStart = start(b, table, plan.columnOperand, options);
    const sumsStart = b.let(add(scratch, i32(sums)), 'sums');
    b.for(begin, end, 1, (unit) => {
      const [range, block] = split(b, unit, blocks.length);
      const first = b.let(mul(range, i32(plan.perUnit)), 'first');
      const last = b.let(binary('minS', add(first, i32(plan.perUnit)), i32(total)), 'last');
      b.for(first, last, 1, (index) => {
        const [outer, group] = split(b, index, groups);
        const place = (operand: DirectPlan['rowOperand'], from: Expr): Expr => {
          const axes = plan.outer.map((v) => ({ extent: v.extent, stride: operand.strides.get(v) ?? 0 }));
          return b.let(add(from, addressOf(b, outer, axes, 4)), 'operand');
        };
        const row = place(plan.rowOperand, rowsStart);
        const column = place(plan.columnOperand, columnsStart);
        if (panels.together) {
          b.for(i32(0), i32(panels.count), 1, (panel) => {
            const isLast = compare('eq', panel, i32(panels.count - 1));
            const from = select(isLast, i32(panels.last), mul(panel, i32(panels.step)));
            const to = select(
              isLast,
              i32(panels.lastSum * 4),
              mul(panel, i32(panels.vectors.length * lanes * 4)),
            );
            b.call(`${name}_panel`, row, add(column, from), add(sumsStart, to), scratch, block);
          });
          b.call(`${name}_results`, table, outer, i32(0), i32(0), block, sumsStart);
        } else {
          const isLast = compare('eq', group, i32(groups - 1));
          const from = select(isLast, i32(panels.last), mul(group, i32(panels.step)));
          b.call(`${name}_panel`, row, add(column, from), sumsStart, scratch, block);
          const begins = b.let(mul(group, i32(panels.runs)), 'down');
          const starts = b.let(binary('minS', begins, i32(plan.down.extent - panels.runs)), 'starts');
          // Runs that the panel before has written already are left out.
          b.call(`${name}_results`, table, outer, starts, sub(begins, starts), block, sumsStart);
        }
      });
    });
  });
  const flops = 2 * sizeOf(plan.outer) * plan.rowCount * plan.down.extent * plan.along.extent * k.size;
  return {
    functions: [...tiles, panelFunction, resultsFunction(kernel, plan, options, firstRows), units],
    entry,
    units: Math.ceil(total / plan.perUnit) * blocks.length,
    scratchBytes: sums + Math.max(...blocks.map((heights) => heights.reduce((n, h) => n + h, 0))) * rowBytes,
    flops,
    work: flops / 4,
  };
}

const start = (
  b: Builder,
  table: Expr,
  operand: DirectPlan['rowOperand'],
  options: ContractionOptions,
): Expr => b.let(add(options.baseOf(b, table, operand.buffer), i32(operand.offset * 4)), 'operand');

/**
 * The epilogue of some runs. Parameters: `table`, `outer` (flat), `down` (the first run), `skipped` (runs to leave out), `block` (of rows),
 * `sums`.
 */
function resultsFunction(
  kernel: ContractionKernel,
  plan: DirectPlan,
  options: ContractionOptions,
  firstRows: readonly number[],
): Func {
  const { lanes } = options.machine;
  const { along, down, panels, chunks, blocks } = plan;
  const ones = [...kernel.m, ...kernel.n].filter((v) => v.extent === 1).map((v) => [v, i32(0)] as const);
  const parameters = ['table', 'outer', 'down', 'skipped', 'block', 'sums'];
  return func(`${kernel.name}_results`, parameters, (b, table, outer, downs, skipped, block, sums) => {
    const emitter = options.results(b, table, kernel.stores);
    const counts = blocks.map((heights) => heights.reduce((sum, height) => sum + height, 0));
    const ofBlock = (values: readonly number[]): Expr =>
      values
        .slice(1)
        .reduce<Expr>(
          (found, value, n) => select(compare('eq', block, i32(n + 1)), i32(value), found),
          i32(values[0] ?? 0),
        );
    const firstRow = b.let(ofBlock(firstRows), 'firstRow');
    const count = b.let(ofBlock(counts), 'count');
    emitter.scope(new Map([...ones, ...coordinateMap(b, outer, plan.outer)]), () => {
      b.for(i32(0), count, 1, (row) => {
        emitter.scope(coordinateMap(b, b.let(add(firstRow, row), 'row'), plan.rows), () => {
          b.for(skipped, i32(panels.runs), 1, (run) => {
            const offset = add(mul(row, i32(panels.sumRow)), mul(run, i32(panels.sumPitch)));
            const from = b.let(add(sums, mul(offset, i32(4))), 'from');
            emitter.scope(new Map([[down, b.let(add(downs, run), 'down')]]), () => {
              for (let chunk = 0; chunk < chunks; chunk++) {
                const valid = Math.min(lanes, along.extent - chunk * lanes);
                const sum = b.let(load('f32', from, chunk * lanes * 4, true), 'sum');
                emitter.scope(
                  new Map([[along, i32(chunk * lanes)]]),
                  () => {
                    emitter.store(sum);
                  },
                  along,
                  valid,
                );
              }
            });
          });
        });
      });
    });
  });
}
