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
        const lines = chain(b, get(from), pixelRow, transform.inputs);
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

/**
 * Calls the function that transforms products back into pixels, the reverse of {@link transformTilesIn}: `rows` rows of tiles, point 0 of the first at `products`, whose
 * first pixel goes to `pixels`.
 */
export function transformTilesOut(
  b: Builder,
  library: FunctionLibrary,
  lanes: number,
  transform: Transform,
  places: TilePlaces,
  [products, pixels, rows]: readonly [products: Expr, pixels: Expr, rows: Expr],
): void {
  const { name } = library.get(`winogradTilesOut_${transform.name}`, (each) =>
    tilesOutFunction(each, lanes, transform),
  );
  const { across, pixelRow, tileBytes, pointBytes } = places;
  b.call(name, products, pixels, rows, i32(across), i32(pixelRow), i32(tileBytes), i32(pointBytes));
}

function tilesOutFunction(name: string, lanes: number, transform: Transform): Func {
  const pixel = lanes * 4;
  const parameters = ['products', 'pixels', 'rows', 'across', 'pixelRow', 'tileBytes', 'pointBytes'];
  return func(name, parameters, (b, products, pixels, rows, across, pixelRow, tileBytes, pointBytes) => {
    const from = b.variable(products, 'from');
    const line = b.variable(pixels, 'line');
    const down = b.let(mul(pixelRow, i32(TILE_OUTPUTS)), 'down');
    const pointRow = b.let(mul(pointBytes, i32(TILE_INPUTS)), 'pointRow');
    const columns = chain(b, i32(0), pointBytes, TILE_INPUTS);
    b.for(i32(0), rows, 1, () => {
      const to = b.variable(get(line), 'to');
      b.for(i32(0), across, 1, () => {
        const points = chain(b, get(from), pointRow, transform.inputs);
        const lines = chain(b, get(to), pixelRow, TILE_OUTPUTS);
        transformSquare(
          b,
          transform,
          (row, column) => load('f32', add(points[row] as Expr, columns[column] as Expr), 0, true),
          (row, column, value) => {
            b.store('f32', lines[row] as Expr, value, column * pixel);
          },
        );
        b.set(from, add(get(from), tileBytes));
        b.set(to, add(get(to), i32(TILE_OUTPUTS * pixel)));
      });
      b.set(line, add(get(line), down));
    });
  });
}

/** `count` addresses `step` apart. */
function chain(b: Builder, first: Expr, step: Expr, count: number): Expr[] {
  const places = [first];
  for (let n = 1; n < count; n++) places.push(b.let(add(places[n - 1] as Expr, step), 'place'));
  return places;
}
