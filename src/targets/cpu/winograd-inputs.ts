/** The way in of a Winograd convolution: padding, and the transform of tiles of inputs. */
import type { WinogradKernel } from '../../compiler/kernel.js';
import { split } from './contraction-axes.js';
import type { FunctionLibrary } from './function-library.js';
import { add, binary, func, get, i32, mul, sub, type Func } from './ir.js';
import { bandOf, readPixels, type ImageShape } from './winograd-pixels.js';
import type { WinogradLayout, WinogradPlan } from './winograd-plan.js';
import { transformTilesIn, type TilePlaces } from './winograd-tiles.js';
import { INPUT, TILE_INPUTS, TILE_OUTPUTS } from './winograd-transforms.js';

/**
 * The function `<name>_inputs` transforms the tiles of a unit. Parameters: `source` (the first image), `images`, `row` (the first, of tiles), `rows`, `scratch`.
 */
export function inputFunction(
  kernel: WinogradKernel,
  plan: WinogradPlan,
  layout: WinogradLayout,
  lanes: number,
  library: FunctionLibrary,
): Func {
  const { name, input } = kernel;
  const [top, left] = kernel.padding;
  const { mosaic } = plan;
  const perMosaic = mosaic.down * mosaic.across;
  const strideOf = (v: WinogradKernel['channel']): number => input.strides.get(v) ?? 0;
  const channels = kernel.channel.extent;
  const lastChannels = channels % lanes;
  // Columns that no tile needs are left out.
  const needed = TILE_OUTPUTS * plan.across + TILE_INPUTS - TILE_OUTPUTS - left;
  const shape: ImageShape = {
    width: Math.min(kernel.inputColumn.extent, needed),
    channelStride: strideOf(kernel.channel),
    columnStride: strideOf(kernel.inputColumn),
    rowBytes: strideOf(kernel.inputRow) * 4,
    pixelRow: layout.pixelRow,
  };
  const tilePlaces: TilePlaces = {
    across: plan.across,
    pixelRow: layout.pixelRow,
    tileBytes: layout.inputTile,
    pointBytes: layout.inputPoint,
  };
  return func(
    `${name}_inputs`,
    ['source', 'images', 'row', 'rows', 'scratch'],
    (b, source, images, row, rows, scratch) => {
      // The rows of the image that are there; all others stay 0.
      const {
        begin,
        count: height,
        above,
      } = bandOf(b, row, rows, {
        height: kernel.inputRow.extent,
        above: top,
        overlap: TILE_INPUTS - TILE_OUTPUTS,
      });
      const pixels = b.let(add(scratch, i32(layout.pixels)), 'pixels');
      b.push({ kind: 'fillZero', address: pixels, length: i32(layout.pixelRows * layout.pixelRow) });
      const inside = add(add(pixels, mul(above, i32(layout.pixelRow))), i32(left * lanes * 4));
      const target = b.let(inside, 'inside');
      const from = b.variable(add(source, mul(begin, i32(strideOf(kernel.inputRow) * 4))), 'from');
      const into = b.variable(add(scratch, i32(layout.inputs)), 'into');
      const block = (blockChannels: number): void => {
        const image = b.variable(get(from), 'image');
        const tiles = b.variable(get(into), 'tiles');
        b.for(i32(0), images, perMosaic, (first) => {
          const count = b.let(binary('minS', i32(perMosaic), sub(images, first)), 'count');
          b.for(i32(0), count, 1, (each) => {
            const [down, across] = split(b, each, mosaic.across);
            const shift = add(
              mul(down, i32(mosaic.rowPeriod * layout.pixelRow)),
              mul(across, i32(mosaic.columnPeriod * lanes * 4)),
            );
            readPixels(b, library, lanes, blockChannels, shape, [get(image), add(target, shift), height]);
            b.set(image, add(get(image), i32(strideOf(kernel.image) * 4)));
          });
          transformTilesIn(b, library, lanes, INPUT, tilePlaces, [pixels, get(tiles), rows]);
          b.set(tiles, add(get(tiles), mul(rows, i32(plan.across * layout.inputTile))));
        });
      };
      if (channels >= lanes) {
        b.for(i32(0), i32(Math.floor(channels / lanes)), 1, () => {
          block(lanes);
          b.set(from, add(get(from), i32(strideOf(kernel.channel) * lanes * 4)));
          b.set(into, add(get(into), i32(lanes * 4)));
        });
      }
      if (lastChannels > 0) block(lastChannels);
    },
  );
}
