/** Packing: columns of the second operand, a tile's width of them, k after k, into panels that the inner kernel reads straight through. */
import {
  add,
  binary,
  compare,
  func,
  get,
  i32,
  lanes as lanesOf,
  load,
  loadStrided,
  mul,
  select,
  sub,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';
import { addressOf, mergeAxes, sizeOf, split, type Axis } from './contraction-axes.js';
import type { KSteps } from './contraction-tile.js';
import { panelWidth, type Machine } from './machine.js';

export interface PackOptions {
  readonly machine: Machine;
  /** The columns, by the second operand's strides in elements. */
  readonly columns: readonly Axis[];
  readonly steps: KSteps;
  /** Steps of k one after the other that are neighbours in the second operand. */
  readonly runs: number;
  /** Panels that are packed together. */
  readonly panels: number;
  /** From panel to panel. */
  readonly panelBytes: number;
}

/**
 * Packs up to `panels` panels. Parameters of the result: `source` (the operand at this block of k, all columns 0), `column` (the
 * first), `count` (of panels), `panel` (the first), `size` (steps of k), `table`. Columns past the last repeat the last: what comes of them is
 * dropped.
 */
export function packFunctions(name: string, options: PackOptions): Func[] {
  const { machine, panels, panelBytes } = options;
  const { lanes, tile } = machine;
  const columns = mergeAxes(options.columns);
  const inner = columns.at(-1) ?? { extent: 1, stride: 0 };
  const width = panelWidth(machine);
  const together = inner.stride === 1 && inner.extent >= panels * width;
  const vector = vectorFunction(`${name}_vector`, options);
  const all = func(
    name,
    ['source', 'column', 'count', 'panel', 'size', 'table'],
    (b, source, column, count, panel, size, table) => {
      const bytes = b.let(mul(size, i32(width * 4)), 'bytes');
      const singly = (): void => {
        b.for(i32(0), count, 1, (p) => {
          for (let v = 0; v < tile.vectors; v++) {
            const first = b.let(add(add(column, mul(p, i32(width))), i32(v * lanes)), 'first');
            const target = b.let(add(add(panel, mul(p, i32(panelBytes))), i32(v * lanes * 4)), 'target');
            const pack = (): void => {
              b.call(vector.name, source, first, target, add(target, bytes), table);
            };
            if (v === 0) pack();
            else b.if(compare('lt', first, i32(sizeOf(columns))), pack);
          }
        });
      };
      if (!together) {
        singly();
        return;
      }
      const [outerPart, innerPart] = columns.length === 1 ? [i32(0), column] : split(b, column, inner.extent);
      b.if(
        binary(
          'and',
          compare('eq', count, i32(panels)),
          compare('le', innerPart, i32(inner.extent - panels * width)),
        ),
        () => {
          const start = add(
            add(source, addressOf(b, outerPart, columns.slice(0, -1), 4)),
            mul(innerPart, i32(4)),
          );
          const base = b.let(start, 'start');
          alongK(
            b,
            options.steps,
            table,
            panel,
            b.let(add(panel, bytes), 'end'),
            width * 4,
            (target, distance) => {
              const at = b.let(add(base, distance), 'at');
              for (let p = 0; p < panels; p++) {
                for (let v = 0; v < tile.vectors; v++) {
                  const values = load('f32', at, (p * tile.vectors + v) * lanes * 4, true);
                  b.store('f32', target, values, p * panelBytes + v * lanes * 4);
                }
              }
            },
          );
        },
        singly,
      );
    },
  );
  return [vector, all];
}

/** Whether turning squares pays: it must not be the rare case among runs of k. */
export const mayRun = (runs: number, lanes: number): boolean => runs >= 2 * lanes || runs === lanes;

/** Goes along k, and along a panel from `begin` to `end`; `visit` gets the place in the panel, and the distance from the block's beginning. */
function alongK(
  b: Builder,
  steps: KSteps,
  table: Expr,
  begin: Expr,
  end: Expr,
  rowBytes: number,
  visit: (target: Expr, distance: Expr) => void,
): void {
  if (steps.kind === 'stride') {
    const distance = b.variable(i32(0), 'distance');
    b.for(begin, end, rowBytes, (target) => {
      visit(target, get(distance));
      b.set(distance, add(get(distance), i32(steps.bytes)));
    });
  } else {
    const entry = b.variable(table, 'entry');
    b.for(begin, end, rowBytes, (target) => {
      visit(target, b.let(load('i32', get(entry))));
      b.set(entry, add(get(entry), i32(4)));
    });
  }
}

/**
 * Packs the vector of columns that begins at number `column`. Parameters of the result: `source`, `column`, `panel` and `panelEnd` (of this
 * vector), `table`.
 */
function vectorFunction(name: string, { machine, steps, ...options }: PackOptions): Func {
  const { lanes } = machine;
  const columns = mergeAxes(options.columns);
  const total = sizeOf(columns);
  const inner = columns.at(-1) ?? { extent: 1, stride: 0 };
  const outer = columns.slice(0, -1);
  return func(
    name,
    ['source', 'column', 'panel', 'panelEnd', 'table'],
    (b, source, column, panel, panelEnd, table) => {
      const rowBytes = panelWidth(machine) * 4;
      const fill = (read: (distance: Expr) => Expr): void => {
        alongK(b, steps, table, panel, panelEnd, rowBytes, (target, distance) => {
          b.store('f32', target, read(distance));
        });
      };
      const irregular = (): void => {
        const starts = Array.from({ length: lanes }, (_, lane) => {
          const at = b.let(add(column, i32(lane)), 'column');
          const clamped = b.let(select(compare('lt', at, i32(total)), at, i32(total - 1)), 'column');
          return b.let(add(source, addressOf(b, clamped, columns, 4)), 'start');
        });
        fill((distance) => lanesOf(starts.map((start) => load('f32', add(start, distance)))));
      };
      /** Where as many steps of k as there are lanes are neighbours, rows of columns are read, and turned. */
      const turned = (base: Expr, read: (distance: Expr) => Expr): void => {
        const at = b.variable(panel, 'at');
        const entry = b.variable(steps.kind === 'stride' ? i32(0) : table, 'entry');
        const one = (): void => {
          const distance = steps.kind === 'stride' ? get(entry) : load('i32', get(entry));
          b.store('f32', get(at), read(distance));
          b.set(at, add(get(at), i32(rowBytes)));
          b.set(entry, add(get(entry), i32(4)));
        };
        const square = (): void => {
          const first = b.let(
            add(base, steps.kind === 'stride' ? get(entry) : load('i32', get(entry))),
            'first',
          );
          const rows = Array.from({ length: lanes }, (_, lane) =>
            b.variable(load('f32', first, lane * inner.stride * 4, true), 'row'),
          );
          b.transpose(rows);
          rows.forEach((row, lane) => {
            b.store('f32', get(at), get(row), lane * rowBytes);
          });
          b.set(at, add(get(at), i32(lanes * rowBytes)));
          b.set(entry, add(get(entry), i32(4 * lanes)));
        };
        const last = b.let(sub(panelEnd, i32((lanes - 1) * rowBytes)), 'last');
        b.while(compare('lt', get(at), last), () => {
          if (steps.kind === 'stride') {
            square();
            return;
          }
          const reach = sub(load('i32', get(entry), 4 * (lanes - 1)), load('i32', get(entry)));
          b.if(compare('eq', reach, i32(4 * (lanes - 1))), square, one);
        });
        b.while(compare('lt', get(at), panelEnd), one);
      };
      if (inner.extent < lanes) {
        irregular();
        return;
      }
      const [outerPart, innerPart] = outer.length === 0 ? [i32(0), column] : split(b, column, inner.extent);
      b.if(
        compare('le', innerPart, i32(inner.extent - lanes)),
        () => {
          const start = add(
            add(source, addressOf(b, outerPart, outer, 4)),
            mul(innerPart, i32(inner.stride * 4)),
          );
          const base = b.let(start, 'start');
          const read = (distance: Expr): Expr => loadStrided('f32', add(base, distance), inner.stride);
          if (inner.stride > 1 && mayRun(options.runs, lanes)) turned(base, read);
          else fill(read);
        },
        irregular,
      );
    },
  );
}

/** Entries that are written one after the other instead of in a loop. */
const UNROLLED_ENTRIES = 16;

/** Emits the filling of a table with the distance in bytes of every position of `axes`: a loop for each axis, as units of work begin with it. */
export function fillTable(b: Builder, table: Expr, axes: readonly Axis[]): void {
  const entry = b.variable(table, 'entry');
  const along = ([axis, ...inner]: readonly Axis[], distance: Expr): void => {
    if (axis === undefined) return;
    const bytes = axis.stride * 4;
    if (inner.length > 0) {
      b.for(i32(0), i32(axis.extent), 1, (at) => {
        along(inner, b.let(add(distance, mul(at, i32(bytes))), 'distance'));
      });
    } else if (axis.extent <= UNROLLED_ENTRIES) {
      for (let at = 0; at < axis.extent; at++)
        b.store('i32', get(entry), add(distance, i32(at * bytes)), 4 * at);
      b.set(entry, add(get(entry), i32(4 * axis.extent)));
    } else {
      b.for(i32(0), i32(axis.extent), 1, (at) => {
        b.store('i32', get(entry), add(distance, mul(at, i32(bytes))));
        b.set(entry, add(get(entry), i32(4)));
      });
    }
  };
  along(mergeAxes(axes), i32(0));
}
