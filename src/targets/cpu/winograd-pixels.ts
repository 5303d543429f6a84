/**
 * Images as Winograd's kernels want them: L channels of a pixel side by side, so that all transforms are arithmetic of whole vectors, whatever the
 * width of an image.
 */
import {
  add,
  binary,
  func,
  get,
  i32,
  lanes as lanesOf,
  load,
  mul,
  sub,
  type Builder,
  type Expr,
  type Func,
} from './ir.js';
import { TILE_OUTPUTS } from './winograd-transforms.js';

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

/** How the elements of an image lie. */
export interface ImageShape {
  /** Columns to read. */
  readonly width: number;
  /** From channel to channel and from column to column in elements, from row to row in bytes. */
  readonly channelStride: number;
  readonly columnStride: number;
  readonly rowBytes: number;
  /** From row to row of pixels, in bytes. */
  readonly pixelRow: number;
}

/**
 * Reads rows of `channels` channels, at most L; further lanes hold whatever is cheap. Parameters: `source` (of the first channel), `target` (pixels), `count`
 * (of rows).
 */
export function readPixelsFunction(name: string, lanes: number, channels: number, image: ImageShape): Func {
  const { width, channelStride, columnStride } = image;
  return func(name, ['source', 'target', 'count'], (b, source, target, count) => {
    const from = b.variable(source, 'from');
    const to = b.variable(target, 'to');
    const read = (lane: number, column: Expr, vector: boolean): Expr => {
      const place = Math.min(lane, channels - 1) * channelStride * 4;
      // Constant distances are never negative in the loop IR.
      return place >= 0
        ? load('f32', column, place, vector)
        : load('f32', add(column, i32(place)), 0, vector);
    };
    const store = (column: Expr, pixel: number, value: Expr): void => {
      b.store('f32', column, value, pixel * lanes * 4);
    };
    const each = Array.from({ length: lanes });
    /** `pixels` neighbours. */
    const group = (column: Expr, into: Expr, pixels: number): void => {
      if (columnStride === 1 && channelStride !== 1 && pixels > 1) {
        const rows = each.map((_, lane) => b.variable(read(lane, column, true), 'row'));
        b.transpose(rows);
        rows.slice(0, pixels).forEach((row, pixel) => {
          store(into, pixel, get(row));
        });
        return;
      }
      for (let pixel = 0; pixel < pixels; pixel++) {
        const at = pixel === 0 ? column : b.let(add(column, i32(pixel * columnStride * 4)), 'at');
        const value =
          channelStride === 1
            ? load('f32', at, 0, true)
            : lanesOf(each.map((_, lane) => read(lane, at, false)));
        store(into, pixel, value);
      }
    };
    const whole = Math.floor(width / lanes) * lanes;
    const rest = width - whole;
    b.for(i32(0), count, 1, () => {
      const column = b.variable(get(from), 'column');
      const into = b.variable(get(to), 'into');
      if (whole > 0) {
        b.for(i32(0), i32(whole), lanes, () => {
          group(get(column), get(into), lanes);
          b.set(column, add(get(column), i32(lanes * columnStride * 4)));
          b.set(into, add(get(into), i32(lanes * lanes * 4)));
        });
      }
      if (rest > 0) group(get(column), get(into), rest);
      b.set(from, add(get(from), i32(image.rowBytes)));
      b.set(to, add(get(to), i32(image.pixelRow)));
    });
  });
}

/**
 * Writes pixels as L planes, one for each channel: rows of `width` elements without gaps. Whole vectors are written, so what lies behind a plane's last element is
 * overwritten too. Parameters: `source` (pixels), `target`, `count` (of rows).
 */
export function writePlanesFunction(
  name: string,
  lanes: number,
  options: { readonly width: number; readonly pixelRow: number; readonly planeBytes: number },
): Func {
  const { width, pixelRow, planeBytes } = options;
  return func(name, ['source', 'target', 'count'], (b, source, target, count) => {
    const from = b.variable(source, 'from');
    const to = b.variable(target, 'to');
    b.for(i32(0), count, 1, () => {
      b.for(i32(0), i32(width), lanes, (column) => {
        const pixels = b.let(add(get(from), mul(column, i32(lanes * 4))), 'pixels');
        const into = b.let(add(get(to), mul(column, i32(4))), 'into');
        const square = Array.from({ length: lanes }, (_, n) =>
          b.variable(load('f32', pixels, n * lanes * 4, true), 'pixel'),
        );
        b.transpose(square);
        square.forEach((row, channel) => {
          b.store('f32', into, get(row), channel * planeBytes);
        });
      });
      b.set(from, add(get(from), i32(pixelRow)));
      b.set(to, add(get(to), i32(width * 4)));
    });
  });
}
