/**
 * Images as Winograd's kernels want them: L channels of a pixel side by side, so that all transforms are arithmetic of whole vectors, whatever the
 * width of an image.
 */
import type { FunctionLibrary } from './function-library.js';
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
 * Calls the function that reads `count` rows of `channels` channels, at most L, from `source` (of the first channel) into pixels at `target`; further lanes hold
 * whatever is cheap. Images whose elements lie alike have one function in common.
 */
export function readPixels(
  b: Builder,
  library: FunctionLibrary,
  lanes: number,
  channels: number,
  image: ImageShape,
  [source, target, count]: readonly [source: Expr, target: Expr, count: Expr],
): void {
  const { width, channelStride, columnStride } = image;
  const way = channelStride === 1 ? 'beside' : columnStride === 1 ? 'turned' : 'apart';
  const [groups, rest] = [Math.floor(width / lanes), width % lanes];
  const groupings = groups > 0 ? 'groups' : 'none';
  const { name } = library.get(`winogradPixels_${way}_${channels}_${groupings}_${rest}`, (each) =>
    readPixelsFunction(each, { lanes, channels, way, hasGroups: groups > 0, rest }),
  );
  const bytes = [groups, channelStride * 4, columnStride * 4, image.rowBytes, image.pixelRow];
  b.call(name, source, target, count, ...bytes.map(i32));
}

/** What the code that reads pixels depends on. */
interface PixelReader {
  readonly lanes: number;
  readonly channels: number;
  /** Where the channels of a pixel lie: side by side; where those of its neighbours are side by side, so that squares are turned; or anywhere. */
  readonly way: 'beside' | 'turned' | 'apart';
  /** Whether there are whole groups of L columns, and how many columns there are behind the last of them. */
  readonly hasGroups: boolean;
  readonly rest: number;
}

function readPixelsFunction(name: string, { lanes, channels, way, hasGroups, rest }: PixelReader): Func {
  const parameters = [
    'source',
    'target',
    'count',
    'groups',
    'channelBytes',
    'columnBytes',
    'rowBytes',
    'pixelRow',
  ];
  return func(
    name,
    parameters,
    (b, source, target, count, groups, channelBytes, columnBytes, rowBytes, pixelRow) => {
      const from = b.variable(source, 'from');
      const to = b.variable(target, 'to');
      /** Where the channels of a column lie; there are as many as lanes, but the last one is repeated. */
      const channelsOf = (column: Expr): Expr[] => {
        const places = [column];
        for (let lane = 1; lane < lanes; lane++) {
          const before = places[lane - 1] as Expr;
          places.push(lane < channels ? b.let(add(before, channelBytes), 'at') : before);
        }
        return places;
      };
      const store = (column: Expr, pixel: number, value: Expr): void => {
        b.store('f32', column, value, pixel * lanes * 4);
      };
      /** `pixels` neighbours. */
      const group = (column: Expr, into: Expr, pixels: number): void => {
        if (way === 'turned' && pixels > 1) {
          const rows = channelsOf(column).map((at) => b.variable(load('f32', at, 0, true), 'row'));
          b.transpose(rows);
          rows.slice(0, pixels).forEach((row, pixel) => {
            store(into, pixel, get(row));
          });
          return;
        }
        let at = column;
        for (let pixel = 0; pixel < pixels; pixel++) {
          if (pixel > 0) at = b.let(add(at, columnBytes), 'at');
          const value =
            way === 'beside'
              ? load('f32', at, 0, true)
              : lanesOf(channelsOf(at).map((place) => load('f32', place)));
          store(into, pixel, value);
        }
      };
      const groupBytes = b.let(mul(columnBytes, i32(lanes)), 'groupBytes');
      b.for(i32(0), count, 1, () => {
        const column = b.variable(get(from), 'column');
        const into = b.variable(get(to), 'into');
        if (hasGroups) {
          b.for(i32(0), groups, 1, () => {
            group(get(column), get(into), lanes);
            b.set(column, add(get(column), groupBytes));
            b.set(into, add(get(into), i32(lanes * lanes * 4)));
          });
        }
        if (rest > 0) group(get(column), get(into), rest);
        b.set(from, add(get(from), rowBytes));
        b.set(to, add(get(to), pixelRow));
      });
    },
  );
}

/** How planes lie: rows of `width` elements without gaps; all else in bytes. */
export interface PlaneShape {
  readonly width: number;
  readonly pixelRow: number;
  readonly planeBytes: number;
}

/**
 * Calls the function that writes `count` rows of pixels at `source` as L planes, one for each channel, at `target`. Whole vectors are written, so what lies behind a
 * plane's last element is overwritten too.
 */
export function writePlanes(
  b: Builder,
  library: FunctionLibrary,
  lanes: number,
  { width, pixelRow, planeBytes }: PlaneShape,
  [source, target, count]: readonly [source: Expr, target: Expr, count: Expr],
): void {
  const { name } = library.get('winogradPlanes', (each) => writePlanesFunction(each, lanes));
  b.call(name, source, target, count, i32(width), i32(pixelRow), i32(planeBytes));
}

function writePlanesFunction(name: string, lanes: number): Func {
  const parameters = ['source', 'target', 'count', 'width', 'pixelRow', 'planeBytes'];
  return func(name, parameters, (b, source, target, count, width, pixelRow, planeBytes) => {
    const from = b.variable(source, 'from');
    const to = b.variable(target, 'to');
    b.for(i32(0), count, 1, () => {
      b.for(i32(0), width, lanes, (column) => {
        const pixels = b.let(add(get(from), mul(column, i32(lanes * 4))), 'pixels');
        const square = Array.from({ length: lanes }, (_, n) =>
          b.variable(load('f32', pixels, n * lanes * 4, true), 'pixel'),
        );
        b.transpose(square);
        const plane = b.variable(add(get(to), mul(column, i32(4))), 'plane');
        for (const row of square) {
          b.store('f32', get(plane), get(row));
          b.set(plane, add(get(plane), planeBytes));
        }
      });
      b.set(from, add(get(from), pixelRow));
      b.set(to, add(get(to), mul(width, i32(4))));
    });
  });
}
