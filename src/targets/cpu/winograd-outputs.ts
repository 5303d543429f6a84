/** The way out of a Winograd convolution: the transform of products back, the epilogue and its stores. */
import type { WinogradKernel } from '../../compiler/kernel.js';
import { visit } from '../../compiler/scalar-expr.js';
import { split } from './contraction-axes.js';
import type { ContractionOptions } from './contraction.js';
import type { MergedStores } from './contraction-stores.js';
import { add, binary, func, get, i32, load, mul, sub, type Expr, type Func } from './ir.js';
import { writePlanes } from './winograd-pixels.js';
import type { WinogradLayout, WinogradPlan } from './winograd-plan.js';
import { transformTilesOut, type TilePlaces } from './winograd-tiles.js';
import { OUTPUT, TILE_OUTPUTS } from './winograd-transforms.js';

/**
 * `<name>_outputs<n>`, for each width of panels, finishes the output channels of a panel. Parameters: `table`, `image` (the first), `images`, `row` (the first, of
 * tiles), `rows`, `channel` (the first), `scratch`.
 */
export function outputFunctions(
  kernel: WinogradKernel,
  plan: WinogradPlan,
  layout: WinogradLayout,
  merged: MergedStores,
  options: ContractionOptions,
): Func[] {
  const { name } = kernel;
  const { library } = options;
  const { lanes } = options.machine;
  const { mosaic, panels } = plan;
  const planeShape = { width: kernel.x.extent, pixelRow: layout.resultRow, planeBytes: layout.planeBytes };
  const perMosaic = mosaic.down * mosaic.across;
  const outputs = panels.map((panel, n) => {
    const places: TilePlaces = {
      across: plan.across,
      pixelRow: layout.resultRow,
      tileBytes: panel.width * 4,
      pointBytes: layout.productPoint,
    };
    return func(
      `${name}_outputs${n}`,
      ['table', 'image', 'images', 'row', 'rows', 'channel', 'scratch'],
      (b, table, image, images, row, rows, channel, scratch) => {
        const results = b.let(add(scratch, i32(layout.results)), 'results');
        const planes = b.let(add(scratch, i32(layout.planes)), 'planes');
        const mosaicBytes = b.let(mul(rows, i32(plan.across * panel.width * 4)), 'mosaicBytes');
        const y = b.let(mul(row, i32(TILE_OUTPUTS)), 'y');
        const height = b.let(
          binary('minS', mul(rows, i32(TILE_OUTPUTS)), sub(i32(kernel.y.extent), y)),
          'height',
        );
        const end = b.let(
          binary('minS', add(channel, i32(panel.width)), i32(kernel.outChannel.extent)),
          'end',
        );
        const block = b.variable(add(scratch, i32(layout.products)), 'block');
        b.for(channel, end, lanes, (first) => {
          const products = b.variable(get(block), 'products');
          const last = b.let(binary('minS', add(first, i32(lanes)), end), 'last');
          /** The epilogue of an image whose first pixel is at `pixels`. */
          const finish = (of: Expr, pixels: Expr, from: Expr, count: Expr): void => {
            writePlanes(b, library, lanes, planeShape, [pixels, planes, count]);
            const plane = b.variable(planes, 'plane');
            b.for(first, last, 1, (outChannel) => {
              b.call(`${name}_results`, table, of, outChannel, from, count, get(plane));
              b.set(plane, add(get(plane), i32(layout.planeBytes)));
            });
          };
          b.for(i32(0), images, perMosaic, (firstImage) => {
            transformTilesOut(b, library, lanes, OUTPUT, places, [get(products), results, rows]);
            b.set(products, add(get(products), mosaicBytes));
            if (perMosaic === 1) {
              finish(add(image, firstImage), results, y, height);
              return;
            }
            const count = b.let(binary('minS', i32(perMosaic), sub(images, firstImage)), 'count');
            b.for(i32(0), count, 1, (each) => {
              const [down, across] = split(b, each, mosaic.across);
              const shift = add(
                mul(down, i32(mosaic.rowPeriod * layout.resultRow)),
                mul(across, i32(mosaic.columnPeriod * lanes * 4)),
              );
              finish(
                b.let(add(add(image, firstImage), each)),
                add(results, shift),
                i32(0),
                i32(kernel.y.extent),
              );
            });
          });
          b.set(block, add(get(block), i32(lanes * 4)));
        });
      },
    );
  });
  return [resultsFunction(kernel, merged, options), ...outputs];
}

/** The epilogue. Parameters: `table`, `image`, `channel`, `y` (the first), `height`, `finished`. */
function resultsFunction(kernel: WinogradKernel, merged: MergedStores, options: ContractionOptions): Func {
  const { lanes } = options.machine;
  const { stores, groups } = merged;
  const [imageVariables = [], channelVariables = [], positions = []] = groups;
  const along = positions.at(-1);
  let vector = along !== undefined;
  visit(
    stores.map(({ value }) => value),
    ({ dtype }) => {
      // There are no vectors of float64.
      if (dtype === 'float64') vector = false;
    },
  );
  return func(
    `${kernel.name}_results`,
    ['table', 'image', 'channel', 'y', 'height', 'finished'],
    (b, table, image, channel, y, height, finished) => {
      const emitter = options.results(b, table, stores);
      const outside = new Map([
        ...imageVariables.map((v) => [v, image] as const),
        ...channelVariables.map((v) => [v, channel] as const),
      ]);
      /** `count` neighbours, the first of which is `first`. */
      const run = (first: Expr, count: Expr, source: Expr): void => {
        if (along === undefined) return;
        const step = (from: Expr, to: Expr, by: number): void => {
          b.for(from, to, by, (i) => {
            const sum = b.let(load('f32', add(source, mul(i, i32(4))), 0, by > 1), 'sum');
            emitter.scope(
              new Map([[along, b.let(add(first, i))]]),
              () => {
                emitter.store(sum);
              },
              by > 1 ? along : undefined,
            );
          });
        };
        const whole = vector ? b.let(binary('and', count, i32(-lanes)), 'whole') : i32(0);
        if (vector) step(i32(0), whole, lanes);
        step(whole, count, 1);
      };
      const width = kernel.x.extent;
      emitter.scope(outside, () => {
        const [line] = positions;
        if (positions.length === 1 || line === undefined) {
          run(b.let(mul(y, i32(width))), b.let(mul(height, i32(width))), finished);
          return;
        }
        b.for(i32(0), height, 1, (i) => {
          emitter.scope(new Map([[line, b.let(add(y, i))]]), () => {
            run(i32(0), i32(width), b.let(add(finished, mul(i, i32(width * 4)))));
          });
        });
      });
    },
  );
}
