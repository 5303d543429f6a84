/** The way out of a Winograd convolution: the transform of products back, the epilogue and its stores. */
import type { WinogradKernel } from '../../compiler/kernel.js';
import { visit } from '../../compiler/scalar-expr.js';
import { split } from './contraction-axes.js';
import type { ContractionOptions } from './contraction.js';
import type { MergedStores } from './contraction-stores.js';
import { TILE_VECTORS } from './winograd-plan.js';
import { add, binary, extract, func, get, i32, load, mul, sub, type Expr, type Func } from './ir.js';
import { copyFunction } from './winograd-lines.js';
import type { WinogradLayout, WinogradPlan } from './winograd-plan.js';
import { six, TILE_INPUTS, TILE_OUTPUTS, transformOutput } from './winograd-transforms.js';

/**
 * `<name>_outputs` finishes some output channels of a unit. Parameters: `table`, `image` (the first), `images`, `row` (the first, of tiles), `rows`,
 * `channel` (the first), `channels`, `panels`, `scratch`.
 */
export function outputFunctions(
  kernel: WinogradKernel,
  plan: WinogradPlan,
  layout: WinogradLayout,
  merged: MergedStores,
  options: ContractionOptions,
): Func[] {
  const { name } = kernel;
  const { lanes } = options.machine;
  const { mosaic } = plan;
  const perMosaic = mosaic.down * mosaic.across;
  const all = func(
    `${name}_outputs`,
    ['table', 'image', 'images', 'row', 'rows', 'channel', 'channels', 'panels', 'scratch'],
    (b, table, image, images, row, rows, channel, channels, panels, scratch) => {
      const products = b.variable(add(scratch, i32(layout.products)), 'products');
      const sums = b.let(add(scratch, i32(layout.sums)), 'sums');
      const finished = b.let(add(scratch, i32(layout.finished)), 'finished');
      const single = b.let(add(scratch, i32(layout.image)), 'single');
      const y = b.let(mul(row, i32(TILE_OUTPUTS)), 'y');
      const height = b.let(
        binary('minS', mul(rows, i32(TILE_OUTPUTS)), sub(i32(kernel.y.extent), y)),
        'height',
      );
      b.for(channel, add(channel, channels), 1, (outChannel) => {
        b.call(`${name}_sums`, get(products), sums, scratch, panels);
        const sum = b.variable(sums, 'sum');
        b.for(i32(0), images, perMosaic, (first) => {
          b.call(`${name}_finish`, get(sum), finished, rows);
          b.set(sum, add(get(sum), i32(layout.sumMosaic)));
          if (perMosaic === 1) {
            b.call(`${name}_results`, table, add(image, first), outChannel, y, height, finished);
            return;
          }
          const count = b.let(binary('minS', i32(perMosaic), sub(images, first)), 'count');
          b.for(i32(0), count, 1, (each) => {
            const [down, across] = split(b, each, mosaic.across);
            const shift = add(
              mul(down, i32(mosaic.rowPeriod * layout.finishedRow)),
              mul(across, i32(mosaic.columnPeriod * 4)),
            );
            b.call(`${name}_cut`, add(finished, shift), single, i32(kernel.y.extent));
            b.call(
              `${name}_results`,
              table,
              add(add(image, first), each),
              outChannel,
              i32(0),
              i32(kernel.y.extent),
              single,
            );
          });
        });
        b.set(products, add(get(products), i32(TILE_VECTORS * lanes * 4)));
      });
    },
  );
  return [
    sumsFunction(kernel, layout, lanes),
    finishFunction(kernel, layout, lanes),
    ...(perMosaic === 1 ? [] : [cutFunction(kernel, layout, lanes)]),
    resultsFunction(kernel, merged, options),
    all,
  ];
}

/** Transforms back along rows, L tiles at a time. Parameters: `products` (of this channel, in the first panel), `sums`, `scratch`, `panels`. */
function sumsFunction(kernel: WinogradKernel, layout: WinogradLayout, lanes: number): Func {
  const { productPoint, productPanel, sumRow } = layout;
  return func(
    `${kernel.name}_sums`,
    ['products', 'sums', 'scratch', 'panels'],
    (b, products, sums, scratch, panels) => {
      const entry = b.variable(add(scratch, i32(layout.sumTable)), 'entry');
      const panel = b.variable(products, 'panel');
      b.for(i32(0), panels, 1, () => {
        b.for(i32(0), i32(TILE_VECTORS * lanes * 4), lanes * 4, (half) => {
          const from = b.let(add(get(panel), half), 'from');
          const targets = Array.from({ length: lanes }, (_, lane) =>
            b.let(add(sums, load('i32', get(entry), lane * 4)), 'target'),
          );
          for (let i = 0; i < TILE_INPUTS; i++) {
            const inputs = six(b, (j) => load('f32', from, (i * TILE_INPUTS + j) * productPoint, true));
            transformOutput(b, inputs).forEach((value, x) => {
              const kept = b.let(value);
              targets.forEach((target, lane) => {
                b.store('f32', target, extract(kept, lane), i * sumRow + x * 4);
              });
            });
          }
          b.set(entry, add(get(entry), i32(lanes * 4)));
        });
        b.set(panel, add(get(panel), i32(productPanel)));
      });
    },
  );
}

/** Transforms back along columns into whole rows. Parameters: `sums` (of this image), `finished`, `rows` (of tiles). */
function finishFunction(kernel: WinogradKernel, layout: WinogradLayout, lanes: number): Func {
  const { sumRow, finishedRow } = layout;
  return func(`${kernel.name}_finish`, ['sums', 'finished', 'rows'], (b, sums, finished, rows) => {
    const from = b.variable(sums, 'from');
    const to = b.variable(finished, 'to');
    b.for(i32(0), rows, 1, () => {
      // From the right, since vectors reach over the end of a row into the next.
      const lastColumn = (Math.ceil(finishedRow / 4 / lanes) - 1) * lanes * 4;
      b.for(i32(0), i32(lastColumn + 1), lanes * 4, (fromRight) => {
        const column = b.let(sub(i32(lastColumn), fromRight), 'column');
        const at = b.let(add(get(from), column), 'at');
        const target = b.let(add(get(to), column), 'target');
        const inputs = six(b, (i) => load('f32', at, i * sumRow, true));
        transformOutput(b, inputs).forEach((value, y) => {
          b.store('f32', target, value, y * finishedRow);
        });
      });
      b.set(from, add(get(from), i32(TILE_INPUTS * sumRow)));
      b.set(to, add(get(to), i32(TILE_OUTPUTS * finishedRow)));
    });
  });
}

/** Takes an image out of a mosaic. */
const cutFunction = (kernel: WinogradKernel, layout: WinogradLayout, lanes: number): Func =>
  copyFunction(`${kernel.name}_cut`, {
    lanes,
    width: kernel.x.extent,
    stride: 1,
    rowBytes: layout.finishedRow,
    paddedRow: kernel.x.extent * 4,
  });

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
