/** Finished sums of a panel → the epilogue and its stores. */
import type { Variable } from '../../compiler/index-expr.js';
import { coordinatesOf } from './contraction-axes.js';
import type { ContractionPlan } from './contraction-plan.js';
import type { Stores } from './contraction-stores.js';
import { TILE_VECTORS } from './contraction-tile.js';
import {
  add,
  binary,
  compare,
  func,
  get,
  i32,
  load,
  loadStrided,
  mul,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';

/** A point of the result, or as many neighbours along `vector` as a vector has lanes. */
export interface ResultPoint {
  /** What to evaluate and write; in terms of the variables of `coordinates`. */
  readonly stores: Stores;
  /** Of the run's buffers. */
  readonly table: Expr;
  /** i32, of lane 0. */
  readonly coordinates: ReadonlyMap<Variable, Expr>;
  /** Lane l has coordinate + l along this variable; undefined for a single point. */
  readonly vector: Variable | undefined;
  /** f32, or f32v if `vector` is given. */
  readonly accumulator: Expr;
}

export type StoreResult = (b: Builder, point: ResultPoint) => void;

const coordinateMap = (b: Builder, flat: Expr, variables: readonly Variable[]): Map<Variable, Expr> => {
  const coordinates = coordinatesOf(
    b,
    flat,
    variables.map(({ extent }) => extent),
  );
  return new Map(variables.map((v, axis) => [v, coordinates[axis] ?? i32(0)]));
};

/**
 * Writes one panel. Parameters of the result: `table`, `batch` (flat), `row` (flat, the first), `rows`, `column` (flat, the first), `columns`,
 * `sums` (rows of TILE_VECTORS vectors).
 */
export function resultFunction(
  name: string,
  plan: ContractionPlan,
  lanes: number,
  storeResult: StoreResult,
): Func {
  const rowBytes = TILE_VECTORS * lanes * 4;
  const { stores, vector } = plan;
  return func(
    name,
    ['table', 'batch', 'row', 'rows', 'column', 'columns', 'sums'],
    (b, table, batch, row, rows, column, columns, sums) => {
      const batchMap = coordinateMap(b, batch, plan.batch);
      const point = (
        columnMap: Map<Variable, Expr>,
        rowMap: Map<Variable, Expr>,
        along: Variable | undefined,
        accumulator: Expr,
      ): void => {
        storeResult(b, {
          stores,
          table,
          coordinates: new Map([...batchMap, ...columnMap, ...rowMap]),
          vector: along,
          accumulator,
        });
      };
      const columnsAt = (index: Expr): Map<Variable, Expr> =>
        coordinateMap(b, b.let(add(column, index), 'column'), plan.columnVariables);
      const rowsAt = (index: Expr): Map<Variable, Expr> =>
        coordinateMap(b, b.let(add(row, index), 'row'), plan.rowVariables);
      const fits = (map: Map<Variable, Expr>, v: Variable): Expr =>
        compare('le', map.get(v) ?? i32(0), i32(v.extent - lanes));
      const single = (index: Expr): void => {
        const columnMap = columnsAt(index);
        const source = b.variable(add(sums, mul(index, i32(4))), 'source');
        b.for(i32(0), rows, 1, (r) => {
          point(columnMap, rowsAt(r), undefined, b.let(load('f32', get(source)), 'sum'));
          b.set(source, add(get(source), i32(rowBytes)));
        });
      };
      const along = (vector === 'columns' ? plan.columnVariables : plan.rowVariables).at(-1);
      if (vector === 'none' || along === undefined) {
        b.for(i32(0), columns, 1, single);
      } else if (vector === 'columns') {
        b.for(i32(0), columns, lanes, (first) => {
          const columnMap = columnsAt(first);
          b.if(
            fits(columnMap, along),
            () => {
              const source = b.variable(add(sums, mul(first, i32(4))), 'source');
              b.for(i32(0), rows, 1, (r) => {
                point(columnMap, rowsAt(r), along, b.let(load('f32', get(source), 0, true), 'sum'));
                b.set(source, add(get(source), i32(rowBytes)));
              });
            },
            () => {
              b.for(first, b.let(binary('minS', add(first, i32(lanes)), columns)), 1, single);
            },
          );
        });
      } else {
        b.for(i32(0), columns, 1, (index) => {
          const columnMap = columnsAt(index);
          const source = b.variable(add(sums, mul(index, i32(4))), 'source');
          const r = b.variable(i32(0), 'r');
          b.while(compare('lt', get(r), rows), () => {
            const rowMap = rowsAt(get(r));
            const step = b.variable(i32(1), 'step');
            b.if(
              binary('and', fits(rowMap, along), compare('le', add(get(r), i32(lanes)), rows)),
              () => {
                point(
                  columnMap,
                  rowMap,
                  along,
                  b.let(loadStrided('f32', get(source), TILE_VECTORS * lanes), 'sum'),
                );
                b.set(step, i32(lanes));
              },
              () => {
                point(columnMap, rowMap, undefined, b.let(load('f32', get(source)), 'sum'));
              },
            );
            b.set(r, add(get(r), get(step)));
            b.set(source, add(get(source), mul(get(step), i32(rowBytes))));
          });
        });
      }
    },
  );
}
