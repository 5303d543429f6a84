/** The inner kernel of direct contractions: rows by a few vectors of columns, both read where they lie. */
import type { KSteps } from './contraction-tile.js';
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
  type Builder,
  type Expr,
  type Func,
} from './ir.js';

export interface DirectTileOptions {
  readonly height: number;
  /** Where each vector of columns lies, in bytes from the first; none is negative. */
  readonly vectors: readonly number[];
  /** From row to row, in bytes. */
  readonly rowStride: number;
  readonly k: number;
  readonly rowSteps: KSteps;
  readonly unroll: number;
  readonly lanes: number;
  /** From row to row of the sums, in bytes. */
  readonly sumRow: number;
}

/**
 * One tile. Parameters of the result: `a` (its first row), `b` (its first column), `sums`, `rowTable` and `columnTable` (distances
 * of each k from the beginning).
 */
export function directTile(name: string, options: DirectTileOptions): Func {
  const { height, vectors, rowStride, k, rowSteps, lanes } = options;
  return func(
    name,
    ['a', 'b', 'sums', 'rowTable', 'columnTable'],
    (b, a, columns, sums, rowTable, columnTable) => {
      const accumulators = Array.from({ length: height }, () => vectors.map(() => local('f32v', 'sum')));
      for (const row of accumulators) for (const each of row) b.set(each, constant('f32v', 0));
      const step = (row: Expr, moved: number, from: Expr): void => {
        const values = vectors.map((distance) => b.let(load('f32', from, distance, true), 'b'));
        accumulators.forEach((sumsOfRow, r) => {
          const place = moved + r * rowStride;
          const value = b.let(
            place >= 0 ? loadSplat('f32', row, place) : loadSplat('f32', add(row, i32(place))),
            'a',
          );
          sumsOfRow.forEach((sum, v) => {
            b.set(sum, fma(value, values[v] as Expr, get(sum)));
          });
        });
      };
      const row = b.variable(a, 'row');
      const rowEntry = b.variable(rowTable, 'rowEntry');
      const entry = b.variable(columnTable, 'entry');
      const round = (count: number): void => {
        for (let n = 0; n < count; n++) {
          const from = b.let(add(columns, load('i32', get(entry), 4 * n)), 'from');
          if (rowSteps.kind === 'stride') step(get(row), n * rowSteps.bytes, from);
          else step(b.let(add(a, load('i32', get(rowEntry), 4 * n)), 'row'), 0, from);
        }
        b.set(entry, add(get(entry), i32(4 * count)));
        if (rowSteps.kind === 'stride') b.set(row, add(get(row), i32(count * rowSteps.bytes)));
        else b.set(rowEntry, add(get(rowEntry), i32(4 * count)));
      };
      const { unroll } = options;
      repeat(b, Math.floor(k / unroll), () => {
        round(unroll);
      });
      if (k % unroll > 0) round(k % unroll);
      accumulators.forEach((sumsOfRow, r) => {
        sumsOfRow.forEach((sum, v) => {
          b.store('f32', sums, get(sum), r * options.sumRow + v * lanes * 4);
        });
      });
    },
  );
}

const repeat = (b: Builder, times: number, body: () => void): void => {
  if (times > 0) b.for(i32(0), i32(times), 1, body);
};
