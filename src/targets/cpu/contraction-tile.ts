/**
 * The inner kernel: tiles of a few rows by a few vectors of columns, summed over one block of k. The first operand is read
 * where it lies, one element at a time into all lanes; the second comes from a packed panel.
 */
import { panelWidth, type Machine } from './machine.js';
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
  sub,
  type Expr,
  type Func,
  type Local,
} from './ir.js';

/** Rows of a tile, as distances in bytes from the lowest one. */
export type RowPattern = readonly number[];

/** How the first operand moves along k inside a block. */
export type KSteps =
  | { readonly kind: 'stride'; readonly bytes: number }
  /** A table of i32 gives the distance of each k from the block's beginning. */
  | { readonly kind: 'table' };

export interface TileOptions {
  readonly machine: Machine;
  /** Vectors of columns to compute, 1 to those of a full tile. */
  readonly vectors: number;
  readonly steps: KSteps;
  /** Whether there are several blocks of k: then sums go on from what an earlier block left. */
  readonly blocked: boolean;
}

/**
 * One tile. Parameters of the result: `a` (its lowest row at the block's beginning), `panel`, `panelEnd`, `sums` (rows as wide as a
 * panel), `table`, `first` (whether sums begin at 0). The loop over k must not stand in another loop: V8 then unrolls it, loads too
 * much ahead, and runs out of vector registers (60 against 41 GFLOP/s on Node 20).
 */
export function tileFunction(name: string, rows: RowPattern, options: TileOptions): Func {
  const { machine, vectors, steps, blocked } = options;
  const vectorBytes = 4 * machine.lanes;
  const rowBytes = 4 * panelWidth(machine);
  const { unroll } = machine.tile;
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
      const multiply = (from: Expr, packed: Expr, moved: number, packedMoved: number): void => {
        const columns = Array.from({ length: vectors }, (_, v) =>
          b.let(load('f32', packed, packedMoved + v * vectorBytes, true), 'b'),
        );
        rows.forEach((distance, r) => {
          const place = moved + distance;
          // Constant distances are never negative in the loop IR.
          const value = b.let(
            place >= 0 ? loadSplat('f32', from, place) : loadSplat('f32', add(from, i32(place))),
            'a',
          );
          columns.forEach((column, v) => {
            const accumulator = accumulators[r]?.[v];
            if (accumulator !== undefined) b.set(accumulator, fma(value, column, get(accumulator)));
          });
        });
      };
      if (blocked) b.if(first, zero, resume);
      else zero();
      /** One step of k after the other, several to a round of the loop, then those that are left. */
      const along = (round: (packed: Expr, steps: number) => void): void => {
        if (unroll === 1) {
          b.for(panel, panelEnd, rowBytes, (packed) => {
            round(packed, 1);
          });
          return;
        }
        const stepBytes = unroll * rowBytes;
        const whole = b.let(sub(panelEnd, i32(stepBytes - rowBytes)), 'whole');
        const rest = b.variable(panel, 'rest');
        b.for(panel, whole, stepBytes, (packed) => {
          round(packed, unroll);
          b.set(rest, add(packed, i32(stepBytes)));
        });
        b.for(get(rest), panelEnd, rowBytes, (packed) => {
          round(packed, 1);
        });
      };
      if (steps.kind === 'stride') {
        const from = b.variable(a, 'from');
        along((packed, count) => {
          for (let n = 0; n < count; n++) multiply(get(from), packed, n * steps.bytes, n * rowBytes);
          b.set(from, add(get(from), i32(count * steps.bytes)));
        });
      } else {
        const entry = b.variable(table, 'entry');
        along((packed, count) => {
          for (let n = 0; n < count; n++)
            multiply(b.let(add(a, load('i32', get(entry), 4 * n))), packed, 0, n * rowBytes);
          b.set(entry, add(get(entry), i32(4 * count)));
        });
      }
      each((accumulator, offset) => {
        b.store('f32', sums, get(accumulator), offset);
      });
    },
  );
}
