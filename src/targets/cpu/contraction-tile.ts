/**
 * The inner kernel: tiles of up to 6 rows by 2 vectors of columns, summed over one block of k. The first operand is read
 * where it lies, one element at a time into all lanes; the second comes from a packed panel.
 */
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
  type Expr,
  type Func,
  type Local,
} from './ir.js';

/** Rows and vectors of a full tile: 12 sums, 2 vectors of the panel and 1 of the first operand fill the 15 vector registers V8 uses. */
export const TILE_ROWS = 6;
export const TILE_VECTORS = 2;

/** Rows of a tile, as distances in bytes from the lowest one. */
export type RowPattern = readonly number[];

/** How the first operand moves along k inside a block. */
export type KSteps =
  | { readonly kind: 'stride'; readonly bytes: number }
  /** A table of i32 gives the distance of each k from the block's beginning. */
  | { readonly kind: 'table' };

export interface TileOptions {
  readonly lanes: number;
  /** Vectors of columns to compute, 1 to TILE_VECTORS. */
  readonly vectors: number;
  readonly steps: KSteps;
  /** Whether there are several blocks of k: then sums go on from what an earlier block left. */
  readonly blocked: boolean;
}

/**
 * One tile. Parameters of the result: `a` (its lowest row at the block's beginning), `panel`, `panelEnd`, `sums` (rows of TILE_VECTORS
 * vectors), `table`, `first` (whether sums begin at 0). The loop over k must not stand in another loop: V8 then unrolls it, loads too
 * much ahead, and runs out of vector registers (60 against 41 GFLOP/s on Node 20).
 */
export function tileFunction(name: string, rows: RowPattern, options: TileOptions): Func {
  const { lanes, vectors, steps, blocked } = options;
  const vectorBytes = 4 * lanes;
  const rowBytes = TILE_VECTORS * vectorBytes;
  return func(
    name,
    ['a', 'panel', 'panelEnd', 'sums', 'table', 'first'],
    (b, a, panel, panelEnd, sums, table, first) => {
      const accumulators = rows.map(() => Array.from({ length: vectors }, () => local('f32v', 'sum')));
      const each = (visit: (accumulator: Local, offset: number) => void): void => {
        accumulators.forEach((row, r) => {
          row.forEach((accumulator, v) => {
            visit(accumulator, r * rowBytes + v * vectorBytes);
          });
        });
      };
      const zero = (): void => {
        each((accumulator) => {
          b.set(accumulator, constant('f32v', 0));
        });
      };
      const resume = (): void => {
        each((accumulator, offset) => {
          b.set(accumulator, load('f32', sums, offset, true));
        });
      };
      const multiply = (from: Expr, packed: Expr): void => {
        const columns = Array.from({ length: vectors }, (_, v) =>
          b.let(load('f32', packed, v * vectorBytes, true), 'b'),
        );
        rows.forEach((distance, r) => {
          const value = b.let(loadSplat('f32', from, distance), 'a');
          columns.forEach((column, v) => {
            const accumulator = accumulators[r]?.[v];
            if (accumulator !== undefined) b.set(accumulator, fma(value, column, get(accumulator)));
          });
        });
      };
      if (blocked) b.if(first, zero, resume);
      else zero();
      if (steps.kind === 'stride') {
        const from = b.variable(a, 'from');
        b.for(panel, panelEnd, rowBytes, (packed) => {
          multiply(get(from), packed);
          b.set(from, add(get(from), i32(steps.bytes)));
        });
      } else {
        const entry = b.variable(table, 'entry');
        b.for(panel, panelEnd, rowBytes, (packed) => {
          multiply(b.let(add(a, load('i32', get(entry)))), packed);
          b.set(entry, add(get(entry), i32(4)));
        });
      }
      each((accumulator, offset) => {
        b.store('f32', sums, get(accumulator), offset);
      });
    },
  );
}
