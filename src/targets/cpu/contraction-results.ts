/** Finished sums of a panel → the epilogue and its stores. */
import type { Variable } from '../../compiler/index-expr.js';
import { coordinateMap, split } from './contraction-axes.js';
import type { ContractionPlan } from './contraction-plan.js';
import type { Stores } from './contraction-stores.js';
import { panelWidth, type Machine } from './machine.js';
import {
  add,
  binary,
  compare,
  func,
  get,
  i32,
  load,
  mul,
  sub,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';

/** Emits an epilogue. */
export interface ResultEmitter {
  /**
   * Inside `body`, the variables have these values (i32). With `vector`, lane l has that variable's value + l; only the first `valid` lanes
   * are written. What a value
   * depends on only outside may be computed before it.
   */
  scope(bindings: ReadonlyMap<Variable, Expr>, body: () => void, vector?: Variable, valid?: number): void;
  /** Evaluates and writes the stores of the present scope, from the sum (f32, or f32v inside `vector`). Once per innermost scope. */
  store(sum: Expr): void;
}

/**
 * Writes a strip of panels. Parameters of the result: `table`, `batch` (flat), `row` (flat, the first), `rows`, `column` (flat, the
 * first), `columns`, `sums` (for each panel rows as wide as a panel), `turned` (room
 * for them column by column).
 */
export function resultFunction(
  name: string,
  plan: ContractionPlan,
  options: {
    readonly machine: Machine;
    /** From the sums of a panel to those of the next. */
    readonly sumsBytes: number;
    /** From column to column of turned sums. */
    readonly turnedBytes: number;
    readonly results: (b: Builder, table: Expr, stores: Stores) => ResultEmitter;
  },
): Func {
  const { machine, sumsBytes, turnedBytes } = options;
  const { lanes } = machine;
  const width = panelWidth(machine);
  const rowBytes = width * 4;
  return func(
    name,
    ['table', 'batch', 'row', 'rows', 'column', 'columns', 'sums', 'turned'],
    (b, table, batch, row, rows, column, columns, sums, turned) => {
      const emitter = options.results(b, table, plan.stores);
      const columnsAt = (index: Expr): Map<Variable, Expr> =>
        coordinateMap(b, b.let(add(column, index), 'column'), plan.columnVariables);
      const rowsAt = (index: Expr): Map<Variable, Expr> =>
        coordinateMap(b, b.let(add(row, index), 'row'), plan.rowVariables);
      const fits = (map: Map<Variable, Expr>, v: Variable, count: Expr): Expr =>
        compare('le', add(map.get(v) ?? i32(0), count), i32(v.extent));
      /** The first row's sum of a column. */
      const sumOf = (index: Expr): Expr => {
        const [panel, inside] = split(b, index, width);
        return add(sums, add(mul(panel, i32(sumsBytes)), mul(inside, i32(4))));
      };
      /** The sums as columns of rows, square by square; gives where. Behind the last row they hold anything. */
      const turnSums = (): Expr => {
        b.for(i32(0), columns, lanes, (first) => {
          const from = b.let(sumOf(first), 'from');
          const to = b.let(add(turned, mul(first, i32(turnedBytes))), 'to');
          b.for(i32(0), rows, lanes, (r) => {
            const at = b.let(add(from, mul(r, i32(rowBytes))), 'at');
            const square = Array.from({ length: lanes }, (_, lane) =>
              b.variable(load('f32', at, lane * rowBytes, true), 'square'),
            );
            b.transpose(square);
            const target = b.let(add(to, mul(r, i32(4))), 'target');
            square.forEach((each, lane) => {
              b.store('f32', target, get(each), lane * turnedBytes);
            });
          });
        });
        return turned;
      };
      /** Goes down the rows of one column or vector of columns. */
      const down = (first: Expr, vector: boolean): void => {
        const source = b.variable(sumOf(first), 'source');
        b.for(i32(0), rows, 1, (r) => {
          emitter.scope(rowsAt(r), () => {
            emitter.store(b.let(load('f32', get(source), 0, vector), 'sum'));
          });
          b.set(source, add(get(source), i32(rowBytes)));
        });
      };
      const single = (index: Expr): void => {
        emitter.scope(columnsAt(index), () => {
          down(index, false);
        });
      };
      /** Vectors of columns, each for itself, since the columns are not all neighbours in the result. */
      const scattered = (along: Variable): void => {
        b.for(i32(0), columns, lanes, (first) => {
          const map = columnsAt(first);
          b.if(
            fits(map, along, i32(lanes)),
            () => {
              emitter.scope(
                map,
                () => {
                  down(first, true);
                },
                along,
              );
            },
            () => {
              b.for(first, b.let(binary('minS', add(first, i32(lanes)), columns)), 1, single);
            },
          );
        });
      };
      /** Row by row across the strip, so that whole cache lines are written. */
      const across = (along: Variable, map: Map<Variable, Expr>): void => {
        const outside = new Map([...map].filter(([v]) => v !== along));
        const start = map.get(along) ?? i32(0);
        emitter.scope(outside, () => {
          b.for(i32(0), rows, 1, (r) => {
            emitter.scope(rowsAt(r), () => {
              const rowSums = b.let(add(sums, mul(r, i32(rowBytes))), 'rowSums');
              b.for(i32(0), columns, lanes, (first) => {
                const [panel, inside] = split(b, first, width);
                const at = add(rowSums, add(mul(panel, i32(sumsBytes)), mul(inside, i32(4))));
                const sum = b.let(load('f32', at, 0, true), 'sum');
                emitter.scope(
                  new Map([[along, b.let(add(start, first))]]),
                  () => {
                    emitter.store(sum);
                  },
                  along,
                );
              });
            });
          });
        });
      };
      const alongColumns = (along: Variable): void => {
        const map = columnsAt(i32(0));
        const whole = compare('eq', binary('and', columns, i32(lanes - 1)), i32(0));
        b.if(
          binary('and', whole, fits(map, along, columns)),
          () => {
            across(along, map);
          },
          () => {
            scattered(along);
          },
        );
      };
      /** Column by column; down the rows as far as they are neighbours in the result, then from the next such run. */
      const alongRows = (along: Variable): void => {
        const block = b.let(turnSums(), 'turned');
        b.for(i32(0), columns, 1, (index) => {
          emitter.scope(columnsAt(index), () => {
            const source = b.variable(add(block, mul(index, i32(turnedBytes))), 'source');
            const begin = b.variable(i32(0), 'begin');
            b.while(compare('lt', get(begin), rows), () => {
              const map = rowsAt(get(begin));
              const start = map.get(along) ?? i32(0);
              const left = sub(rows, get(begin));
              const length = b.let(binary('minS', left, sub(i32(along.extent), start)), 'length');
              const whole = b.let(binary('and', length, i32(-lanes)), 'whole');
              const run = (from: Expr, to: Expr, step: number, vector?: Variable): void => {
                b.for(from, to, step, (r) => {
                  emitter.scope(
                    new Map([[along, b.let(add(start, r))]]),
                    () => {
                      emitter.store(b.let(load('f32', get(source), 0, vector !== undefined), 'sum'));
                    },
                    vector,
                  );
                  b.set(source, add(get(source), i32(4 * step)));
                });
              };
              emitter.scope(new Map([...map].filter(([v]) => v !== along)), () => {
                run(i32(0), whole, lanes, along);
                run(whole, length, 1);
              });
              b.set(begin, add(get(begin), length));
            });
          });
        });
      };
      emitter.scope(coordinateMap(b, batch, plan.batch), () => {
        const along = (plan.vector === 'columns' ? plan.columnVariables : plan.rowVariables).at(-1);
        if (plan.vector === 'none' || along === undefined) b.for(i32(0), columns, 1, single);
        else if (plan.vector === 'columns') alongColumns(along);
        else alongRows(along);
      });
    },
  );
}
