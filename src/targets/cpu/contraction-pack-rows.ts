/** Packing of rows: all rows of a unit for one block of k, each tile's side by side, where reading them in place would thrash the cache. */
import { eachGroup, type RowPlan, type Segment } from './contraction-rows.js';
import type { KBlocks } from './contraction-blocks.js';
import type { RowPattern } from './contraction-tile.js';
import { add, func, get, i32, load, mul, type Builder, type Expr, type Func } from './ir.js';

/** Bytes from one packed tile to the next. The extra line keeps tiles from meeting in the same places of the cache. */
export const packedTileBytes = (rows: number, k: number): number => Math.ceil((rows * k * 4) / 64) * 64 + 64;

/** Bytes of the packed tiles of a group. */
export const packedBytes = (segments: readonly Segment[], k: number): number =>
  segments.reduce((sum, { pattern, tiles }) => sum + tiles * packedTileBytes(pattern.length, k), 0);

/** Copies one k of a tile. */
function copyRows(b: Builder, pattern: RowPattern, lanes: number, source: Expr, target: Expr): void {
  const rows = pattern.length;
  const neighbours = pattern.every((distance, r) => distance === r * 4);
  if (neighbours && rows >= lanes && rows <= 2 * lanes) {
    // The second vector overlaps the first.
    for (const first of rows > lanes ? [0, rows - lanes] : [0]) {
      b.store('f32', target, load('f32', source, first * 4, true), first * 4);
    }
  } else {
    pattern.forEach((distance, r) => {
      b.store('f32', target, load('f32', source, distance), r * 4);
    });
  }
}

/**
 * Parameters of the result: `source` (the operand at this block of k), `target`, `groupBegin`, `groupEnd`, `size` (steps of k), `table`.
 */
export function packRowsFunction(name: string, plan: RowPlan, k: KBlocks, lanes: number): Func {
  const steps = k.rowSteps;
  return func(
    name,
    ['source', 'target', 'groupBegin', 'groupEnd', 'size', 'table'],
    (b, source, target, groupBegin, groupEnd, size, table) => {
      const to = b.variable(target, 'to');
      const distanceOf = (position: Expr): Expr =>
        steps.kind === 'stride'
          ? mul(position, i32(steps.bytes))
          : load('i32', add(table, mul(position, i32(4))));
      const segment = ({ pattern, start, tiles, step }: Segment, base: Expr): void => {
        const tileBytes = packedTileBytes(pattern.length, k.size);
        // Across the tiles first: that reads whole cache lines where rows are neighbours.
        b.for(i32(0), size, 1, (position) => {
          const from = b.variable(add(add(base, i32(start)), distanceOf(position)), 'from');
          const into = b.variable(add(get(to), mul(position, i32(pattern.length * 4))), 'into');
          b.for(i32(0), i32(tiles), 1, () => {
            copyRows(b, pattern, lanes, get(from), get(into));
            b.set(from, add(get(from), i32(step)));
            b.set(into, add(get(into), i32(tileBytes)));
          });
        });
        b.set(to, add(get(to), i32(tiles * tileBytes)));
      };
      eachGroup(b, plan, source, groupBegin, groupEnd, (segments, base) => {
        for (const each of segments) segment(each, base);
      });
    },
  );
}
