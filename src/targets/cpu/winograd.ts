/**
 * 3x3 convolutions by Winograd's minimal filtering, F(4x4, 3x3): a tile of 4x4 outputs takes 36 multiplications per pair of channels instead of 144. A
 * unit of work transforms the inputs of some tiles for all channels, multiplies them with the transformed filters (36 matrix products, one for
 * each point), and transforms the products back. After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016).
 */
import { filterPointSize } from '../../compiler/winograd.js';
import type { WinogradFilterKernel, WinogradKernel } from '../../compiler/kernel.js';
import { split } from './contraction-axes.js';
import type { ContractionCode, ContractionOptions } from './contraction.js';
import { mergeStores } from './contraction-stores.js';
import { tileFunction } from './contraction-tile.js';
import { TILE_ROWS, TILE_VECTORS } from './winograd-plan.js';
import {
  add,
  binary,
  func,
  get,
  i32,
  lanes as lanesOf,
  load,
  mul,
  select,
  compare,
  sub,
  type Builder,
  type Expr,
} from './ir.js';
import type { LoweredKernel } from './lowered-kernel.js';
import { inputFunctions } from './winograd-inputs.js';
import { outputFunctions } from './winograd-outputs.js';
import { layoutOf, planWinograd, type WinogradLayout, type WinogradPlan } from './winograd-plan.js';
import { TILE_INPUTS, TILE_OUTPUTS, TILE_POINTS, transformFilter } from './winograd-transforms.js';

/** Rough operations, in those of a tile of the matrix kernel, to transform four inputs, or four products. */
const TRANSFORM_FLOPS = 600;

/** Lowers the convolution proper. Results do not depend on how units are shared among threads. */
export function lowerWinograd(kernel: WinogradKernel, options: ContractionOptions): ContractionCode {
  const { lanes } = options.machine;
  const { name } = kernel;
  const plan = planWinograd(kernel, lanes);
  const layout = layoutOf(plan, kernel, lanes);
  const outChannels = kernel.outChannel.extent;
  const rest = outChannels % TILE_ROWS;
  const tile = (suffix: string, rows: number): ReturnType<typeof tileFunction> =>
    tileFunction(
      `${name}_${suffix}`,
      Array.from({ length: rows }, (_, row) => row * 4),
      { machine: options.machine, vectors: TILE_VECTORS, steps: { kind: 'stride', bytes: TILE_ROWS * 4 }, blocked: false },
    );
  const merged = mergeStores(kernel.stores, [[kernel.image], [kernel.outChannel], [kernel.y, kernel.x]]);
  const functions = [
    tile('tile', TILE_ROWS),
    ...(rest === 0 ? [] : [tile('lastTile', rest)]),
    ...inputFunctions(kernel, plan, layout, lanes),
    productsFunction(kernel, plan, layout, lanes),
    ...outputFunctions(kernel, plan, layout, merged, options),
    unitFunction(kernel, plan, layout, options),
    func(`${name}_units`, ['table', 'begin', 'end', 'scratch'], (b, table, begin, end, scratch) => {
      fillTables(b, plan, layout, lanes, scratch);
      b.for(begin, end, 1, (unit) => {
        b.call(`${name}_unit`, table, unit, scratch);
      });
    }),
  ];
  const { channel } = kernel;
  const direct = kernel.image.extent * kernel.y.extent * kernel.x.extent * channel.extent * outChannels * 9;
  const tiles = plan.totalPanels * TILE_VECTORS * lanes;
  return {
    functions,
    entry: `${name}_units`,
    units: plan.imageBlocks * plan.rowBlocks,
    scratchBytes: layout.bytes,
    flops: 2 * direct,
    work:
      (2 * tiles * TILE_POINTS * channel.extent * outChannels +
        (tiles / lanes) * (channel.extent + outChannels) * TRANSFORM_FLOPS) /
      4,
  };
}

/** Where each tile of a unit lies. What is computed for tiles past the last goes where nobody looks. */
function fillTables(
  b: Builder,
  plan: WinogradPlan,
  layout: WinogradLayout,
  lanes: number,
  scratch: Expr,
): void {
  const tiles = plan.mosaics * plan.rows * plan.across;
  b.for(i32(0), i32(plan.panels * TILE_VECTORS * lanes), 1, (tile) => {
    const inside = b.let(compare('lt', tile, i32(tiles)));
    const [mosaic, inMosaic] = split(b, tile, plan.rows * plan.across);
    const [row, column] = split(b, inMosaic, plan.across);
    const place = (mosaicBytes: number, lineBytes: number): Expr =>
      add(
        add(mul(mosaic, i32(mosaicBytes)), mul(row, i32(TILE_INPUTS * lineBytes))),
        mul(column, i32(TILE_OUTPUTS * 4)),
      );
    const at = b.let(add(scratch, mul(tile, i32(4))));
    const line = place(layout.lineMosaic, layout.paddedRow);
    const sum = place(layout.sumMosaic, layout.sumRow);
    b.store('i32', at, select(inside, line, i32(0)), layout.lineTable);
    b.store('i32', at, select(inside, sum, i32(plan.mosaics * layout.sumMosaic)), layout.sumTable);
  });
}

/** One unit: inputs of all channels, then some output channels at a time. */
function unitFunction(
  kernel: WinogradKernel,
  plan: WinogradPlan,
  layout: WinogradLayout,
  options: ContractionOptions,
): ReturnType<typeof func> {
  const { name, input } = kernel;
  const width = TILE_VECTORS * options.machine.lanes;
  return func(`${name}_unit`, ['table', 'unit', 'scratch'], (b, table, unit, scratch) => {
    const [imageBlock, rowBlock] = split(b, unit, plan.rowBlocks);
    const limited = (block: Expr, size: number, extent: number): [Expr, Expr] => {
      const begin = b.let(mul(block, i32(size)), 'begin');
      return [begin, b.let(binary('minS', i32(size), sub(i32(extent), begin)), 'count')];
    };
    const [image, images] = limited(imageBlock, plan.images, kernel.image.extent);
    const [row, rows] = limited(rowBlock, plan.rows, plan.down);
    const perMosaic = plan.mosaic.down * plan.mosaic.across;
    const mosaics = binary('divU', add(images, i32(perMosaic - 1)), i32(perMosaic));
    const tiles = mul(mul(mosaics, rows), i32(plan.across));
    const panels = b.let(binary('divU', add(tiles, i32(width - 1)), i32(width)), 'panels');
    const source = add(
      add(options.baseOf(b, table, input.buffer), i32(input.offset * 4)),
      mul(image, i32((input.strides.get(kernel.image) ?? 0) * 4)),
    );
    b.call(`${name}_inputs`, b.let(source, 'source'), images, row, rows, panels, scratch);
    const filters = b.let(options.baseOf(b, table, kernel.filters), 'filters');
    const outChannels = kernel.outChannel.extent;
    b.for(i32(0), i32(outChannels), plan.channels, (channel) => {
      const channels = b.let(binary('minS', i32(plan.channels), sub(i32(outChannels), channel)), 'channels');
      b.call(`${name}_products`, filters, channel, channels, panels, scratch);
      b.call(`${name}_outputs`, table, image, images, row, rows, channel, channels, panels, scratch);
    });
  });
}

const filterTileBytes = (kernel: WinogradKernel): number => kernel.channel.extent * TILE_ROWS * 4;

/** The matrix products of some output channels. Parameters: `filters` (all), `channel` (the first), `channels`, `panels`, `scratch`. */
function productsFunction(
  kernel: WinogradKernel,
  plan: WinogradPlan,
  layout: WinogradLayout,
  lanes: number,
): ReturnType<typeof func> {
  const { name } = kernel;
  const outChannels = kernel.outChannel.extent;
  const pointBytes = filterPointSize(kernel.channel.extent, outChannels) * 4;
  const tileBytes = filterTileBytes(kernel);
  const productTile = TILE_ROWS * TILE_VECTORS * lanes * 4;
  return func(
    `${name}_products`,
    ['filters', 'channel', 'channels', 'panels', 'scratch'],
    (b, filters, channel, channels, panels, scratch) => {
      const firstTile = b.let(binary('divU', channel, i32(TILE_ROWS)), 'tile');
      const count = b.let(binary('divU', channels, i32(TILE_ROWS)), 'count');
      const last = b.let(sub(channels, mul(count, i32(TILE_ROWS))), 'last');
      b.for(i32(0), i32(TILE_POINTS), 1, (point) => {
        const inputs = b.let(add(add(scratch, i32(layout.inputs)), mul(point, i32(layout.inputPoint))));
        const products = b.let(add(add(scratch, i32(layout.products)), mul(point, i32(layout.productPoint))));
        const start = add(mul(point, i32(pointBytes)), mul(firstTile, i32(tileBytes)));
        const filter = b.variable(add(filters, start), 'filter');
        const row = (suffix: string, target: Expr): void => {
          b.for(i32(0), panels, 1, (panel) => {
            const from = b.let(add(inputs, mul(panel, i32(layout.inputPanel))), 'panel');
            const to = b.let(add(target, mul(panel, i32(layout.productPanel))), 'to');
            b.call(
              `${name}_${suffix}`,
              get(filter),
              from,
              add(from, i32(layout.inputPanel)),
              to,
              i32(0),
              i32(1),
            );
          });
          b.set(filter, add(get(filter), i32(tileBytes)));
        };
        b.for(i32(0), count, 1, (tile) => {
          row('tile', b.let(add(products, mul(tile, i32(productTile))), 'target'));
        });
        if (outChannels % TILE_ROWS !== 0) {
          b.if(last, () => {
            row('lastTile', b.let(add(products, mul(count, i32(productTile))), 'target'));
          });
        }
      });
    },
  );
}

/** Lowers the transform of the filters, GgGᵀ. A unit is a tile of output channels. */
export function lowerWinogradFilter(
  kernel: WinogradFilterKernel,
  lanes: number,
  baseOf: ContractionOptions['baseOf'],
): LoweredKernel {
  const { name, outChannel, channel, source } = kernel;
  const pointBytes = filterPointSize(channel.extent, outChannel.extent) * 4;
  const bytesOf = (v: WinogradFilterKernel['row']): number => (source.strides.get(v) ?? 0) * 4;
  const run = func(name, ['table', 'begin', 'end'], (b, table, begin, end) => {
    const from = b.let(add(baseOf(b, table, source.buffer), i32(source.offset * 4)), 'from');
    const to = b.let(baseOf(b, table, kernel.buffer), 'to');
    b.for(begin, end, 1, (tile) => {
      // The last tile repeats the last filter where it has no more of its own.
      const rows = Array.from({ length: TILE_ROWS }, (_, row) => {
        const out = binary('minS', add(mul(tile, i32(TILE_ROWS)), i32(row)), i32(outChannel.extent - 1));
        return b.let(add(from, mul(b.let(out), i32(bytesOf(outChannel)))), 'row');
      });
      const distance = b.variable(i32(0), 'distance');
      const target = b.variable(add(to, mul(tile, i32(channel.extent * TILE_ROWS * 4))), 'target');
      b.for(i32(0), i32(channel.extent), 1, () => {
        // The second vector overlaps the first.
        for (const first of [0, TILE_ROWS - lanes]) {
          const starts = rows
            .slice(first, first + lanes)
            .map((row) => b.let(add(row, get(distance)), 'start'));
          const at = (y: number, x: number): Expr => {
            const step = i32(y * bytesOf(kernel.row) + x * bytesOf(kernel.column));
            return b.let(lanesOf(starts.map((start) => load('f32', add(start, step)))), 'g');
          };
          const columns = [0, 1, 2].map((x) =>
            transformFilter(b, at(0, x), at(1, x), at(2, x)).map((each) => b.let(each)),
          );
          for (let i = 0; i < TILE_INPUTS; i++) {
            const [g0, g1, g2] = columns.map((column) => column[i]) as [Expr, Expr, Expr];
            transformFilter(b, g0, g1, g2).forEach((value, j) => {
              b.store('f32', get(target), value, (i * TILE_INPUTS + j) * pointBytes + first * 4);
            });
          }
        }
        b.set(distance, add(get(distance), i32(bytesOf(channel))));
        b.set(target, add(get(target), i32(TILE_ROWS * 4)));
      });
    });
  });
  return {
    functions: [run],
    entry: name,
    units: Math.ceil(outChannel.extent / TILE_ROWS),
    unitWork: channel.extent * 300,
  };
}
