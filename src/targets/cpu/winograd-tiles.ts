/** Winograd's transforms of tiles, L channels at a time. */
import type { FunctionLibrary } from './function-library.js';
import { add, func, get, i32, load, mul, type Builder, type Expr, type Func } from './ir.js';
import { TILE_INPUTS, TILE_OUTPUTS, transformSquare, type Transform } from './winograd-transforms.js';

/** How tiles lie on both sides of a transform, in bytes but for `across`. */
export interface TilePlaces {
  /** Tiles in a row. */
  readonly across: number;
  /** From row to row of pixels. */
  readonly pixelRow: number;
  /** From tile to tile, and from point to point, of what is transformed. */
  readonly tileBytes: number;
  readonly pointBytes: number;
}

/**
 * Calls the function that transforms `rows` rows of tiles of pixels, the first tile at `pixels`; point 0 of the first result goes to `target`. One function of a
 * program does so for kernels of all shapes: it is long, and what differs costs it one addition for each point.
 */
export function transformTilesIn(
  b: Builder,
  library: FunctionLibrary,
  lanes: number,
  transform: Transform,
  places: TilePlaces,
  [pixels, target, rows]: readonly [pixels: Expr, target: Expr, rows: Expr],
): void {
  const { name } = library.get(`winogradTilesIn_${transform.name}`, (each) =>
    tilesInFunction(each, lanes, transform),
  );
  const { across, pixelRow, tileBytes, pointBytes } = places;
  b.call(name, pixels, target, rows, i32(across), i32(pixelRow), i32(tileBytes), i32(pointBytes));
}

function tilesInFunction(name: string, lanes: number, transform: Transform): Func {
  const pixel = lanes * 4;
  const parameters = ['pixels', 'target', 'rows', 'across', 'pixelRow', 'tileBytes', 'pointBytes'];
  return func(name, parameters, (b, pixels, target, rows, across, pixelRow, tileBytes, pointBytes) => {
    const line = b.variable(pixels, 'line');
    const to = b.variable(target, 'to');
    const down = b.let(mul(pixelRow, i32(TILE_OUTPUTS)), 'down');
    b.for(i32(0), rows, 1, () => {
      const from = b.variable(get(line), 'from');
      b.for(i32(0), across, 1, () => {
        const lines: Expr[] = [get(from)];
        for (let row = 1; row < transform.inputs; row++)
          lines.push(b.let(add(lines[row - 1] as Expr, pixelRow), 'row'));
        // Results come in the order of their points.
        const point = b.variable(get(to), 'point');
        transformSquare(
          b,
          transform,
          (row, column) => load('f32', lines[row] as Expr, column * pixel, true),
          (_row, _column, value) => {
            b.store('f32', get(point), value);
            b.set(point, add(get(point), pointBytes));
          },
        );
        b.set(from, add(get(from), i32(TILE_OUTPUTS * pixel)));
        b.set(to, add(get(to), tileBytes));
      });
      b.set(line, add(get(line), down));
    });
  });
}

/** Transforms products back into pixels: the reverse of {@link transformTilesIn}. Parameters: `products`, `pixels`, `rows` (of tiles). */
export function tilesOutFunction(
  name: string,
  lanes: number,
  transform: Transform,
  places: TilePlaces,
): Func {
  const { across, pixelRow, tileBytes, pointBytes } = places;
  const pixel = lanes * 4;
  return func(name, ['products', 'pixels', 'rows'], (b, products, pixels, rows) => {
    const from = b.variable(products, 'from');
    const line = b.variable(pixels, 'line');
    b.for(i32(0), rows, 1, () => {
      const to = b.variable(get(line), 'to');
      b.for(i32(0), i32(across), 1, () => {
        transformSquare(
          b,
          transform,
          (row, column) => load('f32', get(from), (row * TILE_INPUTS + column) * pointBytes, true),
          (row, column, value) => {
            b.store('f32', get(to), value, row * pixelRow + column * pixel);
          },
        );
        b.set(from, add(get(from), i32(tileBytes)));
        b.set(to, add(get(to), i32(TILE_OUTPUTS * pixel)));
      });
      b.set(line, add(get(line), i32(TILE_OUTPUTS * pixelRow)));
    });
  });
}
