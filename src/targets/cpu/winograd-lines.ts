/** What both of Winograd's kernels do first with an image: pad it with zeros, and transform its columns, tile row by tile row. */
import {
  add,
  binary,
  func,
  get,
  i32,
  load,
  loadStrided,
  mul,
  sub,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';
import { TILE_INPUTS, TILE_OUTPUTS } from './winograd-transforms.js';

/** The part of an image that some rows of tiles need. */
export interface Band {
  /** The first row that is there, and how many. */
  readonly begin: Expr;
  readonly count: Expr;
  /** Rows of zeros above it. */
  readonly above: Expr;
}

/** `rows` rows of tiles from `row` on, in an image of `height` rows under `above` rows of zeros; tiles overlap by `overlap`. */
export function bandOf(
  b: Builder,
  row: Expr,
  rows: Expr,
  options: { readonly height: number; readonly above: number; readonly overlap: number },
): Band {
  const first = b.let(sub(mul(row, i32(TILE_OUTPUTS)), i32(options.above)), 'first');
  const begin = b.let(binary('maxS', first, i32(0)), 'begin');
  const bottom = add(first, add(mul(rows, i32(TILE_OUTPUTS)), i32(options.overlap)));
  return {
    begin,
    count: b.let(sub(binary('minS', bottom, i32(options.height)), begin), 'count'),
    above: b.let(sub(begin, first), 'above'),
  };
}

/** Copies rows of an image between zeros. Parameters: `source`, `target`, `count` (of rows). */
export function copyFunction(
  name: string,
  options: {
    readonly lanes: number;
    /** Columns, at least a vector of them. */
    readonly width: number;
    /** From column to column, in elements, and from row to row, in bytes. */
    readonly stride: number;
    readonly rowBytes: number;
    readonly paddedRow: number;
  },
): Func {
  const { lanes, width, stride } = options;
  return func(name, ['source', 'target', 'count'], (b, source, target, count) => {
    const from = b.variable(source, 'from');
    const to = b.variable(target, 'to');
    const vector = (column: number | Expr): void => {
      const at = typeof column === 'number' ? i32(column) : column;
      const read = add(get(from), mul(at, i32(stride * 4)));
      b.store('f32', add(get(to), mul(at, i32(4))), loadStrided('f32', read, stride));
    };
    b.for(i32(0), count, 1, () => {
      const whole = Math.floor(width / lanes);
      if (whole <= 8) for (let v = 0; v < whole; v++) vector(v * lanes);
      else b.for(i32(0), i32(whole * lanes), lanes, vector);
      // The last vector overlaps the one before.
      if (width % lanes !== 0) vector(width - lanes);
      b.set(from, add(get(from), i32(options.rowBytes)));
      b.set(to, add(get(to), i32(options.paddedRow)));
    });
  });
}

/** Transforms `inputs` rows along columns into 6 lines for each row of tiles. Parameters: `padded`, `lines`, `rows` (of tiles). */
export function linesFunction(
  name: string,
  options: {
    readonly lanes: number;
    readonly paddedRow: number;
    readonly inputs: number;
    readonly transform: (b: Builder, inputs: readonly Expr[]) => Expr[];
  },
): Func {
  const { lanes, paddedRow, inputs, transform } = options;
  return func(name, ['padded', 'lines', 'rows'], (b, padded, lines, rows) => {
    b.for(i32(0), rows, 1, (row) => {
      const from = b.let(add(padded, mul(row, i32(TILE_OUTPUTS * paddedRow))), 'from');
      const to = b.let(add(lines, mul(row, i32(TILE_INPUTS * paddedRow))), 'to');
      b.for(i32(0), i32(paddedRow), lanes * 4, (column) => {
        const at = b.let(add(from, column), 'at');
        const target = b.let(add(to, column), 'target');
        const values = Array.from({ length: inputs }, (_, i) =>
          b.let(load('f32', at, i * paddedRow, true), 'd'),
        );
        transform(b, values).forEach((value, i) => {
          b.store('f32', target, value, i * paddedRow);
        });
      });
    });
  });
}
