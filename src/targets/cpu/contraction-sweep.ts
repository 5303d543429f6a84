/**
 * The inner kernel of machines with many registers and large caches: the rows of a tile stay in the first-level cache while they are multiplied with
 * one panel of columns after the other. Columns come from packed panels, from the second operand itself, or from there on the way into a panel, so
 * that packing costs no pass of its own. Finished sums go where they belong without being stored in between, if that is simple.
 */
import { panelWidth, type Machine } from './machine.js';
import type { KBlocks } from './contraction-blocks.js';
import type { KSteps, RowPattern } from './contraction-tile.js';
import {
  add,
  constant,
  fma,
  func,
  get,
  i32,
  load,
  loadSplat,
  local,
  mul,
  sub,
  type Builder,
  type Expr,
  type Func,
  type Local,
} from './ir.js';

/** Where a sweep finds its columns: in packed panels, in the second operand, or there and leaves them in panels. */
export type ColumnSource = 'panels' | 'operand' | 'packing';

/** What becomes of the sums of a panel. */
export type Finish =
  /** They are kept, rows as wide as a panel, for what comes later; panels lie `panelBytes` apart. */
  | { readonly kind: 'keep'; readonly panelBytes: number }
  /** They are the result, whose rows lie `rowBytes` apart. */
  | { readonly kind: 'write'; readonly rowBytes: number }
  /** The epilogue takes them, as `emit` says. */
  | { readonly kind: 'epilogue'; readonly emit: EpilogueEmitter };

/** Opens what does not depend on the panel, and gives `each` how sums are written, from a panel's first column. */
export type EpilogueEmitter = (
  b: Builder,
  at: { readonly program: Expr; readonly batch: Expr; readonly row: Expr },
  panels: (write: (column: Expr, sums: readonly (readonly Expr[])[]) => void) => void,
) => void;

export interface SweepOptions {
  readonly machine: Machine;
  /** Columns of a panel that count, and the vectors that hold them. */
  readonly columns: number;
  readonly steps: KSteps;
  readonly k: Pick<KBlocks, 'size' | 'lastSize' | 'count'>;
  readonly source: ColumnSource;
  /** From k to k in the second operand, in bytes; positive. Of no interest if columns come from panels. */
  readonly operandStep: number;
  /** From panel to panel, where they are packed. */
  readonly panelBytes: number;
  readonly finish: Finish;
  /** From these rows to those of the next sweep, in bytes; 0 if that is not known. */
  readonly nextRows: number;
}

/** Bytes of packed columns to fetch ahead: some rounds of the loop. */
const AHEAD = 2048;
/** Steps of k to fetch ahead in the second operand, whose lines are far apart. */
const STEPS_AHEAD = 8;

export const SWEEP_PARAMETERS = [
  /** The lowest row at the block's beginning. */
  'a',
  /** The first panel, and the first column in the operand. */
  'panel',
  'operand',
  /** Steps of k, and panels. */
  'size',
  'panels',
  /** Where sums of the first panel are kept or written. */
  'target',
  /** Distances along k, and whether sums begin at 0. */
  'table',
  'first',
  /** For the epilogue: the program's table, and the numbers of batch entry, row and column. */
  'program',
  'batch',
  'row',
  'column',
] as const;

/** A tile's rows against the panels of a strip. */
export function sweepFunction(name: string, rows: RowPattern, options: SweepOptions): Func {
  const { machine, k, source, finish } = options;
  const { lanes } = machine;
  const width = panelWidth(machine);
  const vectors = Math.ceil(options.columns / lanes);
  const rowBytes = 4 * width;
  const vectorBytes = 4 * lanes;
  return func(
    name,
    SWEEP_PARAMETERS,
    (b, ...[a, panel, operand, size, panels, target, table, first, program, batch, row, column]: Expr[]) => {
      const given = (parameter: Expr | undefined): Expr => parameter ?? i32(0);
      const panelAt = b.variable(given(panel), 'panelAt');
      const operandAt = b.variable(given(operand), 'operandAt');
      const targetAt = b.variable(given(target), 'targetAt');
      const columnAt = b.variable(given(column), 'columnAt');
      const targetRow = finish.kind === 'write' ? finish.rowBytes : rowBytes;
      const each = (
        sums: readonly (readonly Local[])[],
        visit: (sum: Local, row: number, vector: number) => void,
      ): void => {
        sums.forEach((list, r) => {
          list.forEach((sum, v) => {
            visit(sum, r, v);
          });
        });
      };
      const onePanel = (write: (column: Expr, sums: readonly (readonly Expr[])[]) => void): void => {
        const sums = rows.map(() => Array.from({ length: vectors }, () => local('f32v', 'sum')));
        const zero = (): void => {
          each(sums, (sum) => {
            b.set(sum, constant('f32v', 0));
          });
        };
        const resume = (): void => {
          each(sums, (sum, r, v) => {
            b.set(sum, load('f32', get(targetAt), r * targetRow + v * vectorBytes, true));
          });
        };
        if (k.count > 1) b.if(given(first), zero, resume);
        else zero();
        accumulate(b, rows, sums, {
          ...options,
          a: given(a),
          panel: get(panelAt),
          operand: get(operandAt),
          size: given(size),
          table: given(table),
        });
        if (finish.kind === 'epilogue')
          write(
            get(columnAt),
            sums.map((list) => list.map(get)),
          );
        else {
          each(sums, (sum, r, v) => {
            const left = options.columns - v * lanes;
            const partly = finish.kind === 'write' && left < lanes;
            b.store(
              'f32',
              get(targetAt),
              get(sum),
              r * targetRow + v * vectorBytes,
              partly ? i32(left) : undefined,
            );
          });
        }
        const advance = (place: Local, by: number): void => {
          b.set(place, add(get(place), i32(by)));
        };
        if (source !== 'operand') advance(panelAt, options.panelBytes);
        if (source !== 'panels') advance(operandAt, rowBytes);
        if (finish.kind === 'epilogue') advance(columnAt, width);
        else advance(targetAt, finish.kind === 'keep' ? finish.panelBytes : rowBytes);
      };
      const all = (write: (column: Expr, sums: readonly (readonly Expr[])[]) => void): void => {
        b.for(i32(0), given(panels), 1, () => {
          onePanel(write);
        });
      };
      if (finish.kind === 'epilogue')
        finish.emit(b, { program: given(program), batch: given(batch), row: given(row) }, all);
      else all(() => undefined);
    },
  );
}

/** Adds the products of a block of k to the sums. */
function accumulate(
  b: Builder,
  rows: RowPattern,
  sums: readonly (readonly Local[])[],
  options: SweepOptions & {
    readonly a: Expr;
    readonly panel: Expr;
    readonly operand: Expr;
    readonly size: Expr;
    readonly table: Expr;
  },
): void {
  const { machine, steps, k, source, operandStep, nextRows, a, panel, operand, size, table } = options;
  const { unroll } = machine.tile;
  const vectors = sums[0]?.length ?? 0;
  const vectorBytes = 4 * machine.lanes;
  const panelStep = 4 * panelWidth(machine);
  const from = b.variable(steps.kind === 'stride' ? a : table, 'from');
  // The loop counts the place in the panel, or in the operand where there is no panel.
  const beside = b.variable(operand, 'beside');
  const [start, step] = source === 'operand' ? [operand, operandStep] : [panel, panelStep];
  const multiply = (place: Expr, n: number): void => {
    const read = source === 'panels' ? place : source === 'operand' ? place : get(beside);
    const distance = n * (source === 'panels' ? panelStep : operandStep);
    const columns = Array.from({ length: vectors }, (_, v) => {
      const value = b.let(load('f32', read, distance + v * vectorBytes, true), 'b');
      if (source === 'packing') b.store('f32', place, value, n * panelStep + v * vectorBytes);
      return value;
    });
    const ahead = source === 'panels' ? AHEAD : source === 'packing' ? STEPS_AHEAD * operandStep : 0;
    if (ahead > 0) for (let v = 0; v < vectors; v++) b.prefetch(read, distance + ahead + v * vectorBytes);
    const row = steps.kind === 'stride' ? get(from) : b.let(add(a, load('i32', get(from), 4 * n)), 'row');
    const moved = steps.kind === 'stride' ? n * steps.bytes : 0;
    rows.forEach((away, r) => {
      const at = moved + away;
      // Constant distances are never negative in the loop IR.
      const value = b.let(at >= 0 ? loadSplat('f32', row, at) : loadSplat('f32', add(row, i32(at))), 'a');
      columns.forEach((each, v) => {
        const sum = sums[r]?.[v];
        if (sum !== undefined) b.set(sum, fma(value, each, get(sum)));
      });
    });
  };
  const round = (place: Expr, count: number): void => {
    for (let n = 0; n < count; n++) multiply(place, n);
    // Tall tiles of few vectors are bound by loads as it is.
    if (nextRows > 0 && vectors > 2 && steps.kind === 'stride' && Math.abs(steps.bytes) < 64)
      for (const away of rows) b.prefetch(get(from), nextRows + away, 2);
    b.set(from, add(get(from), i32(count * (steps.kind === 'stride' ? steps.bytes : 4))));
    if (source === 'packing') b.set(beside, add(get(beside), i32(count * operandStep)));
  };
  if (k.size === k.lastSize) {
    const whole = Math.floor(k.size / unroll) * unroll;
    const end = b.let(add(start, i32(whole * step)), 'end');
    if (whole > 0) {
      b.for(start, end, unroll * step, (place) => {
        round(place, unroll);
      });
    }
    if (whole < k.size) round(end, k.size - whole);
    return;
  }
  const end = b.let(add(start, mul(size, i32(step))), 'end');
  const rest = b.variable(start, 'rest');
  b.for(start, b.let(sub(end, i32((unroll - 1) * step)), 'whole'), unroll * step, (place) => {
    round(place, unroll);
    b.set(rest, add(place, i32(unroll * step)));
  });
  b.for(get(rest), end, step, (place) => {
    round(place, 1);
  });
}
