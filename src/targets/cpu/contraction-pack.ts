/** Packing: eight columns of the second operand, k after k, into a panel that the inner kernel reads straight through. */
import {
  add,
  compare,
  func,
  get,
  i32,
  lanes as lanesOf,
  load,
  mul,
  select,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';
import { addressOf, coordinatesOf, mergeAxes, sizeOf, split, type Axis } from './contraction-axes.js';
import { TILE_VECTORS, type KSteps } from './contraction-tile.js';

export interface PackOptions {
  readonly lanes: number;
  /** The columns, by the second operand's strides in elements. */
  readonly columns: readonly Axis[];
  readonly steps: KSteps;
}

/**
 * Packs the vector of columns that begins at number `column`. Parameters of the result: `source` (the operand at this block of k, all columns
 * 0), `column`, `panel` (of this vector), `panelEnd`, `table`. Columns past the last repeat the last: what comes of them is dropped.
 */
export function packFunction(name: string, options: PackOptions): Func {
  const { lanes, steps } = options;
  const columns = mergeAxes(options.columns);
  const total = sizeOf(columns);
  const inner = columns.at(-1) ?? { extent: 1, stride: 0 };
  const outer = columns.slice(0, -1);
  const rowBytes = TILE_VECTORS * lanes * 4;
  return func(
    name,
    ['source', 'column', 'panel', 'panelEnd', 'table'],
    (b, source, column, panel, panelEnd, table) => {
      /** Goes along k; `read` makes the vector at a distance from the block's beginning. */
      const alongK = (read: (distance: Expr) => Expr): void => {
        if (steps.kind === 'stride') {
          const distance = b.variable(i32(0), 'distance');
          b.for(panel, panelEnd, rowBytes, (packed) => {
            b.store('f32', packed, read(get(distance)));
            b.set(distance, add(get(distance), i32(steps.bytes)));
          });
        } else {
          const entry = b.variable(table, 'entry');
          b.for(panel, panelEnd, rowBytes, (packed) => {
            b.store('f32', packed, read(b.let(load('i32', get(entry)))));
            b.set(entry, add(get(entry), i32(4)));
          });
        }
      };
      const irregular = (): void => {
        const starts = Array.from({ length: lanes }, (_, lane) => {
          const at = b.let(add(column, i32(lane)), 'column');
          const clamped = b.let(select(compare('lt', at, i32(total)), at, i32(total - 1)), 'column');
          return b.let(add(source, addressOf(b, clamped, columns, 4)), 'start');
        });
        alongK((distance) => lanesOf(starts.map((start) => load('f32', add(start, distance)))));
      };
      if (inner.extent < lanes) {
        irregular();
        return;
      }
      const [outerPart, innerPart] = outer.length === 0 ? [i32(0), column] : split(b, column, inner.extent);
      b.if(
        compare('le', innerPart, i32(inner.extent - lanes)),
        () => {
          const lowest = Math.min(0, (lanes - 1) * inner.stride);
          const start = add(
            add(source, addressOf(b, outerPart, outer, 4)),
            mul(innerPart, i32(inner.stride * 4)),
          );
          const base = b.let(add(start, i32(lowest * 4)), 'start');
          if (inner.stride === 1) alongK((distance) => load('f32', add(base, distance), 0, true));
          else {
            alongK((distance) => {
              const at = b.let(add(base, distance), 'at');
              return lanesOf(
                Array.from({ length: lanes }, (_, lane) =>
                  load('f32', at, (lane * inner.stride - lowest) * 4),
                ),
              );
            });
          }
        },
        irregular,
      );
    },
  );
}

/** Emits the filling of a table with the distance in bytes of every position of `axes`. */
export function fillTable(b: Builder, table: Expr, axes: readonly Axis[]): void {
  const merged = mergeAxes(axes);
  const entry = b.variable(table, 'entry');
  b.for(i32(0), i32(sizeOf(merged)), 1, (position) => {
    const coordinates = coordinatesOf(
      b,
      position,
      merged.map(({ extent }) => extent),
    );
    const distance = merged.reduce<Expr>(
      (sum, { stride }, axis) => add(sum, mul(coordinates[axis] ?? i32(0), i32(stride * 4))),
      i32(0),
    );
    b.store('i32', get(entry), distance);
    b.set(entry, add(get(entry), i32(4)));
  });
}
