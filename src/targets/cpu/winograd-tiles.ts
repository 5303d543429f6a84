/** Winograd's transforms of tiles, L channels at a time. */
import { add, func, get, i32, load, type Func } from './ir.js';
import { TILE_INPUTS, TILE_OUTPUTS, transformSquare, type Transform } from './winograd-transforms.js';

/**
 * Transforms rows of tiles of pixels. Parameters: `pixels` (of the first tile), `target` (point 0 of the first tile; the next tile lies `tileBytes` on), `rows`
 * (of tiles).
 */
export function tilesInFunction(
  name: string,
  lanes: number,
  transform: Transform,
  places: {
    readonly across: number;
    readonly pixelRow: number;
    readonly tileBytes: number;
    /** From point to point. */
    readonly pointBytes: number;
  },
): Func {
  const { across, pixelRow, tileBytes, pointBytes } = places;
  const pixel = lanes * 4;
  return func(name, ['pixels', 'target', 'rows'], (b, pixels, target, rows) => {
    const line = b.variable(pixels, 'line');
    const to = b.variable(target, 'to');
    b.for(i32(0), rows, 1, () => {
      const from = b.variable(get(line), 'from');
      b.for(i32(0), i32(across), 1, () => {
        transformSquare(
          b,
          transform,
          (row, column) => load('f32', get(from), row * pixelRow + column * pixel, true),
          (row, column, value) => {
            b.store('f32', get(to), value, (row * TILE_INPUTS + column) * pointBytes);
          },
        );
        b.set(from, add(get(from), i32(TILE_OUTPUTS * pixel)));
        b.set(to, add(get(to), i32(tileBytes)));
      });
      b.set(line, add(get(line), i32(TILE_OUTPUTS * pixelRow)));
    });
  });
}

/** Transforms products back into pixels: the reverse of {@link tilesInFunction}. Parameters: `products`, `pixels`, `rows` (of tiles). */
export function tilesOutFunction(
  name: string,
  lanes: number,
  transform: Transform,
  places: {
    readonly across: number;
    readonly pixelRow: number;
    readonly tileBytes: number;
    readonly pointBytes: number;
  },
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
